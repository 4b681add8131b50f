//! mimamori-detect
