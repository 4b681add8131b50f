//! Patterns: `content` and `pcre`.

/// A variable of the rule: index into [`crate::Rule::vars`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct VarId(pub u8);

/// A number that is written or computed by an earlier match.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    Const(i64),
    Var(VarId),
}

impl Value {
    #[must_use]
    pub const fn constant(self) -> Option<i64> {
        match self {
            Value::Const(n) => Some(n),
            Value::Var(_) => None,
        }
    }
}

/// How a content was marked for the prefilter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum FastPattern {
    /// Not marked: the compiler chooses.
    #[default]
    No,
    Yes,
    /// The prefilter's hit is the match: no position needed.
    Only,
    /// Only `length` bytes from `offset` go to the prefilter.
    Chop {
        offset: u16,
        length: u16,
    },
}

/// `content` with its modifiers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// Never empty.
    pub pattern: Box<[u8]>,
    pub nocase: bool,
    pub negated: bool,
    /// From the buffer's begin: the match must end at most here (from `offset`).
    pub depth: Option<Value>,
    pub offset: Option<Value>,
    /// From the end of the previous match.
    pub distance: Option<Value>,
    pub within: Option<Value>,
    pub startswith: bool,
    pub endswith: bool,
    pub fast_pattern: FastPattern,
    pub replace: Option<Box<[u8]>>,
    /// The next match of the list is relative to this one: try further occurrences when it fails.
    pub relative_next: bool,
}

impl Content {
    /// Whether the place is counted from the previous match.
    #[must_use]
    pub const fn is_relative(&self) -> bool {
        self.distance.is_some() || self.within.is_some()
    }
}

/// Where a capture of a pcre goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PcreCapture {
    /// `flow:name`: a variable of the flow, for EVE.
    Flow(Box<str>),
    /// `pkt:name`: a variable of the packet.
    Pkt(Box<str>),
    /// `alert:name`: into the alert's `context`.
    Alert(Box<str>),
}

/// `pcre`, its buffer letter already turned into the list that it stands in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pcre {
    /// The expression between the slashes, PCRE syntax.
    pub pattern: Box<str>,
    pub negated: bool,
    /// `R`: begins where the previous match ended.
    pub relative: bool,
    /// `i`
    pub nocase: bool,
    /// `s`
    pub dot_all: bool,
    /// `m`
    pub multiline: bool,
    /// `x`
    pub extended: bool,
    /// `A`
    pub anchored: bool,
    /// `E`
    pub dollar_end_only: bool,
    /// `G`
    pub ungreedy: bool,
    /// Groups that are kept: number of the group, and where it goes.
    pub captures: Vec<(u16, PcreCapture)>,
    pub relative_next: bool,
}
