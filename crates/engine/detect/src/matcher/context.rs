//! What an evaluation reads and leaves behind.

use mimamori_rules::{Dataset, Value, VarId};

/// Variables a rule can have (byte_extract, byte_math); the parser refuses more.
pub const MAX_VARS: usize = 16;

/// Steps that one buffer of one rule may cost before it counts as not matching.
pub const DEFAULT_STEPS: u32 = 30_000;

/// A capture of a pcre that the rule keeps: index of the compiled match and of its group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    pub to: mimamori_rules::PcreCapture,
    pub value: Box<[u8]>,
}

/// Sets that rules ask (`dataset`, `datarep`), kept by the detector.
pub trait Datasets {
    /// Whether the buffer meets `set`. Changing sets (`set`, `unset`) answer as the field
    /// does: true when the set changed.
    fn lookup(&mut self, set: &Dataset, buffer: &[u8]) -> bool;
}

/// No sets: every look-up is false.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDatasets;

impl Datasets for NoDatasets {
    fn lookup(&mut self, _set: &Dataset, _buffer: &[u8]) -> bool {
        false
    }
}

/// The place of a buffer in what it is a window of. A whole buffer is [`Window::WHOLE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Bytes of the stream before the buffer: `offset` and `depth` count from the stream's begin.
    pub offset: u64,
    /// The buffer ends where the stream ends: `endswith`, `bsize` and negated matches at the
    /// end can be decided.
    pub end: bool,
}

impl Window {
    pub const WHOLE: Window = Window { offset: 0, end: true };
}

/// State of one evaluation; variables live through all buffers of one rule.
pub struct EvalContext<'a> {
    pub vars: [u64; MAX_VARS],
    pub captures: Vec<Captured>,
    pub window: Window,
    /// Byte order of the DCE/RPC message, for `dce`.
    pub dce_little: bool,
    pub datasets: &'a mut dyn Datasets,
    /// Steps that are left; at 0 nothing matches any more.
    pub steps: u32,
    /// Replacements to be made in the packet when the rule matches: offset in the buffer, bytes.
    pub replacements: Vec<(usize, Box<[u8]>)>,
}

impl<'a> EvalContext<'a> {
    #[must_use]
    pub fn new(datasets: &'a mut dyn Datasets) -> EvalContext<'a> {
        EvalContext {
            vars: [0; MAX_VARS],
            captures: Vec::new(),
            window: Window::WHOLE,
            dce_little: false,
            datasets,
            steps: DEFAULT_STEPS,
            replacements: Vec::new(),
        }
    }

    /// A number, or what the variable holds.
    pub(super) fn value(&self, v: Value) -> i64 {
        match v {
            Value::Const(n) => n,
            Value::Var(id) => i64::try_from(self.var(id)).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn var(&self, id: VarId) -> u64 {
        self.vars.get(usize::from(id.0)).copied().unwrap_or(0)
    }

    pub(super) fn set_var(&mut self, id: VarId, value: u64) {
        if let Some(slot) = self.vars.get_mut(usize::from(id.0)) {
            *slot = value;
        }
    }

    pub(super) fn spend(&mut self, steps: usize) {
        self.steps = self.steps.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
    }
}
