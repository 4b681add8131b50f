//! What SQLite says differently.

pub(super) type Db = sqlx::Sqlite;
pub(super) type Conn = sqlx::SqliteConnection;
pub(super) type Row = sqlx::sqlite::SqliteRow;
pub(super) type Backend = super::SqliteStore;

/// One writer: nothing to lock.
pub(super) const LOCK_ROW: &str = "";
pub(super) const SKIP_LOCKED: &str = "";

/// SQLite has no partitions: old rows are deleted.
pub(super) const BY_DAYS: &[&str] = &[];
pub(super) const REST: &str = "";

#[expect(clippy::unused_async, reason = "PostgreSQL does something here")]
pub(super) async fn make_days(_: &mut Conn, _: i64, _: i64) -> Result<(), sqlx::Error> {
    Ok(())
}

#[expect(clippy::unused_async, reason = "PostgreSQL does something here")]
pub(super) async fn drop_days(_: &mut Conn, _: i64) -> Result<u64, sqlx::Error> {
    Ok(0)
}

/// A bound on the id would only tempt the planner away from the index by time.
pub(super) const PRUNES_BY_ID: bool = false;
