//! PostgreSQL: for many nodes (SC-02). `FORCE ROW LEVEL SECURITY` under a role that cannot
//! bypass it; the scope of each transaction is a setting that ends with it.

mod dialect;
mod migrate;

#[path = "../sql/mod.rs"]
mod sql;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions as _, PgPool, Row as _};

use crate::error::{Result, StoreError};
use crate::scope::{Reach, Scope};

pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'c>>;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    pool: PgPool,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's options hold the password.
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects, brings the tables up to date, and checks that the role cannot see past row
    /// level security and that a commit means the disk.
    pub async fn open(url: &str, connections: u32) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(StoreError::Refused(
                "the address of the database has to start with postgres://".to_owned(),
            ));
        }
        let options = PgConnectOptions::from_str(url)
            .map_err(|e| StoreError::Refused(format!("the address of the database is wrong: {e}")))?
            .application_name("mimamori");
        let mut owner = options.connect().await?;
        let needs_role = migrate::run(&mut owner).await?;
        let durable = sqlx::query("SHOW synchronous_commit").fetch_one(&mut owner).await?;
        if durable.try_get::<String, _>(0)? == "off" {
            return Err(StoreError::Refused(
                "synchronous_commit is off: a power cut would lose reports that gateways have deleted. Set it to on".to_owned(),
            ));
        }
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(1))
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |conn, _| {
                Box::pin(async move {
                    // Plans over ninety days of partitions look dear; compiling them takes longer
                    // than running them.
                    sqlx::raw_sql("SET jit = off").execute(&mut *conn).await?;
                    if needs_role {
                        let _: &str = migrate::APP_ROLE;
                        sqlx::raw_sql("SET ROLE mimamori_app").execute(&mut *conn).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await?;
        let mut conn = pool.acquire().await?;
        if migrate::bypasses(&mut conn).await? {
            return Err(StoreError::Refused(
                "the database role can bypass row level security; use a role that cannot".to_owned(),
            ));
        }
        drop(conn);
        Ok(PostgresStore { pool })
    }

    async fn read<T, F>(&self, scope: Scope, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Send,
        T: Send,
    {
        self.transact(scope, work).await
    }

    async fn write<T, F>(&self, scope: Scope, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Send + 'static,
        T: Send + 'static,
    {
        self.transact(scope, work).await
    }

    async fn transact<T, F>(&self, scope: Scope, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Send,
        T: Send,
    {
        let (name, id) = match scope.0 {
            Reach::Customer(id) => ("customer", id.to_string()),
            Reach::Reseller(id) => ("reseller", id.to_string()),
            Reach::Operator => ("operator", String::new()),
            Reach::System => ("system", String::new()),
        };
        let mut tx = self.pool.begin().await.map_err(|e| match e {
            // The pool keeps trying to connect until its time is up.
            sqlx::Error::PoolTimedOut => StoreError::Unavailable(Box::new(e)),
            other => other.into(),
        })?;
        // `true`: the settings end with the transaction.
        sqlx::query("SELECT set_config('app.scope', $1, true), set_config('app.id', $2, true)")
            .bind(name)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let out = work(&mut tx).await?;
        tx.commit().await?;
        Ok(out)
    }

    async fn check(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    async fn shut_down(&self) {
        self.pool.close().await;
    }
}
