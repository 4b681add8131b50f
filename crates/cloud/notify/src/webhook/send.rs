//! One attempt: look up, check, connect, sign, post, read the status.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use mimamori_base::Timestamp;
use mimamori_service::WebhookJob;
use ring::hmac;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::{Resolve, is_public};
use crate::sms::http::{NoAnswer, Stream, exchange};

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the extra root is not a certificate")]
    Root,
}

/// How an attempt ended.
pub(super) enum Sent {
    Taken(u16),
    /// Not now; the words are for the customer.
    Failed(String),
    /// Never again.
    Refused(String),
}

/// How events leave.
#[derive(Debug)]
pub(super) struct Way {
    tls: Arc<ClientConfig>,
    resolver: Arc<dyn Resolve>,
    /// This machine itself may be reached: tests.
    loopback: bool,
}

/// A webhook's address in its parts.
struct Target<'a> {
    plain: bool,
    host: &'a str,
    port: u16,
    authority: &'a str,
    path: &'a str,
}

fn target(url: &str) -> Option<Target<'_>> {
    let (plain, rest) = match url.strip_prefix("https://") {
        Some(rest) => (false, rest),
        None => (true, url.strip_prefix("http://")?),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, if plain { 80 } else { 443 }),
    };
    Some(Target { plain, host, port, authority, path })
}

/// `v1,<base64>` of HMAC-SHA256 over `id.seconds.body`, as Standard Webhooks writes it.
#[must_use]
pub fn signature(secret: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

impl Way {
    pub(super) fn new(
        resolver: Arc<dyn Resolve>,
        loopback: bool,
        extra_root_pem: Option<&str>,
    ) -> Result<Self, SetupError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(pem) = extra_root_pem {
            let root = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| SetupError::Root)?;
            roots.add(root)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Way { tls: Arc::new(tls), resolver, loopback })
    }

    pub(super) async fn send(&self, job: &WebhookJob, now: Timestamp) -> Sent {
        let Some(target) = target(&job.url) else {
            return Sent::Refused("アドレスを読み取れません".to_owned());
        };
        if target.plain && !self.loopback {
            return Sent::Refused("https:// のアドレスにだけ送ります".to_owned());
        }
        let address = match self.check(target.host).await {
            Ok(address) => address,
            Err(words) => return Sent::Failed(words),
        };
        let request = match request(job, &target, now) {
            Ok(request) => request,
            Err(e) => return Sent::Refused(e.to_string()),
        };
        let stream = match self.connect(&target, address).await {
            Ok(stream) => stream,
            Err(e) => return Sent::Failed(format!("つながりません（{e}）")),
        };
        match exchange(stream, request).await {
            Ok(answer) => match answer.status {
                200..=299 => Sent::Taken(answer.status),
                410 => Sent::Refused("HTTP 410（もう要らないという答え）".to_owned()),
                status @ 300..=399 => Sent::Failed(format!("HTTP {status}（転送先へは送りません）")),
                status => Sent::Failed(format!("HTTP {status}")),
            },
            Err(NoAnswer::NotSent(e) | NoAnswer::Unknown(e)) => {
                Sent::Failed(format!("答えを受け取れません（{e}）"))
            }
        }
    }

    /// The address to connect to. One that is not public spoils all: a name with both is a trick.
    async fn check(&self, host: &str) -> Result<IpAddr, String> {
        let found = match host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => {
                let found = self.resolver.addresses(host).await;
                found.map_err(|_| "名前からアドレスを調べられません".to_owned())?
            }
        };
        let allowed = |ip: &IpAddr| is_public(*ip) || (self.loopback && ip.is_loopback());
        if !found.iter().all(allowed) {
            return Err("インターネットのアドレスではないため、送りません".to_owned());
        }
        found.first().copied().ok_or_else(|| "名前にアドレスがありません".to_owned())
    }

    async fn connect(&self, target: &Target<'_>, address: IpAddr) -> std::io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect(SocketAddr::new(address, target.port)).await?;
        tcp.set_nodelay(true)?;
        if target.plain {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(target.host.to_owned()).map_err(std::io::Error::other)?;
        Ok(Box::new(TlsConnector::from(self.tls.clone()).connect(name, tcp).await?))
    }
}

fn request(
    job: &WebhookJob,
    target: &Target<'_>,
    now: Timestamp,
) -> hyper::http::Result<Request<Full<Bytes>>> {
    let (id, seconds) = (job.id.to_string(), now.secs());
    let signatures: Vec<String> =
        job.secrets.iter().map(|s| signature(s.bytes(), &id, seconds, &job.body)).collect();
    let path = match target.path {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    Request::post(path)
        .header(HOST, target.authority)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "*/*")
        .header(USER_AGENT, "Mimamori-Webhooks/1")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signatures.join(" "))
        .body(Full::new(Bytes::from(job.body.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signature(&secret, id, 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_address_is_taken_apart() {
        let t = target("https://h.example:8443/a/b?c=d").unwrap();
        assert_eq!((t.plain, t.host, t.port, t.path), (false, "h.example", 8443, "/a/b?c=d"));
        let t = target("https://h.example").unwrap();
        assert_eq!((t.host, t.port, t.path), ("h.example", 443, ""));
        assert!(target("ftp://h.example").is_none() && target("https://h.example:x/").is_none());
    }
}
