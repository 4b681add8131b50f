//! mimamori-ingest
