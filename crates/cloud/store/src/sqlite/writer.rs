//! The one writer: takes whatever waits (up to a cap), runs each piece inside a savepoint, and
//! commits once. One fsync serves many callers; a piece that fails rolls back alone.
//!
//! Holds always: a caller hears `Ok` only after the commit. The queue is bounded; when it is
//! full, callers wait (the gateways' requests are the queue behind it).

use std::sync::{Mutex, PoisonError};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Work, migrate};
use crate::error::{Result, StoreError};

/// Pieces of work that wait at most.
const QUEUE_MAX: usize = 256;
/// Pieces of work that share one commit at most.
const GROUP_MAX: usize = 64;

type Reply = Box<dyn FnOnce(std::result::Result<(), CommitFailed>) + Send>;
type Piece = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Reply> + Send>;

/// The group's commit failed; each caller gets the reason.
#[derive(Clone)]
struct CommitFailed {
    reason: String,
    full: bool,
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Piece>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) async fn start(options: &SqliteConnectOptions) -> Result<Self> {
        let mut conn = options.connect().await?;
        migrate::run(&mut conn).await?;
        let (queue, pieces) = mpsc::channel(QUEUE_MAX);
        let task = tokio::spawn(serve(conn, pieces));
        Ok(Writer { queue: Mutex::new(Some(queue)), task: Mutex::new(Some(task)) })
    }

    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<T>>();
        let piece: Piece = Box::new(move |conn| {
            Box::pin(async move {
                match work(conn).await {
                    Ok(value) => {
                        let reply: Reply = Box::new(move |committed| {
                            // A caller that went away does not want to know.
                            let _ = answer.send(committed.map(|()| value).map_err(CommitFailed::into_error));
                        });
                        Ok(reply)
                    }
                    Err(e) => {
                        let fatal = matches!(e, StoreError::DiskFull(_) | StoreError::Unavailable(_));
                        let _ = answer.send(Err(e));
                        // The savepoint is rolled back; a fatal fault ends the group.
                        Err(if fatal { StoreError::Busy("writer") } else { StoreError::Conflict })
                    }
                }
            })
        });
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(closed)?;
        queue.send(piece).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Finishes what is queued.
    pub(super) async fn stop(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(e) = task.await
        {
            tracing::error!(error = %e, "the writer of the database ended badly");
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

impl CommitFailed {
    fn of(e: StoreError) -> Self {
        let full = matches!(e, StoreError::DiskFull(_));
        let reason = match e {
            StoreError::DiskFull(cause) | StoreError::Unavailable(cause) | StoreError::Database(cause) => {
                cause.to_string()
            }
            other => other.to_string(),
        };
        CommitFailed { reason, full }
    }

    fn into_error(self) -> StoreError {
        if self.full {
            StoreError::DiskFull(self.reason.into())
        } else {
            StoreError::Unavailable(self.reason.into())
        }
    }
}

async fn serve(mut conn: SqliteConnection, mut pieces: mpsc::Receiver<Piece>) {
    let mut waiting = Vec::with_capacity(GROUP_MAX);
    while pieces.recv_many(&mut waiting, GROUP_MAX).await > 0 {
        let mut replies = Vec::with_capacity(waiting.len());
        let committed = match group(&mut conn, waiting.drain(..), &mut replies).await {
            Ok(()) => Ok(()),
            Err(e) => {
                tracing::error!(error = %e, "a commit to the database failed; nothing of it was stored");
                // Fails when the engine has already rolled back.
                let _ = sqlx::raw_sql("ROLLBACK").execute(&mut conn).await;
                Err(CommitFailed::of(e))
            }
        };
        for reply in replies {
            reply(committed.clone());
        }
    }
    if let Err(e) = conn.close().await {
        tracing::warn!(error = %e, "closing the database");
    }
}

/// One transaction. Pieces whose reply is not in `replies` have answered their caller.
async fn group(
    conn: &mut SqliteConnection,
    pieces: impl Iterator<Item = Piece>,
    replies: &mut Vec<Reply>,
) -> Result<()> {
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *conn).await?;
    for piece in pieces {
        sqlx::raw_sql("SAVEPOINT piece").execute(&mut *conn).await?;
        match piece(conn).await {
            Ok(reply) => {
                sqlx::raw_sql("RELEASE piece").execute(&mut *conn).await?;
                replies.push(reply);
            }
            Err(_) => {
                sqlx::raw_sql("ROLLBACK TO piece; RELEASE piece").execute(&mut *conn).await?;
            }
        }
    }
    sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
    Ok(())
}
