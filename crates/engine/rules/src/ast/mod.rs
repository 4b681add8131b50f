//! A rule as data: what the parser has understood and checked.
//!
//! Responsible for the types that `detect` compiles. Holds always: a [`Rule`] has passed every
//! check of the parser, so that its parts do not contradict one another. Deliberately not here:
//! text (see `parse`), and how a rule is matched (see the crate `detect`).

pub mod buffer;
pub mod bytes;
pub mod check;
pub mod content;
pub mod effect;
pub mod header;
pub mod number;
pub mod transform;

use std::sync::Arc;

use mimamori_applayer::AppProto;

use crate::kind::Kind;
pub use buffer::{Absent, Asn1, Buffer, Entropy, Match, PacketBuffer, Selector};
pub use bytes::{
    Base64Decode, Base64Mode, ByteBase, ByteExtract, ByteJump, ByteMath, ByteTest, ByteValue, Endian,
    IsDataAt, JumpFrom, MathOp, TestOp,
};
pub use check::*;
pub use content::{Content, FastPattern, Pcre, PcreCapture, Value, VarId};
pub use effect::*;
pub use header::{Action, Header, RejectTo, RuleProto};
pub use number::{FloatCmp, NumberCheck, NumberCmp, NumbersTest, Which};
pub use transform::{Transform, XorKey};

/// What identifies a rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct SigId {
    pub gid: u32,
    pub sid: u32,
    pub rev: u32,
}

/// Which side of the alert is the victim (`target`), for EVE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Src,
    Dst,
}

/// A reference, for the reader of an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    pub kind: Box<str>,
    pub value: Box<str>,
}

/// A class of rules: its name, its sentence and its priority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Classification {
    pub name: Box<str>,
    pub description: Box<str>,
    pub priority: u8,
}

/// One rule, checked.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: SigId,
    pub msg: Arc<str>,
    pub header: Header,
    pub class: Option<Arc<Classification>>,
    /// 1 is the gravest. From `priority`, else from the class, else 3.
    pub priority: u8,
    pub references: Vec<Reference>,
    /// Keys and values in order of appearance; keys may repeat.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    pub target: Option<Target>,
    /// What must hold of the packet, the flow and the transaction, in the rule's order.
    pub checks: Vec<Check>,
    /// What must hold of buffers, one entry a buffer instance, in order of first appearance.
    pub buffers: Vec<Buffer>,
    /// What a match does besides its action, in the rule's order.
    pub effects: Vec<Effect>,
    /// `noalert` (alone or in a bits keyword): the rule keeps state and never alerts or drops.
    pub noalert: bool,
    /// `alert` in a `pass` rule: it passes and alerts.
    pub pass_alerts: bool,
    /// The names behind [`VarId`]s: variables of byte_extract and byte_math.
    pub vars: Vec<Box<str>>,
    /// Packets and data towards the server can match.
    pub to_server: bool,
    /// Packets and data towards the client can match.
    pub to_client: bool,
    /// `prefilter`: use the first check that can prefilter even where a content exists.
    pub prefilter: bool,
    /// The application protocols that the rule is for: those of its header, else those that its
    /// buffers and checks have in common. `None`: any, or none at all.
    pub app: Option<Vec<AppProto>>,
    pub kind: Kind,
    /// 1-based first line of the rule in its text.
    pub line: u32,
    /// The text, where [`crate::ParseContext::keep_text`] asked for it.
    pub text: Option<Box<str>>,
}

impl Rule {
    /// `threshold`s, or the `detection_filter`; every one must let the alert through.
    pub fn thresholds(&self) -> impl Iterator<Item = &Threshold> {
        self.checks.iter().filter_map(|c| match c {
            Check::Threshold(t) => Some(t),
            _ => None,
        })
    }

    /// The first of [`Rule::thresholds`].
    #[must_use]
    pub fn threshold(&self) -> Option<&Threshold> {
        self.thresholds().next()
    }

    /// The flow check, merged; a rule has at most one.
    #[must_use]
    pub fn flow(&self) -> Option<&Flow> {
        self.checks.iter().find_map(|c| match c {
            Check::Flow(f) => Some(f),
            _ => None,
        })
    }
}
