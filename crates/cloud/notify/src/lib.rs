//! mimamori-notify
