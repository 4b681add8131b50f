//! Push decoders for compressed bodies, for input that lies.
//!
//! Responsible for undoing a stack of content codings ([`Decoder`]). What is declared is taken
//! as a hint: each layer looks at its bytes, tries what fits, and where nothing fits passes the
//! bytes on as they are, so that a lie about the coding hides nothing. Holds always: the work
//! done is bounded by [`Limits`]; any cut of the input gives the same output. Deliberately not
//! here: archives.

mod brotli;
mod inflate;
mod layer;
mod lzma;
mod raw;

pub use layer::{Coding, Decoder, Limits, Problem};
pub use raw::MessageInflate;
