//! SQLite backend (in work).
#[derive(Debug)]
pub struct SqliteStore;
