//! PostgreSQL backend (in work).
#[derive(Debug)]
pub struct PostgresStore;
