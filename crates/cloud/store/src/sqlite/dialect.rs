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

/// Drops the indexes that are in the order of time; says how to make them again.
pub(super) async fn drop_indexes_by_time(c: &mut Conn) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND (name LIKE '%_by_age' \
         OR name IN ('detections_by_id', 'detections_by_receipt', 'detections_by_signature'))",
    )
    .fetch_all(&mut *c)
    .await?;
    let mut made = Vec::with_capacity(rows.len());
    for (name, sql) in rows {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP INDEX {name}"))).execute(&mut *c).await?;
        made.push(sql);
    }
    Ok(made)
}

/// How large the database is.
pub(super) const SIZE: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
