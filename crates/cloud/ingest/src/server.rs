//! The listener: TLS with optional client certificates of our CA, HTTP/1 behind it.
//!
//! Holds always: connections, handshakes and commits under way are each bounded; what does not
//! fit waits or is told to come again. A client certificate that is shown must be ours.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use mimamori_base::{Clock, Rng};
use mimamori_domain::GatewayId;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::backend::Backend;
use crate::ca::{CaError, DeviceCa};
use crate::limits::{Limiter, Rate};
use crate::offers::Offers;
use crate::peer::{Peer, identify};
use crate::routes::router;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections are asked to end when the cloud stops, then cut after this.
const FAREWELL: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("gateway port {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Ca(#[from] CaError),
    #[error("TLS set-up: {0}")]
    Tls(String),
}

#[derive(Clone, Debug)]
pub struct IngestConfig {
    pub listen: SocketAddr,
    /// Names and addresses by which gateways reach this listener.
    pub names: Vec<String>,
    pub max_connections: usize,
    pub max_commits: usize,
    pub enrol_rate: Rate,
    pub gateway_rate: Rate,
    /// What gateways are asked to wait while nothing can be stored.
    pub outage_retry: Duration,
    /// The folder of the definition set that gateways are handed; see [`crate::offers`].
    pub definitions: Option<PathBuf>,
}

impl IngestConfig {
    #[must_use]
    pub fn new(listen: SocketAddr, names: Vec<String>) -> Self {
        IngestConfig {
            listen,
            names,
            max_connections: 20_000,
            max_commits: 64,
            enrol_rate: Rate { burst: 10, every: Duration::from_secs(6) },
            gateway_rate: Rate { burst: 100, every: Duration::from_millis(50) },
            outage_retry: Duration::from_secs(15),
            definitions: None,
        }
    }
}

/// What every request sees.
pub(crate) struct Shared<B> {
    pub backend: Arc<B>,
    pub ca: Arc<DeviceCa>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub enrol_limit: Limiter<IpAddr>,
    pub gateway_limit: Limiter<GatewayId>,
    pub commits: Semaphore,
    pub outage_retry: Duration,
    pub offers: Offers,
}

/// A bound listener, ready to serve.
pub struct Ingest<B> {
    listener: TcpListener,
    config: IngestConfig,
    shared: Arc<Shared<B>>,
    tls: TlsAcceptor,
}

impl<B> std::fmt::Debug for Ingest<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("listen", &self.config.listen).finish_non_exhaustive()
    }
}

impl<B: Backend> Ingest<B> {
    pub async fn bind(
        config: IngestConfig,
        ca: Arc<DeviceCa>,
        backend: Arc<B>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, IngestError> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| IngestError::Bind { address: config.listen, source })?;
        let tls = tls_config(&ca, config.names.clone(), clock.clone())?;
        let shared = Shared {
            backend,
            ca,
            clock,
            rng,
            enrol_limit: Limiter::new(config.enrol_rate, 10_000),
            gateway_limit: Limiter::new(config.gateway_rate, 200_000),
            commits: Semaphore::new(config.max_commits),
            outage_retry: config.outage_retry,
            offers: Offers { folder: config.definitions.clone() },
        };
        Ok(Ingest { listener, config, shared: Arc::new(shared), tls: TlsAcceptor::from(Arc::new(tls)) })
    }

    /// The address in use; with port 0 in the configuration, the one that was found.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` turns true and the connections have ended.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) {
        let app = router(self.shared);
        let connections = Arc::new(Semaphore::new(self.config.max_connections));
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|s| *s) => break,
            };
            while tasks.try_join_next().is_some() {}
            let (tcp, from) = match accepted {
                Ok(pair) => pair,
                Err(error) => {
                    // Out of file descriptors, mostly: wait for some to come back.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(permit) = connections.clone().try_acquire_owned() else {
                tracing::warn!(ip = %from.ip(), "too many connections; one was closed");
                continue;
            };
            let (tls, app, stop) = (self.tls.clone(), app.clone(), stop.clone());
            tasks.spawn(async move {
                connection(tcp, from, tls, app, stop).await;
                drop(permit);
            });
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }
}

async fn connection(
    tcp: TcpStream,
    from: SocketAddr,
    tls: TlsAcceptor,
    app: axum::Router,
    mut stop: watch::Receiver<bool>,
) {
    let _ = tcp.set_nodelay(true);
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(tcp)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, ip = %from.ip(), "TLS handshake failed");
            return;
        }
        Err(_) => return,
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let gateway = certificates.and_then(|chain| identify(chain.first()?));
    let peer = Peer { ip: from.ip(), gateway };
    let handler = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        app.clone().call(request)
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), handler);
    let mut serving = std::pin::pin!(serving);
    let stopping = async {
        let _ = stop.wait_for(|s| *s).await;
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        () = stopping => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, ip = %from.ip(), "connection ended");
    }
}

fn tls_config(
    ca: &Arc<DeviceCa>,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
) -> Result<ServerConfig, IngestError> {
    let tls = |e: String| IngestError::Tls(e);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()?).map_err(|e| tls(e.to_string()))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|e| tls(e.to_string()))?;
    let resolver = Renewing { ca: ca.clone(), names, clock, current: Mutex::new(None) };
    // Made once here, so that a wrong name is told at start.
    resolver.certificate()?;
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| tls(e.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(resolver)))
}

/// The listener's own certificate, made anew before it expires.
struct Renewing {
    ca: Arc<DeviceCa>,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    current: Mutex<Option<(Arc<CertifiedKey>, mimamori_base::Timestamp)>>,
}

impl std::fmt::Debug for Renewing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewing").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Renewing {
    fn certificate(&self) -> Result<Arc<CertifiedKey>, IngestError> {
        let now = self.clock.now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((key, renew_after)) = current.as_ref()
            && now < *renew_after
        {
            return Ok(key.clone());
        }
        let made = self.ca.issue_server(&self.names, now)?;
        let signer = rustls::crypto::ring::sign::any_supported_type(&made.key)
            .map_err(|e| IngestError::Tls(e.to_string()))?;
        let key = Arc::new(CertifiedKey::new(made.chain, signer));
        *current = Some((key.clone(), made.renew_after));
        Ok(key)
    }
}

impl ResolvesServerCert for Renewing {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificate().inspect_err(|error| tracing::error!(%error, "no server certificate")).ok()
    }
}
