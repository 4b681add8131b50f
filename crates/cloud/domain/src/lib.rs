//! mimamori-domain
