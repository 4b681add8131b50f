//! Frames in, checked views out: link, network and transport headers, tunnels, fragments.
//!
//! Responsible for decoding a captured frame into [`Packet`]s, joining IP fragments and naming
//! what is wrong with a packet by the words of the rule language (`decode-event:`).
//! Holds always: no input panics; a view exists only when its header was complete; every
//! table has a cap and a counter. Deliberately not here: flows, streams, rules, time of its own.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod checksum;
pub mod decode;
pub mod defrag;
pub mod event;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod link;
pub mod packet;
mod reader;
pub mod sctp;
pub mod tcp;
pub mod udp;

pub use decode::{DecodeConfig, DecodeStats, Decoder};
pub use defrag::{Defrag, DefragConfig, DefragStats};
pub use event::{DecodeEvent, DecodeEvents};
pub use icmp::{IcmpView, InnerPacket};
pub use ipv4::Ipv4View;
pub use ipv6::Ipv6View;
pub use link::{Arp, Ethernet, LinkType, VlanTags};
pub use packet::{FragmentInfo, Network, Origin, OuterPacket, Packet, Transport, TunnelKind};
pub use sctp::{SctpChunk, sctp_chunks};
pub use tcp::{TcpFlags, TcpOptions, TcpView};
pub use udp::UdpView;
