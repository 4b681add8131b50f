//! HTTP over TLS to the cloud's gateway port.
//!
//! Holds always: the server must show a certificate of the pinned cloud CA; nothing else is
//! trusted, no public CA and no override. One connection is kept and reopened when it fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use mimamori_report::{DEFINITION_PIECE, Refusal, RefusalCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::identity::Identity;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: usize = DEFINITION_PIECE as usize + (64 << 10);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("`{0}` is no cloud address; write it as https://host:8443")]
    Address(String),
    #[error("the cloud CA file holds no usable certificate: {0}")]
    PinnedCa(String),
    #[error("this gateway's certificate or key cannot be used: {0}")]
    OwnCertificate(String),
    #[error("{address} cannot be reached: {source}")]
    Unreachable { address: CloudAddress, source: std::io::Error },
    #[error("{address} does not answer")]
    Timeout { address: CloudAddress },
    #[error(
        "{address} did not prove to be our cloud (its certificate is not from the pinned CA, or the clock is wrong): {reason}"
    )]
    NotOurCloud { address: CloudAddress, reason: String },
    #[error("the connection to {address} broke: {reason}")]
    Broken { address: CloudAddress, reason: String },
    #[error("the cloud refused ({code}): {message}")]
    Refused { code: RefusalCode, message: String, retry_after: Option<Duration> },
    #[error("the cloud's answer was not understood: {0}")]
    Answer(String),
}

impl ClientError {
    /// The pause that the cloud asked for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ClientError::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Host and port of the cloud's gateway API.
#[derive(Clone, PartialEq, Eq)]
pub struct CloudAddress {
    host: String,
    port: u16,
}

impl CloudAddress {
    /// Reads `https://host:port`, the port defaulting to 8443.
    pub fn parse(url: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address(url.to_owned());
        let rest = url.strip_prefix("https://").ok_or_else(wrong)?.trim_end_matches('/');
        let (host, port) = match rest.strip_prefix('[') {
            Some(v6) => {
                let (host, tail) = v6.split_once(']').ok_or_else(wrong)?;
                (host, tail.strip_prefix(':'))
            }
            None => rest.split_once(':').map_or((rest, None), |(h, p)| (h, Some(p))),
        };
        let port = port.map_or(Ok(8443), str::parse).map_err(|_| wrong())?;
        if ServerName::try_from(host).is_err() {
            return Err(wrong());
        }
        Ok(CloudAddress { host: host.to_owned(), port })
    }

    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for CloudAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for CloudAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A client of the gateway API.
pub struct Cloud {
    address: CloudAddress,
    tls: Arc<ClientConfig>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Cloud {
    /// With an identity: mutual TLS. Without: only good for enrolment.
    pub fn new(
        address: CloudAddress,
        pinned_ca_pem: &str,
        identity: Option<&Identity>,
    ) -> Result<Self, ClientError> {
        let tls = tls_config(pinned_ca_pem, identity)?;
        Ok(Cloud { address, tls: Arc::new(tls), connection: None })
    }

    /// Sends one request, on the open connection if there is one.
    pub async fn post(
        &mut self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Bytes, ClientError> {
        self.ask(path, Some(content_type), Bytes::from(body)).await
    }

    /// Asks for something, on the open connection if there is one.
    pub async fn get(&mut self, path: &str) -> Result<Bytes, ClientError> {
        self.ask(path, None, Bytes::new()).await
    }

    /// With a content type it is a POST.
    async fn ask(
        &mut self,
        path: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        if let Some(mut kept) = self.connection.take().filter(|c| !c.is_closed()) {
            // A kept connection may have died silently: one more try on a new one. Every request
            // of this API may be repeated.
            if let Ok(answer) = self.exchange(&mut kept, path, content_type, body.clone()).await {
                self.connection = Some(kept);
                return judge(answer);
            }
        }
        let mut fresh = self.connect().await?;
        let answer = self.exchange(&mut fresh, path, content_type, body).await?;
        self.connection = Some(fresh);
        judge(answer)
    }

    async fn exchange(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        path: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let broken = |reason: String| ClientError::Broken { address: self.address.clone(), reason };
        let request = match content_type {
            Some(content_type) => Request::post(path).header(CONTENT_TYPE, content_type),
            None => Request::get(path),
        };
        let request = request
            .header(HOST, self.address.to_string())
            .body(Full::new(body))
            .map_err(|e| broken(e.to_string()))?;
        let talk = async {
            connection.ready().await.map_err(|e| broken(chain(&e)))?;
            let response = connection.send_request(request).await.map_err(|e| broken(chain(&e)))?;
            let status = response.status();
            let retry_after = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|v| v.to_str().ok()?.parse().ok())
                .map(Duration::from_secs);
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
                .collect()
                .await
                .map_err(|e| broken(e.to_string()))?
                .to_bytes();
            Ok(Answer { status, retry_after, body })
        };
        tokio::time::timeout(ANSWER_TIMEOUT, talk)
            .await
            .map_err(|_| ClientError::Timeout { address: self.address.clone() })?
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let address = || self.address.clone();
        let connecting = async {
            let tcp = TcpStream::connect((self.address.host(), self.address.port()))
                .await
                .map_err(|source| ClientError::Unreachable { address: address(), source })?;
            tcp.set_nodelay(true)
                .map_err(|source| ClientError::Unreachable { address: address(), source })?;
            let name = ServerName::try_from(self.address.host.clone())
                .map_err(|_| ClientError::Address(self.address.to_string()))?;
            TlsConnector::from(self.tls.clone())
                .connect(name, tcp)
                .await
                .map_err(|e| tls_failure(address(), &e))
        };
        let tls = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| ClientError::Timeout { address: address() })??;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls))
            .await
            .map_err(|e| ClientError::Broken { address: address(), reason: chain(&e) })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to the cloud ended");
            }
        });
        Ok(sender)
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Bytes,
}

fn judge(answer: Answer) -> Result<Bytes, ClientError> {
    if answer.status.is_success() {
        return Ok(answer.body);
    }
    let refusal = serde_json::from_slice::<Refusal>(&answer.body).ok();
    let busy = matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    Err(ClientError::Refused {
        code: refusal.as_ref().map_or(if busy { RefusalCode::Busy } else { RefusalCode::Other }, |r| r.code),
        message: refusal.map_or_else(|| answer.status.to_string(), |r| r.message.into_string()),
        retry_after: answer.retry_after,
    })
}

fn tls_config(pinned_ca_pem: &str, identity: Option<&Identity>) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pinned_ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|e| ClientError::PinnedCa(e.to_string()))?;
        roots.add(certificate).map_err(|e| ClientError::PinnedCa(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(ClientError::PinnedCa("no PEM certificate in it".into()));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| ClientError::PinnedCa(e.to_string()))?
        .with_root_certificates(roots);
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    let own = |e: String| ClientError::OwnCertificate(e);
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem().as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| own(e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).map_err(|e| own(e.to_string()))?;
    builder.with_client_auth_cert(chain, key).map_err(|e| own(e.to_string()))
}

fn tls_failure(address: CloudAddress, error: &std::io::Error) -> ClientError {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => {
            ClientError::NotOurCloud { address, reason: format!("{why:?}") }
        }
        Some(other) => ClientError::Broken { address, reason: other.to_string() },
        None => ClientError::Broken { address, reason: error.to_string() },
    }
}

/// An error with its causes: TLS alerts hide behind "connection error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let shown = |url: &str| CloudAddress::parse(url).map(|a| a.to_string()).map_err(|e| e.to_string());
        assert_eq!(shown("https://cloud.example"), Ok("cloud.example:8443".into()));
        assert_eq!(shown("https://127.0.0.1:9000/"), Ok("127.0.0.1:9000".into()));
        assert_eq!(shown("https://[::1]:9"), Ok("[::1]:9".into()));
        for bad in ["http://cloud.example", "cloud.example", "https://", "https://a:b", "https://a b"] {
            assert!(shown(bad).is_err(), "{bad}");
        }
    }
}
