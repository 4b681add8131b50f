//! ClientHello and ServerHello (RFC 8446 4.1), as TLS and QUIC carry them.
//!
//! Holds always: lists are as long as the message that carried them; a broken extension is
//! skipped and noted, the others stay.

use crate::event::AppEvent;
use crate::reader::Reader;
use crate::tls::fingerprint::{Carrier, ja4_as_defined, ja4_as_ndpi};
use crate::told::Told;

/// What a client offers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientHello {
    pub version: u16,
    pub random: Vec<u8>,
    pub session_id: Vec<u8>,
    pub ciphers: Vec<u16>,
    /// Extension types in order of appearance.
    pub extensions: Vec<u16>,
    pub sni: Option<Vec<u8>>,
    pub alpn: Vec<Vec<u8>>,
    pub groups: Vec<u16>,
    pub point_formats: Vec<u8>,
    pub signature_algorithms: Vec<u16>,
    pub supported_versions: Vec<u16>,
    /// The user agent of Google QUIC, where the hello is QUIC's.
    pub transport_parameters: bool,
    pub session_ticket: bool,
    pub events: Vec<AppEvent>,
}

/// What a server chose.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerHello {
    /// The version in use: that of the extension where there is one.
    pub version: u16,
    pub legacy_version: u16,
    pub random: Vec<u8>,
    pub session_id: Vec<u8>,
    pub cipher: u16,
    pub extensions: Vec<u16>,
    pub alpn: Vec<Vec<u8>>,
}

const EXT_SNI: u16 = 0;
const EXT_GROUPS: u16 = 10;
const EXT_POINT_FORMATS: u16 = 11;
const EXT_SIGNATURE_ALGORITHMS: u16 = 13;
const EXT_ALPN: u16 = 16;
const EXT_SESSION_TICKET: u16 = 35;
const EXT_SUPPORTED_VERSIONS: u16 = 43;
const EXT_QUIC_TRANSPORT_PARAMETERS: u16 = 57;
/// The true hello is encrypted inside this one.
const EXT_ECH: u16 = 0xfe0d;
const EXT_ESNI: u16 = 0xffce;

/// Values reserved so that implementations stay tolerant (RFC 8701).
#[must_use]
pub fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn u16s(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(u16::from_be_bytes).collect()
}

impl ClientHello {
    /// Reads the body of a ClientHello handshake message.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<ClientHello> {
        let mut r = Reader::new(body);
        let mut hello = ClientHello {
            version: r.u16()?,
            random: r.take(32)?.to_vec(),
            session_id: r.prefixed_u8()?.to_vec(),
            ciphers: u16s(r.prefixed_u16()?),
            ..ClientHello::default()
        };
        r.prefixed_u8()?;
        if r.is_empty() {
            return Some(hello);
        }
        let mut list = Reader::new(r.prefixed_u16()?);
        while !list.is_empty() {
            let kind = list.u16()?;
            let data = list.prefixed_u16()?;
            hello.take_extension(kind, data);
        }
        Some(hello)
    }

    /// Adds what the hello tells of the service. An ECH extension alone says nothing: browsers
    /// send an empty one for practice. It hides something where the outer name is that of a
    /// provider's front, which only the catalogue knows.
    pub fn tell(&self, told: &mut Told, carrier: Carrier) {
        self.sni.iter().for_each(|name| told.host(name));
        self.alpn.first().into_iter().for_each(|name| told.alpn_offered(name));
        told.hidden_name |= self.extensions.contains(&EXT_ECH) || self.extensions.contains(&EXT_ESNI);
        if told.ja4.is_none() {
            told.ja4 = Some(ja4_as_defined(self, carrier));
            told.ja4_ndpi = Some(ja4_as_ndpi(self, carrier));
        }
    }

    fn take_extension(&mut self, kind: u16, data: &[u8]) {
        let again = self.extensions.contains(&kind);
        self.extensions.push(kind);
        match kind {
            EXT_SNI if again => self.events.push("tls.multiple_sni_extensions"),
            EXT_SNI => self.take_sni(data),
            EXT_GROUPS => self.groups = Reader::new(data).prefixed_u16().map(u16s).unwrap_or_default(),
            EXT_POINT_FORMATS => {
                self.point_formats = Reader::new(data).prefixed_u8().unwrap_or_default().to_vec();
            }
            EXT_SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = Reader::new(data).prefixed_u16().map(u16s).unwrap_or_default();
            }
            EXT_ALPN => self.alpn = read_alpn(data),
            EXT_SESSION_TICKET => self.session_ticket = !data.is_empty(),
            EXT_SUPPORTED_VERSIONS => {
                self.supported_versions = Reader::new(data).prefixed_u8().map(u16s).unwrap_or_default();
            }
            EXT_QUIC_TRANSPORT_PARAMETERS => self.transport_parameters = true,
            _ => {}
        }
    }

    fn take_sni(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let mut r = Reader::new(data);
        let Some(list) = r.prefixed_u16() else {
            self.events.push("tls.invalid_sni_length");
            return;
        };
        let mut list = Reader::new(list);
        match list.u8() {
            Some(0) => match list.prefixed_u16() {
                Some(name) => self.sni = Some(name.to_vec()),
                None => self.events.push("tls.invalid_sni_length"),
            },
            Some(_) => self.events.push("tls.invalid_sni_type"),
            None => self.events.push("tls.invalid_sni_length"),
        }
    }
}

fn read_alpn(data: &[u8]) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let mut list = Reader::new(Reader::new(data).prefixed_u16().unwrap_or_default());
    while let Some(name) = list.prefixed_u8() {
        names.push(name.to_vec());
    }
    names
}

impl ServerHello {
    /// Reads the body of a ServerHello handshake message.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<ServerHello> {
        let mut r = Reader::new(body);
        let version = r.u16()?;
        let random = r.take(32)?.to_vec();
        // A first draft, before drafts had numbers of their own here.
        let agreed = if version == 0x0304 { 0x7f01 } else { version };
        let mut hello =
            ServerHello { version: agreed, legacy_version: version, random, ..ServerHello::default() };
        // Drafts of TLS 1.3 before 22 have neither session id nor compression here.
        let old_draft = version == 0x0304 || (0x7f00..0x7f16).contains(&version);
        if !old_draft {
            hello.session_id = r.prefixed_u8()?.to_vec();
        }
        hello.cipher = r.u16()?;
        if !old_draft {
            r.u8()?;
        }
        if r.is_empty() {
            return Some(hello);
        }
        let mut list = Reader::new(r.prefixed_u16()?);
        while !list.is_empty() {
            let kind = list.u16()?;
            let data = list.prefixed_u16()?;
            hello.extensions.push(kind);
            match kind {
                EXT_ALPN => hello.alpn = read_alpn(data),
                EXT_SUPPORTED_VERSIONS => hello.version = Reader::new(data).u16().unwrap_or(version),
                _ => {}
            }
        }
        Some(hello)
    }

    #[must_use]
    pub fn is_tls13(&self) -> bool {
        self.version == 0x0304 || self.version >> 8 == 0x7f
    }
}

/// The version as EVE writes it.
#[must_use]
pub fn version_text(version: u16) -> String {
    match version {
        0x0002 | 0x0200 => "SSLv2".to_owned(),
        0x0300 => "SSLv3".to_owned(),
        0x0301 => "TLSv1".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        0x7f01..=0x7f0f => "TLS 1.3 draft-<16".to_owned(),
        0x7f10..=0x7fff => format!("TLS 1.3 draft-{}", version & 0xff),
        0xfb17..=0xfb1a => "TLS 1.3 draft-fb".to_owned(),
        0 => "UNDETERMINED".to_owned(),
        other => format!("0x{other:04x}"),
    }
}
