//! mimamori-rules
