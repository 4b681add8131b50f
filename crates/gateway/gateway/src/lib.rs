//! mimamori-gateway
