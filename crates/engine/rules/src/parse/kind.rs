//! Which class a rule belongs to (see [`Kind`]).

use crate::ast::{Check, Match, RuleProto, Selector};
use crate::kind::Kind;
use crate::parse::builder::{Builder, List};

/// Classifies a rule as the user guide of the field describes it.
pub fn kind(b: &Builder<'_>, has_app: bool) -> Kind {
    let lists: Vec<&List> =
        b.lists.iter().filter(|l| !l.items.is_empty() || l.absent != crate::ast::Absent::No).collect();
    if lists.is_empty() && !has_app {
        if only(&b.checks, |c| matches!(c, Check::AppProtocol(_))) {
            return Kind::ProtocolDetection;
        }
        if only(&b.checks, |c| matches!(c, Check::DecodeEvent(_))) {
            return Kind::DecodeEvent;
        }
        if is_ip_only(b) {
            let negated = b.header.src.negated || b.header.dst.negated;
            return if negated { Kind::LikeIpOnly } else { Kind::IpOnly };
        }
    }
    let tx_field = lists.iter().any(|l| matches!(l.selector, Selector::Field(_)));
    if tx_field || b.checks.iter().any(is_tx) {
        return Kind::AppTx;
    }
    let payload = lists.iter().find(|l| l.selector == Selector::Payload);
    let packet_header = lists.iter().any(|l| matches!(l.selector, Selector::Packet(_)));
    if let Some(list) = payload {
        return payload_kind(b, list, packet_header, has_app);
    }
    if has_app && !packet_header && !b.checks.iter().any(per_packet) {
        return Kind::AppLayer;
    }
    Kind::Packet
}

/// All checks are of the kind asked for (direction of the flow besides), and there is one.
fn only(checks: &[Check], is: fn(&Check) -> bool) -> bool {
    let mut found = false;
    for check in checks {
        match check {
            c if is(c) => found = true,
            Check::Flow(f)
                if !f.established
                    && !f.not_established
                    && !f.stateless
                    && !f.only_stream
                    && !f.no_stream
                    && !f.only_frag
                    && !f.no_frag => {}
            Check::Threshold(_) => {}
            _ => return false,
        }
    }
    found
}

fn is_ip_only(b: &Builder<'_>) -> bool {
    let h = &b.header;
    let proto =
        !matches!(h.proto, RuleProto::PktHdr | RuleProto::Arp | RuleProto::Ether | RuleProto::App(..));
    proto
        && h.src_ports.is_any()
        && h.dst_ports.is_any()
        && b.checks.iter().all(|c| matches!(c, Check::Threshold(_) | Check::IpProto(_)))
}

/// Conditions that can change from packet to packet.
fn per_packet(check: &Check) -> bool {
    match check {
        Check::Flow(f) => {
            f.established
                || f.not_established
                || f.stateless
                || f.no_stream
                || f.only_stream
                || f.only_frag
                || f.no_frag
        }
        Check::Threshold(_) | Check::AppProtocol(_) => false,
        _ => true,
    }
}

fn is_tx(check: &Check) -> bool {
    matches!(
        check,
        Check::AppEvent(_)
            | Check::Number(_)
            | Check::TlsVersion(_)
            | Check::SslVersion(_)
            | Check::SslState { .. }
            | Check::TlsCertValidity(_)
            | Check::FtpBounce
            | Check::FtpReplyReceived(_)
            | Check::FtpMode { .. }
            | Check::FtpDataCommand { .. }
            | Check::DceIface(_)
            | Check::DceOpnum(_)
            | Check::SshVersion { .. }
            | Check::File(_)
            | Check::AppState { .. }
    )
}

/// Payload of TCP is looked at in the stream; where a place is given, in packets too.
fn payload_kind(b: &Builder<'_>, list: &List, packet_header: bool, has_app: bool) -> Kind {
    let stream_proto = match b.header.proto {
        RuleProto::TcpPkt => return Kind::Packet,
        RuleProto::TcpStream => return Kind::Stream,
        RuleProto::Tcp => true,
        RuleProto::App(..) => true,
        _ => has_app,
    };
    let flow = b.checks.iter().find_map(|c| match c {
        Check::Flow(f) => Some(*f),
        _ => None,
    });
    if flow.is_some_and(|f| f.only_stream) {
        return Kind::Stream;
    }
    if !stream_proto
        || packet_header
        || flow.is_some_and(|f| f.no_stream)
        || b.checks.iter().any(Check::is_packet_header)
    {
        return Kind::Packet;
    }
    let placed = list.items.iter().any(|i| match &i.matched {
        Match::Content(c) => c.startswith || c.depth.is_some() || c.offset.is_some(),
        _ => false,
    });
    if placed { Kind::PacketStream } else { Kind::Stream }
}
