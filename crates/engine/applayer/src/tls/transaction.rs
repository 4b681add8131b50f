//! One TLS handshake as a transaction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use crate::config::LogCertificates;
use crate::event::AppEvent;
use crate::field::{Field, tls_step};
use crate::text::printable;
use crate::tls::certificate::{Certificate, date_text};
use crate::tls::fingerprint::{Carrier, Ja3};
use crate::tls::hello::{ClientHello, ServerHello, version_text};
use crate::told::Told;
use crate::transaction::Transaction;

/// `ssl_state` bits.
pub mod state_bit {
    pub const CLIENT_HELLO: u64 = 1;
    pub const SERVER_HELLO: u64 = 2;
    pub const CLIENT_KEYX: u64 = 4;
    pub const SERVER_KEYX: u64 = 8;
}

/// The certificates of one side.
#[derive(Debug, Default)]
pub struct Chain {
    /// Every certificate's DER, bounded by the parser.
    pub der: Vec<Vec<u8>>,
    pub first: Option<Certificate>,
}

/// A handshake: one a flow.
#[derive(Debug, Default)]
pub struct TlsTx {
    pub id: u64,
    pub log_certificates: LogCertificates,
    pub client_hello: Option<ClientHello>,
    pub server_hello: Option<ServerHello>,
    /// By the side that sent it.
    pub chains: [Chain; 2],
    /// Version of the records, until a ServerHello says better.
    pub record_versions: [u16; 2],
    pub ja3: Option<Ja3>,
    pub ja3s: Option<Ja3>,
    pub ja4: Option<String>,
    pub steps: [u8; 2],
    pub state: u64,
    pub resumed: bool,
    /// The server asked for the client's certificate.
    pub client_asked: bool,
    pub events: Vec<AppEvent>,
}

impl TlsTx {
    #[must_use]
    pub fn chain(&self, dir: Direction) -> &Chain {
        let [server, client] = &self.chains;
        if dir == Direction::ToServer { server } else { client }
    }

    pub fn chain_mut(&mut self, dir: Direction) -> &mut Chain {
        let [server, client] = &mut self.chains;
        if dir == Direction::ToServer { server } else { client }
    }

    #[must_use]
    pub fn step(&self, dir: Direction) -> u8 {
        let [server, client] = self.steps;
        if dir == Direction::ToServer { server } else { client }
    }

    pub fn reach(&mut self, dir: Direction, step: u8) {
        let [server, client] = &mut self.steps;
        let at = if dir == Direction::ToServer { server } else { client };
        *at = (*at).max(step);
    }

    /// The version that the two agreed on.
    #[must_use]
    pub fn version(&self) -> u16 {
        if let Some(hello) = &self.server_hello {
            return hello.version;
        }
        let [client, server] = self.record_versions;
        match (server, &self.client_hello) {
            (0, Some(hello)) => hello.version,
            (0, None) => client,
            (server, _) => server,
        }
    }

    fn side_version(&self, dir: Direction) -> u16 {
        let [client, server] = self.record_versions;
        match dir {
            Direction::ToServer => self.client_hello.as_ref().map_or(client, |h| h.version),
            Direction::ToClient => self.server_hello.as_ref().map_or(server, |h| h.version),
        }
    }

    /// Somebody said hello.
    fn worth_logging(&self) -> bool {
        self.state != 0 || self.chain(Direction::ToClient).first.is_some()
    }
}

fn number_text(version: u16) -> &'static str {
    match version {
        0x0002 | 0x0200 => "ssl2",
        0x0300 => "ssl3",
        0x0301 => "1.0",
        0x0302 => "1.1",
        0x0303 => "1.2",
        0x0304 => "1.3",
        v if v >> 8 == 0x7f => "1.3",
        _ => "",
    }
}

impl Transaction for TlsTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        self.step(dir)
    }

    fn is_complete(&self, dir: Direction) -> bool {
        self.step(dir) >= tls_step::DONE
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match field {
            Field::TlsVersion => {
                let text = number_text(self.side_version(dir));
                if !text.is_empty() {
                    visit(text.as_bytes());
                }
            }
            Field::TlsCerts => self.chain(dir).der.iter().for_each(|der| visit(der)),
            Field::TlsCertSubject
            | Field::TlsCertIssuer
            | Field::TlsCertSerial
            | Field::TlsCertFingerprint
            | Field::TlsSubjectAltName => {
                if let Some(certificate) = &self.chain(dir).first {
                    visit_certificate(certificate, field, visit);
                }
            }
            Field::TlsRandom | Field::TlsRandomTime | Field::TlsRandomBytes => {
                let random = match dir {
                    Direction::ToServer => self.client_hello.as_ref().map(|h| h.random.as_slice()),
                    Direction::ToClient => self.server_hello.as_ref().map(|h| h.random.as_slice()),
                };
                if let Some((time, bytes)) = random.and_then(|r| r.split_at_checked(4)) {
                    match field {
                        Field::TlsRandomTime => visit(time),
                        Field::TlsRandomBytes => visit(bytes),
                        _ => visit(random.unwrap_or_default()),
                    }
                }
            }
            _ => match dir {
                Direction::ToServer => self.client_bytes(field, visit),
                Direction::ToClient => self.server_bytes(field, visit),
            },
        }
    }

    fn numbers(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::SslState => visit(self.state),
            Field::SslVersion => visit(u64::from(self.side_version(dir))),
            Field::TlsCipherSuites => {
                if let Some(hello) = self.client_hello.as_ref().filter(|_| dir == Direction::ToServer) {
                    hello.ciphers.iter().for_each(|c| visit(u64::from(*c)));
                }
            }
            Field::TlsCertChainLen => {
                let chain = &self.chain(dir).der;
                if !chain.is_empty() {
                    visit(chain.len() as u64);
                }
            }
            Field::TlsCertNotBefore | Field::TlsCertNotAfter => {
                if let Some(certificate) = &self.chain(dir).first {
                    let at = if field == Field::TlsCertNotBefore {
                        certificate.not_before
                    } else {
                        certificate.not_after
                    };
                    visit(u64::try_from(at).unwrap_or(0));
                }
            }
            _ => {}
        }
    }

    fn ready_to_log(&self) -> bool {
        // A client that was asked for its certificate has yet to send it.
        let client = !self.client_asked || self.step(Direction::ToServer) >= tls_step::CERT;
        self.is_complete(Direction::ToClient) && client
    }

    fn event_type(&self) -> Option<&'static str> {
        self.worth_logging().then_some("tls")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        out.insert("tls".into(), Value::Object(self.object()));
    }

    fn tell(&self, told: &mut Told) {
        if let Some(hello) = &self.client_hello {
            hello.tell(told, Carrier::Tcp);
        }
        if let Some(chosen) = self.server_hello.as_ref().and_then(|h| h.alpn.first()) {
            told.alpn(chosen);
        }
        if let Some(certificate) = &self.chain(Direction::ToClient).first {
            certificate.alternative_names.iter().for_each(|name| told.certificate_name(name));
            let common = certificate.subject.split(", ").find_map(|part| part.strip_prefix("CN="));
            common.into_iter().for_each(|name| told.certificate_name(name.as_bytes()));
        }
    }
}

fn visit_certificate(certificate: &Certificate, field: Field, visit: &mut dyn FnMut(&[u8])) {
    match field {
        Field::TlsCertSubject => visit(certificate.subject.as_bytes()),
        Field::TlsCertIssuer => visit(certificate.issuer.as_bytes()),
        Field::TlsCertSerial => visit(certificate.serial.as_bytes()),
        Field::TlsCertFingerprint => visit(certificate.fingerprint.as_bytes()),
        _ => certificate.alternative_names.iter().for_each(|name| visit(name)),
    }
}

impl TlsTx {
    fn client_bytes(&self, field: Field, visit: &mut dyn FnMut(&[u8])) {
        let Some(hello) = &self.client_hello else { return };
        match field {
            Field::TlsSni => hello.sni.iter().for_each(|name| visit(name)),
            Field::TlsAlpn => hello.alpn.iter().for_each(|name| visit(name)),
            Field::Ja3Hash => self.ja3.iter().for_each(|j| visit(j.hash.as_bytes())),
            Field::Ja3String => self.ja3.iter().for_each(|j| visit(j.string.as_bytes())),
            Field::Ja4Hash => self.ja4.iter().for_each(|j| visit(j.as_bytes())),
            _ => {}
        }
    }

    fn server_bytes(&self, field: Field, visit: &mut dyn FnMut(&[u8])) {
        let Some(hello) = &self.server_hello else { return };
        match field {
            Field::TlsAlpn => hello.alpn.iter().for_each(|name| visit(name)),
            Field::Ja3sHash => self.ja3s.iter().for_each(|j| visit(j.hash.as_bytes())),
            Field::Ja3sString => self.ja3s.iter().for_each(|j| visit(j.string.as_bytes())),
            _ => {}
        }
    }

    fn object(&self) -> Map<String, Value> {
        let mut o = Map::new();
        if let Some(certificate) = &self.chain(Direction::ToClient).first {
            put_certificate(&mut o, certificate);
            self.put_whole(&mut o, Direction::ToClient);
        }
        if self.resumed {
            o.insert("session_resumed".into(), json!(true));
        }
        if let Some(sni) = self.client_hello.as_ref().and_then(|h| h.sni.as_ref()) {
            o.insert("sni".into(), json!(printable(sni)));
        }
        o.insert("version".into(), json!(version_text(self.version())));
        if let Some(ja3) = &self.ja3 {
            o.insert("ja3".into(), json!({"hash": ja3.hash, "string": ja3.string}));
        }
        if let Some(ja3s) = &self.ja3s {
            o.insert("ja3s".into(), json!({"hash": ja3s.hash, "string": ja3s.string}));
        }
        if let Some(ja4) = &self.ja4 {
            o.insert("ja4".into(), json!(ja4));
        }
        if let Some(certificate) = &self.chain(Direction::ToServer).first {
            let mut client = Map::new();
            put_certificate(&mut client, certificate);
            self.put_whole(&mut client, Direction::ToServer);
            o.insert("client".into(), Value::Object(client));
        }
        self.put_handshakes(&mut o);
        o
    }

    /// Whole certificates of the side `dir`, where they are wanted.
    fn put_whole(&self, o: &mut Map<String, Value>, dir: Direction) {
        let chain = &self.chain(dir).der;
        if self.log_certificates.first
            && let Some(der) = chain.first()
        {
            o.insert("certificate".into(), json!(STANDARD.encode(der)));
        }
        if self.log_certificates.chain {
            o.insert("chain".into(), chain.iter().map(|der| json!(STANDARD.encode(der))).collect());
        }
    }

    fn put_handshakes(&self, o: &mut Map<String, Value>) {
        let texts = |names: &[Vec<u8>]| -> Value { names.iter().map(|n| json!(printable(n))).collect() };
        if let Some(hello) = &self.client_hello {
            if !hello.alpn.is_empty() {
                o.insert("client_alpns".into(), texts(&hello.alpn));
            }
            let highest =
                hello.supported_versions.iter().copied().filter(|v| !crate::tls::hello::is_grease(*v)).max();
            let mut handshake = Map::new();
            handshake.insert("version".into(), json!(version_text(highest.unwrap_or(hello.version))));
            handshake.insert("ciphers".into(), json!(hello.ciphers));
            handshake.insert("exts".into(), json!(hello.extensions));
            handshake.insert("sig_algs".into(), json!(hello.signature_algorithms));
            o.insert("client_handshake".into(), Value::Object(handshake));
        }
        if let Some(hello) = &self.server_hello {
            if !hello.alpn.is_empty() {
                o.insert("server_alpns".into(), texts(&hello.alpn));
            }
            let handshake = json!({"version": version_text(hello.version), "cipher": hello.cipher, "exts": hello.extensions});
            o.insert("server_handshake".into(), handshake);
        }
    }
}

fn put_certificate(o: &mut Map<String, Value>, certificate: &Certificate) {
    o.insert("subject".into(), json!(certificate.subject));
    o.insert("issuerdn".into(), json!(certificate.issuer));
    if !certificate.alternative_names.is_empty() {
        let names: Value = certificate.alternative_names.iter().map(|n| json!(printable(n))).collect();
        o.insert("subjectaltname".into(), names);
    }
    o.insert("serial".into(), json!(certificate.serial));
    o.insert("fingerprint".into(), json!(certificate.fingerprint));
    o.insert("notbefore".into(), json!(date_text(certificate.not_before)));
    o.insert("notafter".into(), json!(date_text(certificate.not_after)));
}
