//! Embedded migrations, in order; the version is SQLite's own `user_version`.

use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use crate::error::{Result, StoreError};

/// What was released never changes: a change is a new file.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001.sql"),
    include_str!("../../migrations/sqlite/0002.sql"),
    include_str!("../../migrations/sqlite/0003.sql"),
    include_str!("../../migrations/sqlite/0004.sql"),
    include_str!("../../migrations/sqlite/0005.sql"),
    include_str!("../../migrations/sqlite/0006.sql"),
    include_str!("../../migrations/sqlite/0007.sql"),
    include_str!("../../migrations/sqlite/0008.sql"),
    include_str!("../../migrations/sqlite/0009.sql"),
    include_str!("../../migrations/sqlite/0010.sql"),
    include_str!("../../migrations/sqlite/0011.sql"),
    include_str!("../../migrations/sqlite/0012.sql"),
];

/// Brings the tables up to date; refuses a file that a newer program wrote.
pub(super) async fn run(conn: &mut SqliteConnection) -> Result<()> {
    let row = sqlx::query("PRAGMA user_version").fetch_one(&mut *conn).await?;
    let have = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
    if have > MIGRATIONS.len() {
        return Err(StoreError::Refused(format!(
            "this file was written by a newer version of the program (schema {have}, known {})",
            MIGRATIONS.len()
        )));
    }
    for (i, sql) in MIGRATIONS.iter().enumerate().skip(have) {
        let mut tx = conn.begin().await?;
        sqlx::raw_sql(*sql).execute(&mut *tx).await?;
        let mark = format!("PRAGMA user_version = {}", i + 1);
        sqlx::raw_sql(AssertSqlSafe(mark)).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}
