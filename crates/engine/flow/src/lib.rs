//! mimamori-flow
