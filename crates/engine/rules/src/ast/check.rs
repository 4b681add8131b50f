//! What must hold of the packet, the flow or the transaction as a whole.

use mimamori_applayer::AppProto;

use super::effect::{BitScope, FlowintValue, RepTest, Threshold};
use super::number::{NumberCheck, NumberCmp, NumbersTest};

/// One condition.
#[derive(Clone, PartialEq, Debug)]
pub enum Check {
    // Of the packet.
    TcpFlags(TcpFlags),
    Ttl(NumberCmp),
    Dsize(NumberCmp),
    Itype(NumberCmp),
    Icode(NumberCmp),
    IcmpId(u16),
    IcmpSeq(u16),
    Icmpv6Mtu(NumberCmp),
    VlanId(NumbersTest),
    VlanLayers(NumberCmp),
    Rpc(RpcCheck),
    IgmpType(NumberCmp),
    Sctp(SctpCheck),
    IpId(u16),
    Tos(NumberCmp),
    /// Each `ip_proto` must hold.
    IpProto(NumberCmp),
    IpOption(IpOption),
    FragBits(FragBits),
    FragOffset(NumberCmp),
    SameIp,
    TcpSeq(u32),
    TcpAck(u32),
    TcpWindow(NumberCmp),
    TcpMss(NumberCmp),
    TcpWscale(NumberCmp),
    Checksum {
        of: ChecksumOf,
        valid: bool,
    },
    /// Name without prefix as the rule writes it: `ipv4.trunc_pkt`.
    DecodeEvent(Box<str>),
    /// `stream-event`, name without the prefix `stream.`.
    StreamEvent(Box<str>),
    EngineEvent(Box<str>),
    // Of the flow.
    Flow(Flow),
    StreamSize {
        side: StreamSide,
        cmp: NumberCmp,
    },
    FlowAge(NumberCmp),
    FlowPackets {
        side: FlowSide,
        cmp: NumberCmp,
    },
    FlowBytes {
        side: FlowSide,
        cmp: NumberCmp,
    },
    Bit(BitCheck),
    Flowint {
        name: Box<str>,
        op: FlowintCmp,
        value: FlowintValue,
    },
    /// `flowint: name, isset` and `isnotset`.
    FlowintIsSet {
        name: Box<str>,
        set: bool,
    },
    /// `app-layer-protocol`
    AppProtocol(AppProtocolCheck),
    IpRep {
        side: RepSide,
        category: Box<str>,
        test: RepTest,
        /// 1-based place in the rule.
        column: u32,
    },
    /// `threshold` (perhaps several) or `detection_filter` (alone).
    Threshold(Threshold),
    // Of the transaction.
    /// `app-layer-event`, full name: `http.missing_host_header`, and for protocol-less
    /// events `applayer_mismatch_protocol_both_directions`.
    AppEvent(Box<str>),
    Number(NumberCheck),
    TlsVersion(TlsVersionCheck),
    SslVersion(Vec<(SslVersion, bool)>),
    SslState {
        states: Vec<SslState>,
        negated: bool,
    },
    TlsCertValidity(CertValidity),
    FtpBounce,
    FtpReplyReceived(bool),
    FtpMode {
        active: bool,
    },
    FtpDataCommand {
        store: bool,
    },
    DceIface(DceIface),
    DceOpnum(Vec<(u32, u32)>),
    /// `krb5.ticket_encryption`: any of the numbers, or all that are weak or strong.
    TicketEncryption(TicketEncryption),
    SshVersion {
        software: Box<str>,
        proto: bool,
    },
    File(FileCheck),
    /// `app-layer-state`
    AppState {
        cmp: StateCmp,
        name: Box<str>,
    },
}

impl Check {
    /// Whether it looks at a packet's header: the payload is then the packet's.
    #[must_use]
    pub const fn is_packet_header(&self) -> bool {
        matches!(
            self,
            Check::TcpFlags(_)
                | Check::Ttl(_)
                | Check::Dsize(_)
                | Check::Itype(_)
                | Check::Icode(_)
                | Check::IcmpId(_)
                | Check::IcmpSeq(_)
                | Check::Icmpv6Mtu(_)
                | Check::VlanId(_)
                | Check::VlanLayers(_)
                | Check::Rpc(_)
                | Check::IgmpType(_)
                | Check::Sctp(_)
                | Check::IpId(_)
                | Check::Tos(_)
                | Check::IpOption(_)
                | Check::FragBits(_)
                | Check::FragOffset(_)
                | Check::SameIp
                | Check::TcpSeq(_)
                | Check::TcpAck(_)
                | Check::TcpWindow(_)
                | Check::TcpMss(_)
                | Check::TcpWscale(_)
                | Check::Checksum { .. }
                | Check::DecodeEvent(_)
        )
    }
}

/// `rpc`: a call over ONC RPC; `None` is `*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RpcCheck {
    pub program: u32,
    pub version: Option<u32>,
    pub procedure: Option<u32>,
}

/// `sctp.vtag`, `sctp.chunk_type` (of any chunk), `sctp.chunk_cnt`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SctpCheck {
    VerificationTag(NumberCmp),
    ChunkType(NumberCmp),
    ChunkCount(NumberCmp),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateCmp {
    Eq,
    Lt,
    Gt,
}

/// TCP flags as bits: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpFlags {
    pub mode: FlagsMode,
    pub flags: u8,
    /// Bits that are not looked at.
    pub ignore: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagsMode {
    Exact,
    /// `+`: all of these, and perhaps others.
    All,
    /// `*`: any of these.
    Any,
    /// `!`: not exactly these.
    Not,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FragBits {
    pub mode: FlagsMode,
    /// Reserved 4, DF 2, MF 1.
    pub bits: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IpOption {
    Any,
    /// The option's number.
    Is(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChecksumOf {
    Ipv4,
    Tcpv4,
    Tcpv6,
    Udpv4,
    Udpv6,
    Icmpv4,
    Icmpv6,
}

/// `flow`, merged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flow {
    pub to_server: bool,
    pub to_client: bool,
    pub established: bool,
    pub not_established: bool,
    pub stateless: bool,
    pub only_stream: bool,
    pub no_stream: bool,
    pub only_frag: bool,
    pub no_frag: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamSide {
    Server,
    Client,
    Both,
    Either,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowSide {
    ToServer,
    ToClient,
    Either,
    Both,
}

/// isset, isnotset of flowbits, xbits and hostbits. Several names: any of them (`a|b`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BitCheck {
    pub scope: BitScope,
    pub names: Vec<Box<str>>,
    pub set: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowintOp {
    Set,
    Add,
    Sub,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowintCmp {
    Lt,
    Le,
    Eq,
    Ne,
    Ge,
    Gt,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppProtocolMode {
    /// By the packet's direction.
    Direction,
    Final,
    Either,
    ToServer,
    ToClient,
    Original,
}

/// `app-layer-protocol`. `Failed` and `Unknown` may be named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppProtocolCheck {
    pub protos: &'static [AppProto],
    pub negated: bool,
    pub mode: AppProtocolMode,
    /// `exact`: related protocols (DNS and DNS over HTTP/2) do not count.
    pub exact: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepSide {
    Any,
    Src,
    Dst,
    Both,
}

/// What counts are kept by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Track {
    Src,
    Dst,
    Both,
    Either,
    Rule,
    Flow,
}

/// `tls.version`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TlsVersionCheck {
    /// Wire value: 0x0303.
    pub version: u16,
    pub negated: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SslVersion {
    Ssl2,
    Ssl3,
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SslState {
    ClientHello,
    ServerHello,
    ClientKeyx,
    ServerKeyx,
    Unknown,
}

/// `tls_cert_notbefore`, `_notafter`, `_expired`, `_valid`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertValidity {
    NotBefore(NumberCmp),
    NotAfter(NumberCmp),
    Expired,
    Valid,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DceIface {
    pub uuid: [u8; 16],
    pub version: Option<NumberCmp>,
    pub any_frag: bool,
}

/// How the ticket in a Kerberos reply is encrypted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TicketEncryption {
    /// All but AES and Camellia.
    Weak,
    Strong,
    AnyOf(Vec<i32>),
}

/// Of a file that the flow carries.
#[derive(Clone, PartialEq, Debug)]
pub enum FileCheck {
    /// Substring of the name, any case.
    Name {
        text: Box<[u8]>,
        negated: bool,
    },
    /// The name ends with `.ext`, any case.
    Ext {
        text: Box<[u8]>,
        negated: bool,
    },
    Magic {
        text: Box<[u8]>,
        negated: bool,
    },
    Size(NumberCmp),
    /// A list of hashes in a file, as written; the program reads it.
    HashList {
        kind: HashKind,
        file: Box<str>,
        negated: bool,
        /// 1-based place in the rule.
        column: u32,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HashKind {
    Md5,
    Sha1,
    Sha256,
}
