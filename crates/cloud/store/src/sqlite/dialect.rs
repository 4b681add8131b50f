//! What SQLite says differently.

pub(super) type Db = sqlx::Sqlite;
pub(super) type Conn = sqlx::SqliteConnection;
pub(super) type Row = sqlx::sqlite::SqliteRow;
pub(super) type Backend = super::SqliteStore;

/// One writer: nothing to lock.
pub(super) const LOCK_ROW: &str = "";
pub(super) const SKIP_LOCKED: &str = "";
