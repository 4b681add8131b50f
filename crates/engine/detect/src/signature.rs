//! A rule as the inspection uses it.
//!
//! Responsible for the compiled form only. Holds always: everything that can be decided at
//! load is decided here; a signature never changes. Deliberately not here: how it is found
//! (see `groups`) and how it is asked (see `inspect`).

use std::sync::Arc;

use mimamori_applayer::{AppProto, Field, FieldKind};
use mimamori_base::Direction;
use mimamori_rules as ast;

use crate::matcher::{CompiledMatches, CompiledTransforms};

/// A signature's place in evaluation order: smaller is asked, and acts, first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct SigIndex(pub u32);

impl SigIndex {
    #[must_use]
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// What an alert says of its signature.
#[derive(Debug)]
pub struct SigInfo {
    pub id: ast::SigId,
    pub msg: Arc<str>,
    pub class: Option<Arc<ast::Classification>>,
    pub priority: u8,
    pub references: Vec<ast::Reference>,
    pub metadata: Vec<(Box<str>, Box<str>)>,
    pub target: Option<ast::Target>,
    pub vars: Vec<Box<str>>,
}

/// Which directions of a flow a signature looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Directions {
    pub to_server: bool,
    pub to_client: bool,
}

impl Directions {
    #[must_use]
    pub fn has(self, dir: Direction) -> bool {
        match dir {
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }
}

/// How often a signature is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Once a flow and direction (each packet where there is no flow).
    IpOnly,
    /// Once a flow and direction, when the protocol has been detected.
    ProtocolDetection,
    /// Each packet, and stream windows.
    Packet,
    /// Each transaction and direction.
    Tx,
}

/// A match list on the payload or on a packet header.
#[derive(Debug)]
pub struct PayloadPart {
    pub selector: ast::Selector,
    pub transforms: CompiledTransforms,
    pub matches: CompiledMatches,
}

/// What must hold of a transaction, one step of it.
#[derive(Debug)]
pub enum TxPart {
    Buffer {
        field: Field,
        transforms: CompiledTransforms,
        matches: CompiledMatches,
        absent: ast::Absent,
        directions: Directions,
        /// The list needs a buffer of a [`FieldKind::Stream`] field.
        kind: FieldKind,
    },
    Check(TxCheck),
    /// Content on the raw payload inside a transaction rule.
    Payload,
}

/// A check of a transaction.
#[derive(Debug)]
pub struct TxCheck {
    pub check: ast::Check,
    pub directions: Directions,
    /// The progress from which the answer is final.
    pub progress: u8,
}

/// Bits and numbers named by interned names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SigEffect {
    Bit { scope: ast::BitScope, change: ast::BitChange, bit: u32, expire_secs: Option<u32> },
    Flowint { var: u32, op: ast::FlowintOp, value: IntValue },
    Tag(ast::Tag),
    Filestore(ast::FilestoreScope),
    Bypass,
    NoLog(ast::ConfigScope),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntValue {
    Const(u32),
    Var(u32),
}

/// A check of packet or flow, with names interned.
#[derive(Debug)]
pub enum SigCheck {
    Bit { scope: ast::BitScope, bits: Box<[u32]>, set: bool },
    Flowint { var: u32, op: ast::FlowintCmp, value: IntValue },
    FlowintIsSet { var: u32, set: bool },
    DecodeEvent(mimamori_packet::DecodeEvent),
    IpRep { side: ast::RepSide, category: u8, test: ast::RepTest },
    Other(ast::Check),
}

/// Hits that are not told: all, or those of some addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suppression {
    pub track: ast::Track,
    pub of: Option<Arc<ast::AddressSet>>,
}

/// One compiled rule (one of two for a rule written with `<>`).
#[derive(Debug)]
pub struct Signature {
    pub info: Arc<SigInfo>,
    pub action: ast::Action,
    pub noalert: bool,
    /// `noalert` by itself on a rule that stops: it stops without a word. With a bits keyword's
    /// `noalert` the rule only keeps state.
    pub acts_quietly: bool,
    pub proto: ast::RuleProto,
    pub app: Option<&'static [AppProto]>,
    pub src: Arc<ast::AddressSet>,
    pub dst: Arc<ast::AddressSet>,
    pub src_ports: Arc<ast::PortSet>,
    pub dst_ports: Arc<ast::PortSet>,
    pub level: Level,
    pub kind: ast::Kind,
    pub directions: Directions,
    pub flow: ast::Flow,
    /// `flow` was written, so a packet without a flow cannot match.
    pub needs_flow: bool,
    pub checks: Box<[SigCheck]>,
    pub payload: Box<[PayloadPart]>,
    pub tx: Box<[TxPart]>,
    pub effects: Box<[SigEffect]>,
    /// All of them must let an alert through.
    pub thresholds: Box<[ast::Threshold]>,
    /// Hits that are not told (threshold.config).
    pub suppressions: Box<[Suppression]>,
    /// Asks the packet's own payload even where the stream holds it.
    pub needs_packet: bool,
    /// Asks the reassembled stream.
    pub needs_stream: bool,
    /// Requests and responses are looked at together (`=>`).
    pub transactional: bool,
    /// `pass` with `alert`: passes and alerts.
    pub pass_alerts: bool,
}

impl Signature {
    /// Whether a hit applies to the rest of the flow and not to one packet.
    #[must_use]
    pub fn acts_on_flow(&self) -> bool {
        self.level != Level::Packet || self.app.is_some() || self.needs_stream
    }

    #[must_use]
    pub fn covers_app(&self, proto: AppProto) -> bool {
        self.app.is_none_or(|protos| protos.contains(&proto))
    }
}
