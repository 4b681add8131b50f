//! mimamori-web
