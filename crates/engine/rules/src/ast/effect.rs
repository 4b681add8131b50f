//! What a match does besides its action.

use super::check::{FlowintOp, Track};

/// What happens to a bit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BitChange {
    Set,
    Unset,
    Toggle,
}

/// Where a named bit lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BitScope {
    Flow,
    /// `hostbits`
    HostSrc,
    HostDst,
    HostBoth,
    /// `xbits` with `track`
    IpSrc,
    IpDst,
    IpPair,
    Tx,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// flowbits, hostbits, xbits.
    Bit {
        scope: BitScope,
        change: BitChange,
        name: Box<str>,
        expire_secs: Option<u32>,
    },
    Flowint {
        name: Box<str>,
        op: FlowintOp,
        value: FlowintValue,
    },
    Tag(Tag),
    /// Marks the file; nothing is written to a disk here.
    Filestore {
        scope: FilestoreScope,
    },
    TlsStore,
    /// Inspect nothing more of this flow.
    Bypass,
    /// `config: logging disable, type tx, scope tx`
    Config {
        logging: bool,
        kind: ConfigKind,
        scope: ConfigScope,
    },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FlowintValue {
    Const(u32),
    Var(Box<str>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilestoreScope {
    /// Both directions of the transaction, or the one named.
    File,
    Tx,
    Flow,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigKind {
    Tx,
    Flow,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigScope {
    Tx,
    Flow,
    Packet,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TagScope {
    Session,
    HostSrc,
    HostDst,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TagMetric {
    Packets,
    Seconds,
    Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    pub scope: TagScope,
    pub count: u32,
    pub metric: TagMetric,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DatasetOp {
    IsSet,
    IsNotSet,
    Set,
    Unset,
    /// `datarep`: the value of the entry compares.
    Reputation {
        op: RepOp,
        value: u16,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepOp {
    Lt,
    Gt,
    Eq,
    Le,
    Ge,
}

/// What `iprep` asks of an address's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepTest {
    Compare(RepOp, u8),
    IsSet,
    IsNotSet,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DatasetType {
    String,
    Md5,
    Sha256,
    Ipv4,
    Ip,
}

/// `dataset`, `datarep`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dataset {
    pub op: DatasetOp,
    pub name: Box<str>,
    pub kind: DatasetType,
    /// File names as written; the program reads them.
    pub load: Option<Box<str>>,
    pub save: Option<Box<str>>,
    pub memcap_bytes: Option<u64>,
    pub hashsize: Option<u32>,
    /// 1-based place in the rule, for the reason when a file cannot be used.
    pub column: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThresholdKind {
    /// The first `count` in a period alert.
    Limit,
    /// Each `count`th in a period alerts.
    Threshold,
    /// Once a period, from the `count`th on.
    Both,
    /// The `count`th alerts, then each `multiplier` times as many.
    Backoff { multiplier: u32 },
    /// `detection_filter`: all after the first `count` in a period match.
    DetectionFilter,
    /// `rate_filter`, from threshold.config.
    Rate { new_action: super::Action, timeout_secs: u32 },
    /// `suppress`, from threshold.config.
    Suppress,
}

/// How often a rule may alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Threshold {
    pub kind: ThresholdKind,
    pub track: Track,
    pub count: u32,
    pub seconds: u32,
    pub unique_on: Option<UniqueOn>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UniqueOn {
    SrcPort,
    DstPort,
}
