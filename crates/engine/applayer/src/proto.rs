//! The application protocols that the engine knows by name.

/// An application protocol. The names are those of the rule language and of EVE's `app_proto`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum AppProto {
    /// Not decided yet: too few bytes seen.
    Unknown,
    /// Decided: none of the protocols known here.
    Failed,
    Http1,
    Http2,
    Tls,
    Dns,
    Smtp,
    Ftp,
    FtpData,
    Pop3,
    Imap,
    Smb,
    DceRpc,
    Ssh,
    Quic,
    Dhcp,
    Ntp,
    Mdns,
    Llmnr,
    Tftp,
    Snmp,
    Sip,
    Rdp,
    Rfb,
    Krb5,
    Ldap,
    Mqtt,
    WebSocket,
    DoH2,
    Nfs,
    Ike,
    Modbus,
    Dnp3,
    Enip,
    Telnet,
    BitTorrentDht,
    PgSql,
}

impl AppProto {
    /// The EVE `app_proto` and rule-language name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            AppProto::Unknown => "unknown",
            AppProto::Failed => "failed",
            AppProto::Http1 => "http",
            AppProto::Http2 => "http2",
            AppProto::Tls => "tls",
            AppProto::Dns => "dns",
            AppProto::Smtp => "smtp",
            AppProto::Ftp => "ftp",
            AppProto::FtpData => "ftp-data",
            AppProto::Pop3 => "pop3",
            AppProto::Imap => "imap",
            AppProto::Smb => "smb",
            AppProto::DceRpc => "dcerpc",
            AppProto::Ssh => "ssh",
            AppProto::Quic => "quic",
            AppProto::Dhcp => "dhcp",
            AppProto::Ntp => "ntp",
            AppProto::Mdns => "mdns",
            AppProto::Llmnr => "llmnr",
            AppProto::Tftp => "tftp",
            AppProto::Snmp => "snmp",
            AppProto::Sip => "sip",
            AppProto::Rdp => "rdp",
            AppProto::Rfb => "rfb",
            AppProto::Krb5 => "krb5",
            AppProto::Ldap => "ldap",
            AppProto::Mqtt => "mqtt",
            AppProto::WebSocket => "websocket",
            AppProto::DoH2 => "doh2",
            AppProto::Nfs => "nfs",
            AppProto::Ike => "ike",
            AppProto::Modbus => "modbus",
            AppProto::Dnp3 => "dnp3",
            AppProto::Enip => "enip",
            AppProto::Telnet => "telnet",
            AppProto::BitTorrentDht => "bittorrent-dht",
            AppProto::PgSql => "pgsql",
        }
    }
}
