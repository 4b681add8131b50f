//! What PostgreSQL says differently.

pub(super) type Db = sqlx::Postgres;
pub(super) type Conn = sqlx::PgConnection;
pub(super) type Row = sqlx::postgres::PgRow;
pub(super) type Backend = super::PostgresStore;

/// Several nodes write: what was read to be changed stays locked.
pub(super) const LOCK_ROW: &str = " FOR UPDATE";
/// Workers take different rows instead of waiting for one another.
pub(super) const SKIP_LOCKED: &str = " FOR UPDATE SKIP LOCKED";
