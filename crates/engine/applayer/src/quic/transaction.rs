//! One QUIC packet as a transaction: what its handshake said.

use md5::{Digest, Md5};
use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::quic::header::{V1, V2, Version, is_google};
use crate::text::{hex, printable};
use crate::tls::fingerprint::Ja3;
use crate::tls::hello::is_grease;
use crate::told::Told;
use crate::transaction::Transaction;

/// A long-header packet.
#[derive(Debug)]
pub struct QuicTx {
    pub id: u64,
    pub dir: Direction,
    pub version: Version,
    pub sni: Option<Vec<u8>>,
    pub user_agent: Option<Vec<u8>>,
    /// Fingerprint of Google's hello.
    pub cyu: Option<String>,
    pub ja3: Option<Ja3>,
    pub ja4: Option<String>,
    /// What the client's hello tells of the service.
    pub told: Told,
    /// Extensions of the hello in order, with the ALPN names.
    pub extensions: Vec<u16>,
    pub alpn: Vec<Vec<u8>>,
    pub events: Vec<AppEvent>,
}

impl QuicTx {
    #[must_use]
    pub fn new(id: u64, dir: Direction, version: Version) -> Self {
        QuicTx {
            id,
            dir,
            version,
            sni: None,
            user_agent: None,
            cyu: None,
            ja3: None,
            ja4: None,
            told: Told::default(),
            extensions: Vec::new(),
            alpn: Vec::new(),
            events: Vec::new(),
        }
    }

    fn cyu_hash(&self) -> Option<String> {
        self.cyu.as_ref().map(|text| hex(&Md5::digest(text.as_bytes())))
    }

    fn extension_values(&self) -> Vec<Value> {
        self.extensions
            .iter()
            .map(|kind| {
                let mut one = Map::new();
                one.insert("name".into(), json!(extension_name(*kind)));
                one.insert("type".into(), json!(kind));
                let values: Vec<String> = match kind {
                    0 => self.sni.iter().map(|v| printable(v)).collect(),
                    16 => self.alpn.iter().map(|v| printable(v)).collect(),
                    _ => Vec::new(),
                };
                if !values.is_empty() {
                    one.insert("values".into(), json!(values));
                }
                Value::Object(one)
            })
            .collect()
    }
}

fn version_text(version: Version) -> String {
    match version {
        V1 => "1".to_owned(),
        V2 => "v2".to_owned(),
        [0xff, 0, 0, draft] => format!("draft-{draft}"),
        v if is_google(v) => v.iter().map(|b| char::from(*b)).collect(),
        v => format!("0x{:08x}", u32::from_be_bytes(v)),
    }
}

impl Transaction for QuicTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn sides(&self) -> Sides {
        Sides::of(self.dir)
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        if dir != self.dir {
            return;
        }
        let to_server = dir == Direction::ToServer;
        let ja3 = self.ja3.as_ref();
        match field {
            Field::QuicVersion => visit(&self.version),
            Field::QuicSni => self.sni.iter().for_each(|v| visit(v)),
            Field::QuicUa => self.user_agent.iter().for_each(|v| visit(v)),
            Field::QuicCyuString => self.cyu.iter().for_each(|v| visit(v.as_bytes())),
            Field::QuicCyuHash => self.cyu_hash().iter().for_each(|v| visit(v.as_bytes())),
            Field::Ja3Hash if to_server => ja3.iter().for_each(|j| visit(j.hash.as_bytes())),
            Field::Ja3String if to_server => ja3.iter().for_each(|j| visit(j.string.as_bytes())),
            Field::Ja3sHash if !to_server => ja3.iter().for_each(|j| visit(j.hash.as_bytes())),
            Field::Ja3sString if !to_server => ja3.iter().for_each(|j| visit(j.string.as_bytes())),
            Field::Ja4Hash => self.ja4.iter().for_each(|v| visit(v.as_bytes())),
            _ => {}
        }
    }

    fn numbers(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(u64)) {}

    fn event_type(&self) -> Option<&'static str> {
        Some("quic")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut quic = Map::new();
        quic.insert("version".into(), json!(version_text(self.version)));
        if let Some(sni) = &self.sni {
            quic.insert("sni".into(), json!(printable(sni)));
        }
        if let Some(agent) = &self.user_agent {
            quic.insert("ua".into(), json!(printable(agent)));
        }
        if let (Some(string), Some(hash)) = (&self.cyu, self.cyu_hash()) {
            quic.insert("cyu".into(), json!([{ "hash": hash, "string": string }]));
        }
        if let Some(ja3) = &self.ja3 {
            let name = if self.dir == Direction::ToServer { "ja3" } else { "ja3s" };
            quic.insert(name.into(), json!({ "hash": ja3.hash, "string": ja3.string }));
        }
        if let Some(ja4) = &self.ja4 {
            quic.insert("ja4".into(), json!(ja4));
        }
        if !self.extensions.is_empty() {
            quic.insert("extensions".into(), Value::Array(self.extension_values()));
        }
        out.insert("quic".into(), Value::Object(quic));
    }

    fn tell(&self, told: &mut Told) {
        if self.dir == Direction::ToClient {
            self.alpn.first().into_iter().for_each(|name| told.alpn(name));
            return;
        }
        // Google's own hello has no TLS inside, but the same name.
        self.sni.iter().for_each(|name| told.host(name));
        self.told.alpn_offered.iter().for_each(|name| told.alpn_offered(name));
        told.hidden_name |= self.told.hidden_name;
        if told.ja4.is_none() {
            told.ja4.clone_from(&self.told.ja4);
            told.ja4_ndpi.clone_from(&self.told.ja4_ndpi);
        }
    }
}

/// Names of the IANA registry "TLS ExtensionType Values", in the spelling of the field's logs.
fn extension_name(kind: u16) -> &'static str {
    match kind {
        0 => "server_name",
        1 => "max_fragment_length",
        5 => "status_request",
        10 => "supported_groups",
        11 => "ec_point_formats",
        13 => "signature_algorithms",
        14 => "use_srtp",
        15 => "heartbeat",
        16 => "alpn",
        18 => "signed_certificate_timestamp",
        21 => "padding",
        22 => "encrypt_then_mac",
        23 => "extended_master_secret",
        27 => "compress_certificate",
        28 => "record_size_limit",
        34 => "delegated_credentials",
        35 => "session_ticket",
        41 => "pre_shared_key",
        42 => "early_data",
        43 => "supported_versions",
        44 => "cookie",
        45 => "psk_key_exchange_modes",
        47 => "certificate_authorities",
        48 => "oid_filters",
        49 => "post_handshake_auth",
        50 => "signature_algorithms_cert",
        51 => "key_share",
        57 | 0xffa5 => "quic_transport_parameters",
        17513 => "application_settings",
        0xfe0d => "encrypted_client_hello",
        0xff01 => "renegotiation_info",
        other if is_grease(other) => "grease",
        _ => "unknown",
    }
}
