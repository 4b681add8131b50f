//! Limits and settings of the application layer, already validated.
//!
//! The names in the comments are the reference's option names, which the engine façade maps.

use std::sync::Arc;

use crate::http1::Http1Config;
use mimamori_files::HashKinds;

use crate::proto::AppProto;

/// What to do with a flow once it is encrypted (`app-layer.protocols.{tls,ssh}.encryption-handling`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EncryptionHandling {
    /// Follow it, but do not search its payload.
    #[default]
    TrackOnly,
    /// Let it pass without a look.
    Bypass,
    /// Search the encrypted bytes like any others.
    Full,
}

/// Whether to hash mail bodies (`smtp.mime.body-md5`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AutoSwitch {
    /// Only if a rule needs it: whoever knows the rules turns it to `On`; by itself it is off.
    #[default]
    Auto,
    On,
    Off,
}

#[derive(Clone, Debug)]
pub struct TlsConfig {
    pub encryption_handling: EncryptionHandling,
    pub ja3: bool,
    pub ja4: bool,
    /// Bytes of certificate chain kept a flow.
    pub max_certificate_bytes: usize,
    /// Whole certificates in records (`certificate` and `chain` of `tls.custom`).
    pub log_certificates: LogCertificates,
}

/// Which whole certificates stand in records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogCertificates {
    pub first: bool,
    pub chain: bool,
}

#[derive(Clone, Debug)]
pub struct SshConfig {
    pub encryption_handling: EncryptionHandling,
    pub hassh: bool,
}

#[derive(Clone, Debug)]
pub struct DnsConfig {
    pub udp: bool,
    pub tcp: bool,
    /// Further ports on which the probing parser is tried (`dns.*.detection-ports.dp`).
    pub ports: Vec<u16>,
    pub max_tx: usize,
}

#[derive(Clone, Debug)]
pub struct SmtpConfig {
    pub decode_base64: bool,
    pub decode_quoted_printable: bool,
    pub extract_urls: bool,
    /// `extract-urls-schemes`
    pub url_schemes: Vec<String>,
    pub log_url_scheme: bool,
    pub body_md5: AutoSwitch,
    /// `header-value-depth`
    pub header_value_depth: usize,
    /// `inspected-tracker.content-limit`
    pub content_limit: u64,
    /// `inspected-tracker.content-inspect-min-size`: rules look at a part's content once there is
    /// so much of it, or all.
    pub content_inspect_min: u64,
    /// Show attachments to rules as they come besides.
    pub inline: bool,
    pub max_tx: usize,
    pub raw_extraction: bool,
}

#[derive(Clone, Debug)]
pub struct FtpConfig {
    pub max_line_bytes: usize,
    pub max_tx: usize,
    pub ports: Vec<u16>,
}

#[derive(Clone, Debug)]
pub struct SmbConfig {
    pub max_tx: usize,
    pub max_read_bytes: u32,
    pub max_write_bytes: u32,
    /// Bytes and pieces of a file that may wait for what is before them until an event tells.
    pub read_queue: (u32, u32),
    pub write_queue: (u32, u32),
    pub stream_depth: u64,
}

#[derive(Clone, Debug)]
pub struct MqttConfig {
    pub max_message_bytes: usize,
    pub max_tx: usize,
}

/// Everything that the application layer can be told.
#[derive(Clone, Debug)]
pub struct AppLayerConfig {
    /// Protocols that are not looked for (`app-layer.protocols.NAME.enabled: no`).
    pub disabled: Vec<AppProto>,
    /// Bytes of one side looked at before the protocol is given up.
    pub detect_bytes: usize,
    /// Datagrams of one side that may tell a flow's protocol. The reference takes the first.
    pub detect_datagrams: u8,
    /// Live transactions of a protocol without a limit of its own.
    pub max_tx: usize,
    /// Shared by every HTTP flow; change it through [`Arc::make_mut`].
    pub http1: Arc<Http1Config>,
    /// Hashes made of files in flows.
    pub file_hashes: HashKinds,
    pub tls: TlsConfig,
    pub ssh: SshConfig,
    pub dns: DnsConfig,
    pub smtp: SmtpConfig,
    pub ftp: FtpConfig,
    pub smb: SmbConfig,
    pub mqtt: MqttConfig,
    pub ldap_max_tx: usize,
    pub rfb_ports: Vec<u16>,
}

impl Default for AppLayerConfig {
    fn default() -> Self {
        AppLayerConfig {
            disabled: Vec::new(),
            detect_bytes: 32 * 1024,
            detect_datagrams: 1,
            max_tx: 1024,
            file_hashes: HashKinds::ALL,
            http1: Arc::default(),
            tls: TlsConfig {
                encryption_handling: EncryptionHandling::TrackOnly,
                ja3: true,
                ja4: true,
                max_certificate_bytes: 256 * 1024,
                log_certificates: LogCertificates::default(),
            },
            ssh: SshConfig { encryption_handling: EncryptionHandling::TrackOnly, hassh: true },
            dns: DnsConfig { udp: true, tcp: true, ports: Vec::new(), max_tx: 4096 },
            smtp: SmtpConfig {
                decode_base64: true,
                decode_quoted_printable: true,
                extract_urls: true,
                url_schemes: vec!["http".to_owned()],
                log_url_scheme: false,
                body_md5: AutoSwitch::Auto,
                header_value_depth: 2000,
                content_limit: 100_000,
                content_inspect_min: 32_768,
                inline: false,
                max_tx: 256,
                raw_extraction: false,
            },
            ftp: FtpConfig { max_line_bytes: 4096, max_tx: 1024, ports: vec![21] },
            smb: SmbConfig {
                max_tx: 1024,
                max_read_bytes: 16 << 20,
                max_write_bytes: 16 << 20,
                read_queue: (64 << 20, 64),
                write_queue: (64 << 20, 64),
                stream_depth: 0,
            },
            mqtt: MqttConfig { max_message_bytes: 1 << 20, max_tx: 1024 },
            ldap_max_tx: 256,
            rfb_ports: vec![5900],
        }
    }
}

impl AppLayerConfig {
    #[must_use]
    pub fn is_enabled(&self, proto: AppProto) -> bool {
        !self.disabled.contains(&proto)
    }
}
