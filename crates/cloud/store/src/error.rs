//! What can go wrong in a store, sorted by what the caller can do about it.

/// Boxed cause, for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row within the scope: the same answer as for a row of somebody else.
    #[error("not found")]
    NotFound,
    /// The row changed since it was read, or somebody else did the work. Read again.
    #[error("the state has changed meanwhile")]
    Conflict,
    /// A name that must be unique is taken.
    #[error("already exists")]
    Duplicate,
    #[error("not allowed within this scope")]
    OutOfScope,
    /// A bounded queue is full. Try again later; nothing was stored.
    #[error("the store is busy: {0}")]
    Busy(&'static str),
    /// A bound of what is kept for one customer is reached; waiting does not help.
    #[error("there is no room for more {0}")]
    Full(&'static str),
    #[error(
        "the disk of the database is full; nothing was stored. Free some space, the service goes on by itself"
    )]
    DiskFull(#[source] Cause),
    #[error(
        "the database cannot be reached; nothing was stored. Check that it runs and that its address is right"
    )]
    Unavailable(#[source] Cause),
    #[error("the database refused: {0}")]
    Refused(String),
    /// A stored row cannot be understood.
    #[error("a row of {table} cannot be read: {reason}")]
    Corrupt { table: &'static str, reason: String },
    #[error("database error")]
    Database(#[source] Cause),
}

impl StoreError {
    /// Whether trying again later can help, with nothing changed.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self, StoreError::Busy(_) | StoreError::DiskFull(_) | StoreError::Unavailable(_))
    }

    pub(crate) fn corrupt(table: &'static str, reason: impl std::fmt::Display) -> Self {
        StoreError::Corrupt { table, reason: reason.to_string() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> Self {
        match &e {
            sqlx::Error::RowNotFound => StoreError::NotFound,
            sqlx::Error::PoolTimedOut => StoreError::Busy("no free connection"),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => StoreError::Unavailable(Box::new(e)),
            sqlx::Error::Database(d) => {
                let code = d.code().unwrap_or_default().into_owned();
                if d.is_unique_violation() { StoreError::Duplicate } else { by_code(&code, e) }
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::corrupt("?", e),
            _ => StoreError::Database(Box::new(e)),
        }
    }
}

/// SQLite gives its extended result code as a number, PostgreSQL an SQLSTATE of five characters.
fn by_code(code: &str, e: sqlx::Error) -> StoreError {
    match code {
        // SQLITE_FULL; disk_full
        "13" | "53100" => StoreError::DiskFull(Box::new(e)),
        // SQLITE_BUSY, SQLITE_LOCKED and their kin
        "5" | "6" | "261" | "517" => StoreError::Busy("the database is locked"),
        // serialization_failure, deadlock_detected, too_many_connections
        "40001" | "40P01" | "53300" => StoreError::Busy("the database is busy"),
        // SQLITE_IOERR (also a full disk seen from a write), SQLITE_CANTOPEN
        "10" | "778" | "1034" | "14" => StoreError::Unavailable(Box::new(e)),
        // admin_shutdown, crash_shutdown, cannot_connect_now
        "57P01" | "57P02" | "57P03" => StoreError::Unavailable(Box::new(e)),
        // insufficient_privilege: row level security said no
        "42501" => StoreError::OutOfScope,
        _ => StoreError::Database(Box::new(e)),
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;
