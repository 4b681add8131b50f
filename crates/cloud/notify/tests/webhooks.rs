//! Webhooks at a real receiver: signed, retried, given up, never sent into our own network.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_domain::account::Belongs;
use mimamori_domain::{DetectionKind, Role, WebhookState};
use mimamori_notify::webhook::{Resolve, SystemResolver, WebhookPump, WebhookRound, signature};
use mimamori_service::integrations::WebhookDelivery;
use mimamori_service::{Actor, ClientInfo, ServiceError};
use support::Bench;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What arrived: head in lower case, and body.
#[derive(Debug)]
struct Got {
    head: String,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|l| l.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} in {}", self.head))
    }

    fn is_signed_with(&self, secret: &str) -> bool {
        let raw = STANDARD.decode(secret.strip_prefix("whsec_").expect("the usual form")).expect("base64");
        let seconds = self.header("webhook-timestamp").parse().expect("seconds");
        let wanted = signature(&raw, self.header("webhook-id"), seconds, &self.body);
        // Header values were lowered with the names: compare alike.
        self.header("webhook-signature").split(' ').any(|s| s == wanted.to_ascii_lowercase())
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: u16) -> Option<Got> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase().replace("\r\n", "\n");
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).expect("a length");
        if body.len() < length.parse().expect("a number") {
            continue;
        }
        let reply =
            format!("HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(reply.as_bytes()).await.ok()?;
        return Some(Got { head, body: body.to_owned() });
    }
}

/// A receiver that gives these answers one after the other, then 200.
async fn receiver(answers: Vec<u16>) -> (String, mpsc::Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/hook?x=1", listener.local_addr().unwrap().port());
    let (send, got) = mpsc::channel(100);
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        while let Ok((stream, _)) = listener.accept().await {
            if let Some(one) = answer(stream, answers.next().unwrap_or(200)).await {
                let _ = send.send(one).await;
            }
        }
    });
    (url, got)
}

async fn admin(b: &Bench) -> Actor {
    let temporary = b.account("hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let from = ClientInfo { ip: "192.0.2.1".parse().unwrap(), user_agent: "x".into(), browser: None };
    b.service.login("hanako", temporary.reveal(), &from).await.unwrap().actor
}

fn pump(b: &Bench) -> WebhookPump {
    WebhookPump::new(b.service.clone()).unwrap()
}

async fn ledger(b: &Bench, admin: &Actor) -> Vec<WebhookDelivery> {
    b.service.webhook_deliveries(admin, b.customer.id).await.unwrap()
}

const fn round(delivered: u32, deferred: u32, dead: u32) -> WebhookRound {
    WebhookRound { delivered, deferred, dead }
}

#[tokio::test]
async fn an_alert_arrives_once_signed_with_both_secrets_while_they_change() {
    let b = Bench::new().await;
    let admin = admin(&b).await;
    let (url, mut got) = receiver(vec![]).await;
    let old = b.service.create_webhook(&admin, b.customer.id, &url).await.unwrap();
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    assert_eq!(pump(&b).drain().await.unwrap(), round(1, 0, 0));
    assert_eq!(pump(&b).drain().await.unwrap(), round(0, 0, 0), "nothing twice");
    let first = got.recv().await.unwrap();
    assert!(first.head.starts_with("post /hook?x=1 http/1.1"), "{}", first.head);
    assert!(first.is_signed_with(old.reveal()));
    let body: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["alert"]["stars"]), (&"alert.raised".into(), &3.into()));
    assert_eq!(body["id"].as_str().unwrap(), first.header("webhook-id"));
    assert_eq!(body["created_at"], "2026-11-24T14:05:00+09:00");

    let hook = b.service.webhooks(&admin, b.customer.id).await.unwrap().remove(0);
    assert!(!hook.secret.windows(4).any(|w| old.reveal().as_bytes().windows(4).any(|o| o == w)), "sealed");
    let new = b.service.rotate_webhook(&admin, hook.id).await.unwrap();
    b.service.test_webhook(&admin, hook.id).await.unwrap();
    pump(&b).drain().await.unwrap();
    let during = got.recv().await.unwrap();
    assert!(during.is_signed_with(old.reveal()) && during.is_signed_with(new.reveal()));
    b.advance(86_401);
    b.service.test_webhook(&admin, hook.id).await.unwrap();
    pump(&b).drain().await.unwrap();
    let after = got.recv().await.unwrap();
    assert!(!after.is_signed_with(old.reveal()) && after.is_signed_with(new.reveal()));
    assert!(ledger(&b, &admin).await.iter().all(|d| d.state == "done" && d.answer.as_str() == "HTTP 200"));
}

#[tokio::test]
async fn trouble_is_retried_with_the_same_id_and_given_up_in_the_end() {
    let b = Bench::new().await;
    let admin = admin(&b).await;
    let (url, mut got) = receiver(vec![500, 302, 404]).await;
    b.service.create_webhook(&admin, b.customer.id, &url).await.unwrap();
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let pump = pump(&b);
    assert_eq!(pump.drain().await.unwrap(), round(0, 1, 0));
    assert_eq!(pump.drain().await.unwrap(), round(0, 0, 0), "not at once");
    b.advance(5);
    assert_eq!(pump.drain().await.unwrap(), round(0, 1, 0), "a redirect is not followed");
    b.advance(60);
    assert_eq!(pump.drain().await.unwrap(), round(0, 1, 0));
    b.advance(300);
    assert_eq!(pump.drain().await.unwrap(), round(1, 0, 0));
    let ids: Vec<String> = [got.recv().await, got.recv().await, got.recv().await, got.recv().await]
        .into_iter()
        .map(|g| g.unwrap().header("webhook-id").to_owned())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    let (url, _kept) = receiver(vec![503; 100]).await;
    b.service.create_webhook(&admin, b.customer.id, &url).await.unwrap();
    let hook = b.service.webhooks(&admin, b.customer.id).await.unwrap().into_iter().find(|h| h.url == url);
    let hook = hook.unwrap().id;
    b.service.test_webhook(&admin, hook).await.unwrap();
    let mut attempts = 0;
    loop {
        let now = pump.drain().await.unwrap();
        attempts += now.deferred + now.dead;
        if now.dead > 0 {
            break;
        }
        b.advance(36_000);
    }
    assert_eq!(attempts, 9);
    let dead = ledger(&b, &admin).await.into_iter().find(|d| d.webhook == hook).unwrap();
    assert_eq!((dead.state.as_str(), dead.answer.as_str()), ("dead", "HTTP 503"));
    b.service.resend_webhook(&admin, dead.id).await.unwrap();
    assert_eq!(pump.drain().await.unwrap(), round(0, 1, 0), "another life");
}

#[tokio::test]
async fn one_that_never_answers_well_is_stopped_and_gone_means_gone() {
    let b = Bench::new().await;
    let admin = admin(&b).await;
    let (url, _kept) = receiver(vec![410; 100]).await;
    b.service.create_webhook(&admin, b.customer.id, &url).await.unwrap();
    let hook = b.service.webhooks(&admin, b.customer.id).await.unwrap().remove(0).id;
    let pump = pump(&b);
    for n in 0..20 {
        b.advance(3_600);
        b.service.test_webhook(&admin, hook).await.unwrap();
        assert_eq!(pump.drain().await.unwrap(), round(0, 0, 1), "{n}");
    }
    let stopped = b.service.webhooks(&admin, b.customer.id).await.unwrap().remove(0);
    assert_eq!(stopped.state, WebhookState::Failing);
    assert!(matches!(b.service.test_webhook(&admin, hook).await, Err(ServiceError::Conflict)));
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    assert_eq!(pump.drain().await.unwrap(), round(0, 0, 0), "nothing is queued for it");
    b.service.switch_webhook(&admin, hook, true).await.unwrap();
    b.advance(3_600);
    b.service.test_webhook(&admin, hook).await.unwrap();
    assert_eq!(pump.drain().await.unwrap(), round(0, 0, 1));
}

/// Answers differently at each look-up, and counts them.
#[derive(Debug)]
struct Rebinding(Vec<Vec<IpAddr>>, AtomicU32);

impl Rebinding {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|a| a.parse().unwrap()).collect();
        Arc::new(Rebinding(answers.iter().map(parse).collect(), AtomicU32::new(0)))
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst) as usize
    }
}

#[async_trait]
impl Resolve for Rebinding {
    async fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let n = self.1.fetch_add(1, Ordering::SeqCst) as usize;
        Ok(self.0.get(n).or(self.0.last()).cloned().unwrap_or_default())
    }
}

#[tokio::test]
async fn names_that_lead_into_our_own_network_are_not_connected_to() {
    let b = Bench::new().await;
    let admin = admin(&b).await;
    b.service.create_webhook(&admin, b.customer.id, "https://hooks.example.jp/x").await.unwrap();
    let hook = b.service.webhooks(&admin, b.customer.id).await.unwrap().remove(0).id;
    for answers in [&["10.0.0.5"][..], &["8.8.8.8", "169.254.169.254"], &["::ffff:192.168.0.1"]] {
        let resolver = Rebinding::new(&[answers]);
        let pump = WebhookPump::with(b.service.clone(), resolver.clone(), None).unwrap();
        b.service.test_webhook(&admin, hook).await.unwrap();
        assert_eq!(pump.drain().await.unwrap(), round(0, 1, 0), "{answers:?}");
        assert_eq!(resolver.asked(), 1);
        let last = ledger(&b, &admin).await.remove(0);
        assert!(last.answer.as_str().contains("インターネットのアドレスではない"), "{}", last.answer);
    }
    let real = WebhookPump::with(b.service.clone(), Arc::new(SystemResolver), None).unwrap();
    b.service.create_webhook(&admin, b.customer.id, "https://no-such-name.invalid/").await.unwrap();
    let hook = b.service.webhooks(&admin, b.customer.id).await.unwrap().pop().unwrap().id;
    b.service.test_webhook(&admin, hook).await.unwrap();
    assert_eq!(real.drain().await.unwrap().deferred, 1);
}

/// The name leads to the receiver at the check and elsewhere at any later look: the event goes
/// to the address that was checked, and the certificate has to be the name's.
#[tokio::test]
async fn the_connection_goes_to_the_checked_address_with_the_names_certificate() {
    let b = Bench::new().await;
    let admin = admin(&b).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["hooks.example.jp".to_owned()]).unwrap();
    let own = own.self_signed(&key).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = tls.accept(stream).await {
                answer(stream, 204).await;
            }
        }
    });
    for host in ["hooks.example.jp", "other.example.jp"] {
        let url = format!("https://{host}:{port}/");
        b.service.create_webhook(&admin, b.customer.id, &url).await.unwrap();
        let hooks = b.service.webhooks(&admin, b.customer.id).await.unwrap();
        let hook = hooks.iter().find(|h| h.url == url).unwrap().id;
        b.service.test_webhook(&admin, hook).await.unwrap();
        let resolver = Rebinding::new(&[&["127.0.0.1"], &["203.0.113.7"]]);
        let pump = WebhookPump::with(b.service.clone(), resolver.clone(), Some(&own.pem())).unwrap();
        let right = host == "hooks.example.jp";
        let done = pump.drain().await.unwrap();
        let words = ledger(&b, &admin).await;
        assert_eq!(done, round(u32::from(right), u32::from(!right), 0), "{host}: {words:?}");
        assert_eq!(resolver.asked(), 1);
    }
}
