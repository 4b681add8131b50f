//! One HTTP request to a provider, over TLS with the public roots.
//!
//! Holds always: plain HTTP only within this machine; an answer is bounded; what failed before
//! the request left is told apart from what failed after. No redirects, no proxies, no cookies.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Where a provider listens: `https://api.example.com` or, within this machine, `http://…`.
#[derive(Clone)]
pub struct Endpoint {
    tls: Option<Arc<ClientConfig>>,
    host: String,
    port: u16,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("write the provider's address as https://host or https://host:port")]
    Address,
    #[error("short messages go out unencrypted only to this machine itself: use https://")]
    Plaintext,
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// A status and its body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
pub(crate) enum NoAnswer {
    /// The request did not leave.
    NotSent(String),
    /// It may have arrived.
    Unknown(String),
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Endpoint {
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let (plain, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(EndpointError::Address),
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| EndpointError::Address)?),
            None => (rest, if plain { 80 } else { 443 }),
        };
        if ServerName::try_from(host).is_err() {
            return Err(EndpointError::Address);
        }
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if plain && !here {
            return Err(EndpointError::Plaintext);
        }
        let tls = if plain { None } else { Some(Arc::new(public_roots()?)) };
        Ok(Endpoint { tls, host: host.to_owned(), port })
    }

    /// Sends a form with basic authentication and reads the answer, all within `timeout`.
    pub(super) async fn post_form(
        &self,
        path: &str,
        login: (&str, &str),
        form: String,
        timeout: Duration,
    ) -> Result<Answer, NoAnswer> {
        let basic = STANDARD.encode(format!("{}:{}", login.0, login.1));
        let request = Request::post(path)
            .header(HOST, format!("{}:{}", self.host, self.port))
            .header(AUTHORIZATION, format!("Basic {basic}"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(Full::new(Bytes::from(form)))
            .map_err(|e| NoAnswer::NotSent(e.to_string()))?;
        let late = || format!("no answer within {} s", timeout.as_secs());
        let stream = tokio::time::timeout(timeout, self.connect())
            .await
            .map_err(|_| NoAnswer::NotSent(late()))?
            .map_err(|e| NoAnswer::NotSent(e.to_string()))?;
        tokio::time::timeout(timeout, exchange(stream, request))
            .await
            .map_err(|_| NoAnswer::Unknown(late()))?
    }

    async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(self.host.clone()).map_err(std::io::Error::other)?;
        Ok(Box::new(TlsConnector::from(tls.clone()).connect(name, tcp).await?))
    }
}

pub(crate) async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, NoAnswer> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| NoAnswer::NotSent(e.to_string()))?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(|e| NoAnswer::Unknown(e.to_string()))?;
        let status = response.status().as_u16();
        // The status says what became of it, also where the body breaks off.
        let body = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await;
        Ok(Answer { status, body: body.map(|b| b.to_bytes().to_vec()).unwrap_or_default() })
    };
    // The connection is driven beside the talk and ends with it.
    tokio::pin!(connection);
    tokio::pin!(talk);
    tokio::select! {
        answer = &mut talk => answer,
        ended = &mut connection => match ended {
            // Closed after the answer, in order or not: it is there to be read.
            Ok(()) => talk.await,
            Err(e) => talk.await.map_err(|_| NoAnswer::Unknown(e.to_string())),
        },
    }
}

pub(crate) fn public_roots() -> Result<ClientConfig, EndpointError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| EndpointError::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_in_this_machine() {
        assert_eq!(Endpoint::parse("http://sms.example").unwrap_err(), EndpointError::Plaintext);
        for bad in ["sms.example", "ftp://sms.example", "https://", "https://a b", "https://h:x"] {
            assert_eq!(Endpoint::parse(bad).unwrap_err(), EndpointError::Address, "{bad}");
        }
        assert!(Endpoint::parse("http://127.0.0.1:8080/").is_ok());
        assert_eq!(format!("{:?}", Endpoint::parse("https://api.twilio.com").unwrap()), "api.twilio.com:443");
    }
}
