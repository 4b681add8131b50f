//! Buffers by keyword: sticky, legacy spellings, and the old content modifiers.

use mimamori_applayer::Field;
use mimamori_base::Direction;

use super::Handler;
use crate::ast::{Content, Match, PacketBuffer, Selector};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{bare, required};

/// The field of a sticky buffer or number keyword, in any spelling.
pub fn field(name: &str) -> Option<Field> {
    Field::by_keyword(name).or_else(|| Field::by_keyword(current_spelling(name)?))
}

/// Old spellings of sticky buffers.
fn current_spelling(name: &str) -> Option<&'static str> {
    Some(match name {
        "file_data" => "file.data",
        "dns_query" => "dns.query",
        "tls_sni" => "tls.sni",
        "tls_cert_subject" => "tls.cert_subject",
        "tls_cert_issuer" => "tls.cert_issuer",
        "tls_cert_serial" => "tls.cert_serial",
        "tls_cert_fingerprint" => "tls.cert_fingerprint",
        "ja3_hash" => "ja3.hash",
        "ja3_string" => "ja3.string",
        "ja3s_hash" => "ja3s.hash",
        "ja3s_string" => "ja3s.string",
        "ja4_hash" => "ja4.hash",
        "ssh_proto" => "ssh.proto",
        "ssh_software" => "ssh.software",
        "smb_named_pipe" => "smb.named_pipe",
        "smb_share" => "smb.share",
        "dce_stub_data" => "dcerpc.stub_data",
        "http_accept" => "http.accept",
        "http_accept_enc" => "http.accept_enc",
        "http_accept_lang" => "http.accept_lang",
        "http_connection" => "http.connection",
        "http_content_len" => "http.content_len",
        "http_content_type" => "http.content_type",
        "http_header_names" => "http.header_names",
        "http_protocol" => "http.protocol",
        "http_referer" => "http.referer",
        "http_request_line" => "http.request_line",
        "http_response_line" => "http.response_line",
        "http_start" => "http.start",
        "krb5_cname" => "krb5.cname",
        "krb5_sname" => "krb5.sname",
        "sdp.media.session_info" => "sdp.media.media_info",
        "nfs_version" => "nfs.version",
        "nfs.procedure" => "nfs_procedure",
        "snmp.pdu" => "snmp.pdu_type",
        "krb5.msg_type" => "krb5_msg_type",
        "krb5.err_code" => "krb5_err_code",
        _ => return None,
    })
}

/// Keywords of the language that this engine has no buffer for.
pub fn is_known_elsewhere(name: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "mqtt.",
        "sip.",
        "ike.",
        "ldap.",
        "krb5",
        "snmp.",
        "nfs",
        "rfb.",
        "websocket.",
        "modbus",
        "dnp3",
        "enip",
        "cip",
        "dhcp.",
        "http2.",
        "quic.",
        "mdns.",
        "llmnr.",
        "smb.",
        "rpc",
        "lua",
        "luaxform",
        "geoip",
        "frame",
        "ndpi",
        "vlan.",
        "igmp.",
        "ether.",
        "pgsql.",
        "ntp.",
        "pop3.",
        "sctp.",
        "imap.",
        "tls.",
        "ja4",
        "ssh.",
        "dns.",
        "ftp.",
        "email.",
        "smtp.",
        "http.",
        "file.",
        "tcp.",
        "flow.",
        "icmpv",
        "ip4",
        "nfq_set_mark",
        "flowvar",
        "pktvar",
        "mysql.",
        "sdp.",
        "bittorrent",
        "app-layer",
        "rdp.",
    ];
    PREFIXES.iter().any(|p| name.starts_with(p))
}

/// Old modifiers that move the content before them, such as `http_uri`.
pub fn modifier(name: &str) -> Option<Handler> {
    Some(match name {
        "http_uri" => |b, o| moved(b, o, Field::HttpUri),
        "http_raw_uri" => |b, o| moved(b, o, Field::HttpUriRaw),
        "http_method" => |b, o| moved(b, o, Field::HttpMethod),
        "http_header" => |b, o| moved(b, o, Field::HttpHeader),
        "http_raw_header" => |b, o| moved(b, o, Field::HttpHeaderRaw),
        "http_cookie" => |b, o| moved(b, o, Field::HttpCookie),
        "http_user_agent" => |b, o| moved(b, o, Field::HttpUserAgent),
        "http_host" => |b, o| moved(b, o, Field::HttpHost),
        "http_raw_host" => |b, o| moved(b, o, Field::HttpHostRaw),
        "http_stat_code" => |b, o| moved(b, o, Field::HttpStatCode),
        "http_stat_msg" => |b, o| moved(b, o, Field::HttpStatMsg),
        "http_client_body" => |b, o| moved(b, o, Field::HttpRequestBody),
        // The field looks at the same list as `file_data` of the response.
        "http_server_body" => |b, o| moved(b, o, Field::HttpResponseBody),
        _ => return None,
    })
}

fn moved(b: &mut Builder<'_>, o: &RawOption<'_>, field: Field) -> Result<()> {
    bare(o)?;
    b.move_last_content(o.name, field)
}

/// A sticky buffer of a field. `file.data: to_client` names the side in a rule of both sides.
pub fn select(b: &mut Builder<'_>, o: &RawOption<'_>, field: Field) -> Result<()> {
    let side = match o.value.unwrap_or("") {
        "" => None,
        "to_server" => Some(Direction::ToServer),
        "to_client" => Some(Direction::ToClient),
        _ => bail!("`{}` takes no value", o.name),
    };
    if side.is_some() && field.info().sides != mimamori_applayer::field::Sides::Both {
        bail!("`{}` has one side only", o.name);
    }
    b.select(Selector::Field(field))?;
    if let Some(list) = b.current.and_then(|i| b.lists.get_mut(i)) {
        list.side = side;
    }
    Ok(())
}

/// `ike.chosen_sa_attribute:alg_enc=7`: the attribute as a text, whole.
pub fn ike_attribute(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let known = text.split_once('=').is_some_and(|(name, value)| {
        !name.is_empty() && !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit())
    });
    if !known {
        bail!("`{}` needs an attribute and a number: `alg_enc=7`", o.name);
    }
    let kept = b.current.take();
    b.select(Selector::Field(Field::IkeChosenSaAttribute))?;
    b.push(Match::Content(Content {
        pattern: text.as_bytes().into(),
        startswith: true,
        endswith: true,
        ..Content::default()
    }))?;
    b.current = kept;
    Ok(())
}

pub fn pkt_data(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.select_payload()
}

fn packet(b: &mut Builder<'_>, o: &RawOption<'_>, buffer: PacketBuffer) -> Result<()> {
    bare(o)?;
    if b.header.proto.app().is_some() {
        bail!("`{}` looks at packets and cannot be used with an application protocol", o.name);
    }
    b.select(Selector::Packet(buffer))
}

/// Unlike headers, addresses can be asked in rules of any protocol.
pub fn ip_src(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.select(Selector::Packet(PacketBuffer::IpSrc))
}

pub fn ip_dst(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.select(Selector::Packet(PacketBuffer::IpDst))
}

pub fn ether_hdr(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    packet(b, o, PacketBuffer::EtherHdr)
}

pub fn ipv4_hdr(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    packet(b, o, PacketBuffer::Ipv4Hdr)
}

pub fn ipv6_hdr(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    packet(b, o, PacketBuffer::Ipv6Hdr)
}

pub fn tcp_hdr(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    packet(b, o, PacketBuffer::TcpHdr)
}

pub fn udp_hdr(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    packet(b, o, PacketBuffer::UdpHdr)
}

pub fn sctp_hdr(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    packet(b, o, PacketBuffer::SctpHdr)
}

pub fn icmpv4_hdr(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    packet(b, o, PacketBuffer::Icmpv4Hdr)
}

pub fn icmpv6_hdr(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    packet(b, o, PacketBuffer::Icmpv6Hdr)
}
