//! Push decoders for compressed bodies.
