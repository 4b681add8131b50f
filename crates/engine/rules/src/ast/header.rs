//! The part of a rule before its parenthesis.

use std::sync::Arc;

use mimamori_applayer::AppProto;

use crate::net::{AddressSet, PortSet};

/// Who is sent a reset or an unreachable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RejectTo {
    /// The sender of the matching packet (`reject`, `rejectsrc`).
    Src,
    /// Its receiver (`rejectdst`).
    Dst,
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Alert,
    Pass,
    Drop,
    Reject(RejectTo),
    /// Sets logging of a flow or transaction; never alerts.
    Config,
}

/// The protocol of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuleProto {
    /// `ip`, `any`: every IP packet.
    Ip,
    Ipv4,
    Ipv6,
    /// TCP: payload looks at the stream, and at packets where no stream is to be had.
    Tcp,
    /// `tcp-pkt`: packets only.
    TcpPkt,
    /// `tcp-stream`: reassembled stream only.
    TcpStream,
    Udp,
    Sctp,
    /// `icmp`: v4 and v6.
    Icmp,
    Icmpv4,
    Icmpv6,
    Igmp,
    /// `pkthdr`: also packets that did not decode.
    PktHdr,
    /// `arp`, `ether`: frames without IP.
    Arp,
    Ether,
    /// The rule's name, and the protocols that it covers: `http` covers HTTP/1 and HTTP/2,
    /// `dns` also DNS over HTTP/2, `dcerpc` also SMB. Transport is what they run on.
    App(&'static str, &'static [AppProto]),
}

impl RuleProto {
    #[must_use]
    pub fn app(&self) -> Option<&'static [AppProto]> {
        match self {
            RuleProto::App(_, protos) => Some(protos),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Header {
    pub action: Action,
    pub proto: RuleProto,
    /// Sets are shared between rules that are written alike: compare with `Arc::ptr_eq`.
    pub src: Arc<AddressSet>,
    pub src_ports: Arc<PortSet>,
    /// `<>`: either way round.
    pub bidirectional: bool,
    /// `=>`: buffers of both sides of a transaction in one rule.
    pub transactional: bool,
    pub dst: Arc<AddressSet>,
    pub dst_ports: Arc<PortSet>,
}
