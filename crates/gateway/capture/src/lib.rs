//! mimamori-capture
