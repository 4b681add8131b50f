//! mimamori-jobs
