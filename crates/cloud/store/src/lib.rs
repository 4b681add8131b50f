//! mimamori-store
