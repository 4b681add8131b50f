//! mimamori-packet
