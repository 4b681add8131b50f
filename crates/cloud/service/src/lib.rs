//! mimamori-service
