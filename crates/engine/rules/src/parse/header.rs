//! Action, protocol, addresses, ports, direction.

use crate::ast::{Action, Header, RejectTo, RuleProto};
use crate::error::{Result, RuleError, bail};
use crate::lex::HeaderWords;
use crate::parse::app;
use crate::set::{ParseContext, SetCache};

pub fn parse(words: &HeaderWords<'_>, context: &ParseContext, cache: &mut SetCache) -> Result<Header> {
    let action = action(words.action.text).map_err(|e| e.at(words.action.at))?;
    let proto = proto(words.proto.text).map_err(|e| e.at(words.proto.at))?;
    let (bidirectional, transactional) = match words.direction.text {
        "->" => (false, false),
        "<>" => (true, false),
        "=>" => (false, true),
        "<-" => {
            return Err(RuleError::invalid("`<-` is no direction: turn the rule round and use `->`")
                .at(words.direction.at));
        }
        other => {
            return Err(RuleError::invalid(format!("`{other}` is no direction: use `->` or `<>`"))
                .at(words.direction.at));
        }
    };
    let vars = &context.vars;
    Ok(Header {
        action,
        proto,
        src: cache.addresses(words.src.text, vars).map_err(|e| e.at(words.src.at))?,
        src_ports: cache.ports(words.src_ports.text, vars).map_err(|e| e.at(words.src_ports.at))?,
        bidirectional,
        transactional,
        dst: cache.addresses(words.dst.text, vars).map_err(|e| e.at(words.dst.at))?,
        dst_ports: cache.ports(words.dst_ports.text, vars).map_err(|e| e.at(words.dst_ports.at))?,
    })
}

fn action(text: &str) -> Result<Action> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "alert" => Action::Alert,
        "pass" => Action::Pass,
        "drop" => Action::Drop,
        "reject" | "rejectsrc" => Action::Reject(RejectTo::Src),
        "rejectdst" => Action::Reject(RejectTo::Dst),
        "rejectboth" => Action::Reject(RejectTo::Both),
        "config" => Action::Config,
        "accept" => {
            return Err(RuleError::unsupported("`accept` belongs to firewall mode, which is not here"));
        }
        other => bail!("`{other}` is no action"),
    })
}

fn proto(text: &str) -> Result<RuleProto> {
    let lower = text.to_ascii_lowercase();
    Ok(match lower.as_str() {
        "ip" | "any" => RuleProto::Ip,
        "ipv4" | "ip4" => RuleProto::Ipv4,
        "ipv6" | "ip6" => RuleProto::Ipv6,
        "tcp" => RuleProto::Tcp,
        "tcp-pkt" => RuleProto::TcpPkt,
        "tcp-stream" => RuleProto::TcpStream,
        "udp" => RuleProto::Udp,
        "sctp" => RuleProto::Sctp,
        "icmp" => RuleProto::Icmp,
        "icmpv4" => RuleProto::Icmpv4,
        "icmpv6" => RuleProto::Icmpv6,
        "igmp" => RuleProto::Igmp,
        "pkthdr" | "decode" => RuleProto::PktHdr,
        "arp" => RuleProto::Arp,
        "ether" => RuleProto::Ether,
        other if other.contains(':') => {
            return Err(RuleError::unsupported(format!("the hook `{other}` belongs to firewall mode")));
        }
        other => match app::rule_protocol(other) {
            Some((name, protos)) => RuleProto::App(name, protos),
            None => bail!("protocol `{other}` is not known"),
        },
    })
}
