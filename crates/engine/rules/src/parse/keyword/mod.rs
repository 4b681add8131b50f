//! Each keyword by its name, current and legacy spellings.

mod app;
mod bits;
mod bytes;
mod content;
mod dataset;
mod enumeration;
mod extract;
mod file;
mod flow;
mod integer;
mod length;
mod meta;
mod packet;
mod pcre;
mod requires;
mod sticky;
mod tag;
mod threshold;
mod tls;
mod transform;

pub use dataset::dataset_type;
pub(crate) use threshold::{kind as threshold_kind, track};

use mimamori_applayer::FieldKind;

use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;
use crate::parse::Builder;

type Handler = fn(&mut Builder<'_>, &RawOption<'_>) -> Result<()>;

/// Applies one option to the rule.
pub fn apply(b: &mut Builder<'_>, option: &RawOption<'_>) -> Result<()> {
    if let Some(handler) = handler(option.name) {
        return handler(b, option);
    }
    if let Some(field) = sticky::field(option.name) {
        return match field.info().kind {
            FieldKind::Number => app::number(b, option, field),
            _ => sticky::select(b, option, field),
        };
    }
    if sticky::is_known_elsewhere(option.name) {
        return Err(RuleError::unsupported(format!("keyword `{}` is not supported yet", option.name)));
    }
    bail!("keyword `{}` is not known", option.name)
}

/// Whether a rule may use this keyword (`requires: keyword …`).
pub fn is_known(name: &str) -> bool {
    handler(name).is_some() || sticky::field(name).is_some()
}

fn handler(name: &str) -> Option<Handler> {
    meta_handler(name)
        .or_else(|| match_handler(name))
        .or_else(|| transform::handler(name))
        .or_else(|| packet::handler(name))
        .or_else(|| flow_handler(name))
        .or_else(|| tx_handler(name))
}

fn meta_handler(name: &str) -> Option<Handler> {
    Some(match name {
        "msg" => meta::msg,
        "sid" => meta::sid,
        "gid" => meta::gid,
        "rev" => meta::rev,
        "classtype" => meta::classtype,
        "priority" => meta::priority,
        "reference" => meta::reference,
        "metadata" => meta::metadata,
        "target" => meta::target,
        "noalert" => meta::noalert,
        "alert" => meta::alert,
        "prefilter" => meta::prefilter,
        "requires" => requires::requires,
        _ => return None,
    })
}

fn match_handler(name: &str) -> Option<Handler> {
    Some(match name {
        "content" => content::content,
        "uricontent" => content::uricontent,
        "nocase" => content::nocase,
        "rawbytes" => content::rawbytes,
        "depth" => content::depth,
        "offset" => content::offset,
        "distance" => content::distance,
        "within" => content::within,
        "startswith" => content::startswith,
        "endswith" => content::endswith,
        "fast_pattern" => content::fast_pattern,
        "replace" => content::replace,
        "pcre" => pcre::pcre,
        "byte_test" => bytes::byte_test,
        "byte_jump" => bytes::byte_jump,
        "byte_extract" => extract::byte_extract,
        "byte_math" => extract::byte_math,
        "isdataat" => length::isdataat,
        "bsize" => length::bsize,
        "urilen" => length::urilen,
        "entropy" => length::entropy,
        "absent" => length::absent,
        "base64_decode" => length::base64_decode,
        "base64_data" => length::base64_data,
        "asn1" => length::asn1,
        "dataset" => dataset::dataset,
        "datarep" => dataset::datarep,
        "pkt_data" => sticky::pkt_data,
        "ip.src" => sticky::ip_src,
        "ip.dst" => sticky::ip_dst,
        "ipv4.hdr" => sticky::ipv4_hdr,
        "ipv6.hdr" => sticky::ipv6_hdr,
        "tcp.hdr" => sticky::tcp_hdr,
        "udp.hdr" => sticky::udp_hdr,
        "sctp.hdr" => sticky::sctp_hdr,
        "ether.hdr" => sticky::ether_hdr,
        "icmpv4.hdr" => sticky::icmpv4_hdr,
        "icmpv6.hdr" => sticky::icmpv6_hdr,
        _ => return sticky::modifier(name),
    })
}

fn flow_handler(name: &str) -> Option<Handler> {
    Some(match name {
        "flow" => flow::flow,
        "stream_size" => flow::stream_size,
        "flow.age" => flow::age,
        "flow.pkts" | "flow.pkts_toclient" | "flow.pkts_toserver" => flow::packets,
        "flow.bytes" | "flow.bytes_toclient" | "flow.bytes_toserver" => flow::bytes,
        "app-layer-protocol" => flow::app_layer_protocol,
        "iprep" => flow::iprep,
        "bypass" => flow::bypass,
        "flowbits" => bits::flowbits,
        "hostbits" => bits::hostbits,
        "xbits" => bits::xbits,
        "flowint" => bits::flowint,
        "threshold" => threshold::threshold,
        "detection_filter" => threshold::detection_filter,
        "tag" => tag::tag,
        "config" => tag::config,
        _ => return None,
    })
}

fn tx_handler(name: &str) -> Option<Handler> {
    Some(match name {
        "app-layer-event" => app::event,
        "app-layer-state" => app::state,
        "tls.version" => tls::version,
        "ssl_version" => tls::ssl_version,
        "ssl_state" => tls::ssl_state,
        "tls_cert_notbefore" => tls::not_before,
        "tls_cert_notafter" => tls::not_after,
        "tls_cert_expired" => tls::expired,
        "tls_cert_valid" => tls::valid,
        "tls.store" | "tls_store" => tls::store,
        "tls.fingerprint" => tls::fingerprint,
        "tls.subject" => tls::subject,
        "tls.issuerdn" => tls::issuerdn,
        "ike.chosen_sa_attribute" => sticky::ike_attribute,
        "http2.settings" => app::http2_settings,
        "ftpbounce" => app::ftpbounce,
        "ftp.reply_received" => app::ftp_reply_received,
        "ftp.mode" => app::ftp_mode,
        "ftpdata_command" => app::ftpdata_command,
        "dcerpc.iface" | "dce_iface" => app::dce_iface,
        "dcerpc.opnum" | "dce_opnum" => app::dce_opnum,
        "krb5.ticket_encryption" => app::ticket_encryption,
        "ssh.protoversion" => app::ssh_protoversion,
        "ssh.softwareversion" => app::ssh_softwareversion,
        "filename" => file::filename,
        "fileext" => file::fileext,
        "filemagic" => file::filemagic,
        "filesize" => file::filesize,
        "filemd5" => file::filemd5,
        "filesha1" => file::filesha1,
        "filesha256" => file::filesha256,
        "filestore" => file::filestore,
        _ => return None,
    })
}
