//! What PostgreSQL says differently.

pub(super) type Db = sqlx::Postgres;
pub(super) type Conn = sqlx::PgConnection;
pub(super) type Row = sqlx::postgres::PgRow;
pub(super) type Backend = super::PostgresStore;

/// Several nodes write: what was read to be changed stays locked.
pub(super) const LOCK_ROW: &str = " FOR UPDATE";
/// Workers take different rows instead of waiting for one another.
pub(super) const SKIP_LOCKED: &str = " FOR UPDATE SKIP LOCKED";

/// Tables with a partition for each day; rows of other days stand in the rest's table.
pub(super) const BY_DAYS: &[&str] =
    &["detections", "usage_hours", "usage_days", "inspection_hours", "uptime"];

/// What the rest's table has behind its name.
pub(super) const REST: &str = "_default";

/// Makes the partitions of these days, both included, where they are missing.
pub(super) async fn make_days(c: &mut Conn, first: i64, last: i64) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT app_make_days($1, $2)").bind(first).bind(last).execute(c).await?;
    Ok(())
}

/// Drops the partitions of the days before. Says how many.
pub(super) async fn drop_days(c: &mut Conn, before: i64) -> Result<u64, sqlx::Error> {
    let dropped: i64 = sqlx::query_scalar("SELECT app_drop_days($1)").bind(before).fetch_one(c).await?;
    Ok(dropped.unsigned_abs())
}

/// Partitions of detections follow their ids: a bound on the id spares the older ones.
pub(super) const PRUNES_BY_ID: bool = true;

/// Partitions of a day have small indexes: none is dropped.
#[expect(clippy::unused_async, reason = "SQLite does something here")]
pub(super) async fn drop_indexes_by_time(_: &mut Conn) -> Result<Vec<String>, sqlx::Error> {
    Ok(Vec::new())
}

/// How large the database is.
pub(super) const SIZE: &str = "SELECT pg_database_size(current_database())";
