//! A small SMTP server that keeps what it receives: the demo's mailbox, and the tests' server.
//!
//! Holds always: lines, messages, connections and the mailbox are bounded; when the mailbox is
//! full the oldest message goes and is counted. Deliberately not here: relaying, delivery,
//! anything for the open Internet.

mod mailbox;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::Clock;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub use mailbox::{Mailbox, Received};
pub use session::{Act, Stage};

/// Conversations at once; more wait for a place.
const CONNECTIONS_MAX: usize = 64;

/// Decides what the server does at each stage: how tests make it misbehave.
pub type Temper = Arc<dyn Fn(Stage, &str) -> Act + Send + Sync>;

#[derive(Clone)]
pub struct ReceiverConfig {
    /// Port 0: any free one.
    pub listen: SocketAddr,
    /// Offers STARTTLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Speaks TLS from the first byte (needs `tls`).
    pub implicit_tls: bool,
    /// Demands AUTH with this name and password.
    pub login: Option<(String, String)>,
    pub temper: Option<Temper>,
    /// Ends a conversation that is silent for this long.
    pub idle: Duration,
}

impl std::fmt::Debug for ReceiverConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiverConfig").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl ReceiverConfig {
    /// Plain text on a free port of this machine.
    #[must_use]
    pub fn loopback() -> Self {
        ReceiverConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            implicit_tls: false,
            login: None,
            temper: None,
            idle: Duration::from_secs(60),
        }
    }
}

/// The running server.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    mailbox: Mailbox,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts to listen.
    pub async fn start(
        config: ReceiverConfig,
        mailbox: Mailbox,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, config, mailbox.clone(), clock, stopped));
        Ok(Receiver { address, mailbox, stop, task })
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }

    /// Stops listening and cuts what is running.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn serve(
    listener: TcpListener,
    config: ReceiverConfig,
    mailbox: Mailbox,
    clock: Arc<dyn Clock>,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let acceptor = config.tls.clone().map(TlsAcceptor::from);
    let config = Arc::new(config);
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        while sessions.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else { continue };
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (config, mailbox, clock) = (config.clone(), mailbox.clone(), clock.clone());
        let acceptor = acceptor.clone();
        sessions.spawn(async move {
            if let Err(e) = session::run(stream, &config, acceptor, &mailbox, &*clock).await {
                tracing::debug!(error = %e, "mail conversation ended early");
            }
            drop(place);
        });
    }
}
