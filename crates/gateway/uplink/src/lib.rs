//! mimamori-uplink
