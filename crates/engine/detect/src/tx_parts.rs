//! One rule's parts against one transaction.

use mimamori_applayer::{Field, FieldKind, Transaction};
use mimamori_base::Direction;
use mimamori_files::View;
use mimamori_rules::Absent;

use crate::inspect::Run;
use crate::matcher::{Captured, CompiledMatches, CompiledTransforms, EvalContext, Window};
use crate::signature::{Directions, Signature, TxPart};
use crate::tx_checks::{self, Standing, TxView};

/// How a rule stands after its parts were asked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub standing: Standing,
    /// Parts met so far, a bit each.
    pub met: u64,
    pub captures: Vec<Captured>,
}

/// One buffer to look at.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub window: Window,
    /// How the transport cut the stream has no part in what this buffer holds.
    pub settled: bool,
    /// Bytes before this have been searched for literals.
    pub fresh: usize,
}

impl Part {
    const WHOLE: Part = Part { window: Window::WHOLE, settled: true, fresh: 0 };

    fn of(view: &View<'_>) -> Part {
        let window = Window { offset: view.offset, end: view.end };
        Part { window, settled: view.settled, fresh: view.fresh }
    }
}

/// Visits the buffers that a field has now. `visit` answers whether to go on.
pub(crate) fn each_buffer(
    tx: &dyn Transaction,
    field: Field,
    kind: FieldKind,
    dir: Direction,
    visit: &mut dyn FnMut(&[u8], Part) -> bool,
) {
    let (mut on, mut any) = (true, false);
    if kind != FieldKind::Stream {
        tx.bytes(field, dir, &mut |b| on = on && visit(b, Part::WHOLE));
        return;
    }
    let mut look = |view: View<'_>| {
        any = true;
        on = visit(view.bytes, Part::of(&view));
        on
    };
    tx.body(field, dir, &mut look);
    if any || field != Field::FileData {
        return;
    }
    for file in tx.files(dir) {
        let mut on = true;
        file.views(&mut |view| {
            on = visit(view.bytes, Part::of(&view));
            on
        });
        if !on {
            return;
        }
    }
}

/// A number that changes whenever a stream field has something new to search.
pub(crate) fn stream_mark(tx: &dyn Transaction, field: Field, dir: Direction) -> u64 {
    let mut mark = 0u64;
    each_buffer(tx, field, FieldKind::Stream, dir, &mut |bytes, part| {
        let end = part.window.offset.wrapping_add(bytes.len() as u64);
        mark = mark.wrapping_mul(31).wrapping_add(end * 2 + u64::from(part.window.end) + 1);
        true
    });
    mark
}

/// Asks the parts of `sig` that `met` does not hold yet.
pub(crate) fn ask(
    sig: &Signature,
    tx: &dyn Transaction,
    dir: Direction,
    met: u64,
    payload_met: bool,
    run: &mut Run<'_, '_>,
) -> Asked {
    let mut asked = Asked { standing: Standing::Met, met, captures: Vec::new() };
    // Variables live through one evaluation only: such rules are asked anew.
    let keep = sig.info.vars.is_empty();
    let now = run.input.now;
    let src = run.input.addresses().0;
    let transformed = &mut run.scratch.transformed;
    let mut vars = [0; crate::matcher::MAX_VARS];
    for (index, part) in sig.tx.iter().enumerate() {
        let bit = 1u64.checked_shl(u32::try_from(index).unwrap_or(64)).unwrap_or(0);
        if keep && asked.met & bit != 0 {
            continue;
        }
        let standing = match part {
            TxPart::Payload if payload_met => Standing::Met,
            TxPart::Payload => Standing::decided(false, tx.is_complete(dir)),
            TxPart::Check(c) => {
                let dir = side_of(sig, c.directions, dir);
                let view = TxView { tx, dir, now, lists: run.detector.lists(), src };
                tx_checks::standing(&c.check, &view)
            }
            TxPart::Buffer { field, transforms, matches, absent, directions, kind } => {
                let dir = side_of(sig, *directions, dir);
                let mut ctx = EvalContext::new(run.state);
                ctx.vars = vars;
                ctx.dce_little = dce_little(tx, dir);
                let list = List { transforms, matches, absent: *absent };
                let standing = list.on(tx, *field, *kind, dir, transformed, &mut ctx);
                vars = ctx.vars;
                asked.captures.append(&mut ctx.captures);
                standing
            }
        };
        match standing {
            Standing::Met => asked.met |= bit,
            Standing::NotYet => {
                asked.standing = Standing::NotYet;
                return asked;
            }
            Standing::Never => {
                asked.standing = Standing::Never;
                return asked;
            }
        }
    }
    asked
}

/// A rule over both sides looks at each part where it lies.
fn side_of(sig: &Signature, of: Directions, dir: Direction) -> Direction {
    if !sig.transactional || of.has(dir) {
        return dir;
    }
    dir.reverse()
}

fn dce_little(tx: &dyn Transaction, dir: Direction) -> bool {
    tx.little_endian(dir)
}

struct List<'l> {
    transforms: &'l CompiledTransforms,
    matches: &'l CompiledMatches,
    absent: Absent,
}

impl List<'_> {
    /// What more bytes could take back must not be answered by where the transport cut.
    fn may_look_early(&self) -> bool {
        self.transforms.is_identity() && self.matches.grows_only()
    }

    fn on(
        &self,
        tx: &dyn Transaction,
        field: Field,
        kind: FieldKind,
        dir: Direction,
        transformed: &mut Vec<u8>,
        ctx: &mut EvalContext<'_>,
    ) -> Standing {
        let complete = tx.is_complete(dir);
        let reached = complete || tx.progress(dir) >= field.info().progress;
        if !reached && kind == FieldKind::Bytes {
            return Standing::NotYet;
        }
        let mut seen = false;
        let mut met = false;
        let mut open = false;
        each_buffer(tx, field, kind, dir, &mut |buffer, part| {
            seen = true;
            open |= !part.window.end;
            if self.absent == Absent::Only {
                return false;
            }
            if !part.settled && !self.may_look_early() {
                return true;
            }
            ctx.window = part.window;
            let bytes = if self.transforms.is_identity() {
                buffer
            } else if self.transforms.apply(buffer, transformed) {
                transformed.as_slice()
            } else {
                return true;
            };
            met = self.matches.evaluate(bytes, ctx);
            !met
        });
        if met {
            return Standing::Met;
        }
        let final_ = match kind {
            FieldKind::Bytes => true,
            FieldKind::MultiBytes | FieldKind::Number => complete,
            FieldKind::Stream => complete || (seen && !open),
        };
        if seen {
            return Standing::decided(false, final_ || self.absent == Absent::Only);
        }
        match self.absent {
            Absent::No => Standing::decided(false, final_),
            Absent::Only | Absent::OrElse => {
                let gone = complete || (kind == FieldKind::Bytes && reached);
                Standing::decided(gone, gone)
            }
        }
    }
}
