//! The application protocols as rules name them.

use mimamori_applayer::AppProto;
use mimamori_applayer::AppProto as P;

/// Name and covered protocols of a rule's protocol.
pub fn rule_protocol(name: &str) -> Option<(&'static str, &'static [AppProto])> {
    Some(match name {
        "http" => ("http", &[P::Http1, P::Http2]),
        "http1" => ("http1", &[P::Http1]),
        "http2" => ("http2", &[P::Http2, P::DoH2]),
        "doh2" => ("doh2", &[P::DoH2]),
        "dns" => ("dns", &[P::Dns, P::DoH2]),
        "tls" | "ssl" => ("tls", &[P::Tls]),
        "smtp" => ("smtp", &[P::Smtp]),
        "ftp" => ("ftp", &[P::Ftp]),
        "ftp-data" => ("ftp-data", &[P::FtpData]),
        "pop3" => ("pop3", &[P::Pop3]),
        "imap" => ("imap", &[P::Imap]),
        "smb" => ("smb", &[P::Smb]),
        "dcerpc" => ("dcerpc", &[P::DceRpc, P::Smb]),
        "ssh" => ("ssh", &[P::Ssh]),
        "quic" => ("quic", &[P::Quic]),
        "dhcp" => ("dhcp", &[P::Dhcp]),
        "ntp" => ("ntp", &[P::Ntp]),
        "mdns" => ("mdns", &[P::Mdns]),
        "llmnr" => ("llmnr", &[P::Llmnr]),
        "tftp" => ("tftp", &[P::Tftp]),
        "snmp" => ("snmp", &[P::Snmp]),
        "sip" => ("sip", &[P::Sip]),
        "rdp" => ("rdp", &[P::Rdp]),
        "rfb" => ("rfb", &[P::Rfb]),
        "krb5" => ("krb5", &[P::Krb5]),
        "ldap" => ("ldap", &[P::Ldap]),
        "mqtt" => ("mqtt", &[P::Mqtt]),
        "websocket" => ("websocket", &[P::WebSocket]),
        "nfs" => ("nfs", &[P::Nfs]),
        "ike" | "ikev2" => ("ike", &[P::Ike]),
        "modbus" => ("modbus", &[P::Modbus]),
        "dnp3" => ("dnp3", &[P::Dnp3]),
        "enip" => ("enip", &[P::Enip]),
        "telnet" => ("telnet", &[P::Telnet]),
        "bittorrent-dht" => ("bittorrent-dht", &[P::BitTorrentDht]),
        "pgsql" => ("pgsql", &[P::PgSql]),
        _ => return None,
    })
}

/// What `app-layer-protocol` may name besides: no protocol, and no decision yet.
pub fn detectable(name: &str) -> Option<&'static [AppProto]> {
    match name {
        "failed" => Some(&[P::Failed]),
        "unknown" => Some(&[P::Unknown]),
        other => rule_protocol(other).map(|(_, p)| p),
    }
}
