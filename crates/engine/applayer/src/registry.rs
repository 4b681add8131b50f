//! Which parser belongs to which protocol.

use crate::config::AppLayerConfig;
use crate::dcerpc::{DcerpcParser, DcerpcUdpParser};
use crate::dhcp::DhcpParser;
use crate::dns::DnsParser;
use crate::ftp::{FtpDataParser, FtpParser};
use crate::http1::Http1Parser;
use crate::http2::Http2Parser;
use crate::ike::IkeParser;
use crate::krb5::Krb5Parser;
use crate::ldap::LdapParser;
use crate::mailbox::{ImapParser, Pop3Parser};
use crate::mqtt::MqttParser;
use crate::nfs::NfsParser;
use crate::ntp::NtpParser;
use crate::parser::{ExpectationContext, Parser};
use crate::proto::AppProto;
use crate::quic::QuicParser;
use crate::rdp::RdpParser;
use crate::rfb::RfbParser;
use crate::session::Transport;
use crate::sip::SipParser;
use crate::smb::SmbParser;
use crate::smtp::SmtpParser;
use crate::snmp::SnmpParser;
use crate::ssh::SshParser;
use crate::tftp::TftpParser;
use crate::tls::TlsParser;
use crate::websocket::WebSocketParser;

/// A new parser for `proto`; `None` for a protocol that is recognised but not parsed.
pub(crate) fn parser_for(
    proto: AppProto,
    config: &AppLayerConfig,
    transport: Transport,
    ports: [u16; 2],
    expected: Option<&ExpectationContext>,
) -> Option<Box<dyn Parser>> {
    match proto {
        AppProto::Dns | AppProto::Mdns | AppProto::Llmnr => {
            Some(Box::new(DnsParser::new(proto, transport, config.dns.max_tx)))
        }
        AppProto::Http2 => Some(Box::new(Http2Parser::new(config.http1.clone()))),
        AppProto::Http1 => Some(Box::new(Http1Parser::new(config.http1.clone()))),
        AppProto::Tls => Some(Box::new(TlsParser::new(&config.tls))),
        AppProto::Dhcp => Some(Box::new(DhcpParser::new(config.max_tx))),
        AppProto::Ldap => Some(Box::new(LdapParser::new(transport, config.ldap_max_tx))),
        AppProto::Mqtt => Some(Box::new(MqttParser::new(&config.mqtt))),
        AppProto::Ntp => Some(Box::new(NtpParser::new(config.max_tx))),
        AppProto::Sip => Some(Box::new(SipParser::new(transport, config.max_tx))),
        AppProto::Snmp => Some(Box::new(SnmpParser::new(config.max_tx))),
        AppProto::Tftp => Some(Box::new(TftpParser::new(config.max_tx))),
        AppProto::Quic => Some(Box::new(QuicParser::new(config.max_tx, config.tls.ja3))),
        AppProto::Smtp => Some(Box::new(SmtpParser::new(config))),
        AppProto::DceRpc if transport == Transport::Udp => {
            Some(Box::new(DcerpcUdpParser::new(config.max_tx)))
        }
        AppProto::DceRpc => Some(Box::new(DcerpcParser::new(config.max_tx))),
        AppProto::Smb => Some(Box::new(SmbParser::new(config))),
        AppProto::Pop3 => Some(Box::new(Pop3Parser::new(config))),
        AppProto::Imap => Some(Box::new(ImapParser::new(config))),
        AppProto::Ssh => Some(Box::new(SshParser::new(&config.ssh))),
        AppProto::Ftp => Some(Box::new(FtpParser::new(&config.ftp))),
        AppProto::FtpData => Some(Box::new(FtpDataParser::new(config.file_hashes, expected))),
        AppProto::Krb5 => Some(Box::new(Krb5Parser::new(transport, config.max_tx))),
        AppProto::Ike => Some(Box::new(IkeParser::new(config.max_tx, ports))),
        AppProto::Nfs => Some(Box::new(NfsParser::new(transport, config.max_tx, config.file_hashes))),
        AppProto::Rfb => Some(Box::new(RfbParser::new())),
        AppProto::Rdp => Some(Box::new(RdpParser::new(&config.tls, config.max_tx))),
        AppProto::WebSocket => Some(Box::new(WebSocketParser::new(config.max_tx))),
        _ => None,
    }
}
