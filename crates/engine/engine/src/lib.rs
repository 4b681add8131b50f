//! mimamori-engine
