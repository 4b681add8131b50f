//! A buffer to be looked at, and what must be found in it.

use mimamori_applayer::Field;
use mimamori_base::Direction;

use super::bytes::{Base64Decode, ByteExtract, ByteJump, ByteMath, ByteTest, IsDataAt};
use super::content::{Content, Pcre};
use super::effect::Dataset;
use super::number::{FloatCmp, NumberCmp};
use super::transform::Transform;

/// Headers of a packet as buffers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PacketBuffer {
    EtherHdr,
    Ipv4Hdr,
    Ipv6Hdr,
    TcpHdr,
    UdpHdr,
    /// Header and chunks.
    SctpHdr,
    Icmpv4Hdr,
    Icmpv6Hdr,
    /// `ip.src`, `ip.dst`: 4 or 16 bytes.
    IpSrc,
    IpDst,
}

/// Which bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Selector {
    /// The payload: stream or packet, as the rule's protocol says (`pkt_data`, or no buffer).
    Payload,
    Packet(PacketBuffer),
    Field(Field),
}

/// `absent`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Absent {
    /// The buffer must be there.
    #[default]
    No,
    /// The buffer must not be there.
    Only,
    /// Either it is not there, or the matches are met.
    OrElse,
}

/// One thing that must be found, in the rule's order.
#[derive(Clone, PartialEq, Debug)]
pub enum Match {
    Content(Content),
    Pcre(Pcre),
    ByteTest(ByteTest),
    ByteJump(ByteJump),
    ByteExtract(ByteExtract),
    ByteMath(ByteMath),
    IsDataAt(IsDataAt),
    /// Length of the buffer (`bsize`, `urilen`).
    Bsize(NumberCmp),
    Base64Decode(Base64Decode),
    /// Shannon entropy of a part of the buffer.
    Entropy(Entropy),
    /// Membership of the whole buffer in a set (`dataset`, `datarep`).
    Dataset(Box<Dataset>),
    Asn1(Asn1),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Entropy {
    pub bytes: Option<u32>,
    pub offset: u32,
    pub value: FloatCmp,
}

/// Attacks on ASN.1 decoders (`asn1`): any of what is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asn1 {
    pub bitstring_overflow: bool,
    pub double_overflow: bool,
    pub oversize_length: Option<u32>,
    pub offset: i32,
    pub relative: bool,
}

/// One buffer, transformed, and its matches. Instances of a multi-buffer are separate entries:
/// each must be met by some instance on its own.
#[derive(Clone, PartialEq, Debug)]
pub struct Buffer {
    pub selector: Selector,
    pub transforms: Vec<Transform>,
    /// In order. Empty only where `absent` is [`Absent::Only`].
    pub matches: Vec<Match>,
    pub absent: Absent,
    /// The side, where a rule of both sides (`=>`) names it for a field that both have.
    pub side: Option<Direction>,
}
