//! mimamori-reputation
