//! mimamori-report
