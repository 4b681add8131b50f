//! Embedded migrations and the role that the program works under.
//!
//! Holds always: the role that runs queries is neither superuser nor exempt from row level
//! security; if it cannot be made so, the store does not open.

use sqlx::{Connection as _, PgConnection, Row as _};

use crate::error::{Result, StoreError};

/// What was released never changes: a change is a new file.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/postgres/0001.sql"),
    include_str!("../../migrations/postgres/0002.sql"),
    include_str!("../../migrations/postgres/0003.sql"),
    include_str!("../../migrations/postgres/0004.sql"),
    include_str!("../../migrations/postgres/0005.sql"),
    include_str!("../../migrations/postgres/0006.sql"),
    include_str!("../../migrations/postgres/0007.sql"),
    include_str!("../../migrations/postgres/0008.sql"),
    include_str!("../../migrations/postgres/0009.sql"),
    include_str!("../../migrations/postgres/0010.sql"),
    include_str!("../../migrations/postgres/0011.sql"),
    include_str!("../../migrations/postgres/0012.sql"),
];

/// The role that queries run under when the login role could bypass row level security.
pub(super) const APP_ROLE: &str = "mimamori_app";
/// Any number that other programs on the same database do not lock.
const MIGRATION_LOCK: i64 = 0x6d69_6d61_6d6f_7269;

/// Brings the tables up to date. Says whether queries have to run under [`APP_ROLE`].
pub(super) async fn run(conn: &mut PgConnection) -> Result<bool> {
    let mut tx = conn.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *tx).await?;
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query("SELECT COUNT(*) AS n FROM schema_version").fetch_one(&mut *tx).await?;
    let have = usize::try_from(row.try_get::<i64, _>("n")?).unwrap_or(usize::MAX);
    if have > MIGRATIONS.len() {
        return Err(StoreError::Refused(format!(
            "this database was written by a newer version of the program (schema {have}, known {})",
            MIGRATIONS.len()
        )));
    }
    for (i, sql) in MIGRATIONS.iter().enumerate().skip(have) {
        sqlx::raw_sql(*sql).execute(&mut *tx).await?;
        let version = i64::try_from(i + 1).unwrap_or(i64::MAX);
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *tx)
            .await?;
    }
    let bypasses = bypasses(&mut tx).await?;
    if bypasses {
        // Roles belong to the whole server: another database may make the same one right now.
        sqlx::raw_sql(
            "DO $$ BEGIN \
                 IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'mimamori_app') THEN \
                     CREATE ROLE mimamori_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE; \
                 END IF; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; \
             END $$; \
             GRANT USAGE ON SCHEMA public TO mimamori_app; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO mimamori_app; \
             GRANT EXECUTE ON FUNCTION app_make_days(BIGINT, BIGINT), app_drop_days(BIGINT) TO mimamori_app; \
             REVOKE ALL ON schema_version FROM mimamori_app;",
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(bypasses)
}

/// Whether the current role could see past row level security.
pub(super) async fn bypasses(conn: &mut PgConnection) -> Result<bool> {
    let row =
        sqlx::query("SELECT rolsuper OR rolbypassrls AS past FROM pg_roles WHERE rolname = current_user")
            .fetch_one(conn)
            .await?;
    Ok(row.try_get("past")?)
}
