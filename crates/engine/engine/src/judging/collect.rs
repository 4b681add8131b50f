//! From parsed files to the judge.

use mimamori_base::Direction;
use mimamori_files::FileState;
use mimamori_flow::{Flow, FlowHandle};

use super::files::{Asked, FlowFiles, Grown, MAX_FILES, Seen, Standing, Tracked, carries_files};
use super::held::Need;
use super::{Judging, MAX_JUDGED, Pending};
use crate::core::FrameContext;
use crate::event::EventKind;
use crate::flow_data::FlowData;
use crate::judge::{FileId, Judgement, NotInspected, Opinion};
use crate::tx_log;

impl Judging {
    /// Hands on what the last bytes of the flow added to files. Gives what of it the packet of
    /// `direction` carried.
    pub(crate) fn collect(
        &mut self,
        flow: &mut Flow<FlowData>,
        handle: FlowHandle,
        direction: Direction,
        base_depth: u64,
        inline: bool,
        context: &FrameContext,
    ) -> Grown {
        let mut grown = Grown::default();
        lift(flow, base_depth);
        for seen in take_seen(flow) {
            self.take(flow, handle, direction, inline, seen, context, &mut grown);
        }
        grown
    }

    #[expect(clippy::too_many_arguments, reason = "one step of collecting, not an interface")]
    fn take(
        &mut self,
        flow: &mut Flow<FlowData>,
        handle: FlowHandle,
        direction: Direction,
        inline: bool,
        seen: Seen,
        context: &FrameContext,
        grown: &mut Grown,
    ) {
        let known = flow.data.files.as_deref().is_some_and(|f| f.tracked.iter().any(|t| t.key == seen.key));
        if !known {
            if seen.tapped.bytes.is_empty() {
                return;
            }
            self.begin(flow, handle, inline, &seen, context);
        }
        let Some(files) = flow.data.files.as_deref_mut() else { return };
        let Some(tracked) = files.tracked.iter_mut().find(|t| t.key == seen.key) else { return };
        let bytes = seen.tapped.bytes.len() as u64;
        if tracked.standing == Standing::Open && !tracked.given_up && bytes > 0 {
            let too_large = seen.tapped.overflow || tracked.sent + bytes > self.policy.file_bytes;
            let sent = if too_large {
                Err(NotInspected::TooLarge)
            } else {
                self.judge.bytes(tracked.id, &seen.tapped.bytes)
            };
            if let Err(why) = sent {
                self.give_up(tracked, why);
            }
        }
        tracked.sent += bytes;
        if let Some(pending) = self.pending.get_mut(&tracked.id) {
            pending.size = tracked.sent;
        }
        let ends = seen.state != FileState::Open && !tracked.ended;
        tracked.ended |= ends;
        grown.ended |= ends || tracked.standing == Standing::Cleared;
        if seen.has_gaps {
            self.give_up(tracked, NotInspected::Unreadable);
        }
        if seen.key.1 == direction && (bytes > 0 || ends) && tracked.standing != Standing::Cleared {
            grown.needs.push(Need { id: tracked.id, upto: tracked.sent, end: ends });
            grown.lines.extend(seen.tapped.lines.into_iter().map(|(how, line)| (tracked.id, how, line)));
        }
        self.ask(flow);
    }

    fn begin(
        &mut self,
        flow: &mut Flow<FlowData>,
        handle: FlowHandle,
        inline: bool,
        seen: &Seen,
        context: &FrameContext,
    ) {
        self.stats.files += 1;
        let id = FileId(self.next_id);
        self.next_id += 1;
        let mut event = tx_log::base(flow, EventKind::Malware, context);
        event.app_proto = flow.data.session.as_deref().map(|s| s.proto().name());
        // The sender of the file stands first.
        if seen.key.1 == Direction::ToClient {
            std::mem::swap(&mut event.src, &mut event.dst);
            std::mem::swap(&mut event.src_mac, &mut event.dst_mac);
            event.zones = event.zones.and_then(|(from, to)| to.map(|to| (to, Some(from))));
        }
        let session = flow.data.session.as_deref();
        if let Some(tx) = session.and_then(|s| s.transactions().by_id(seen.key.0)) {
            tx.log(&mut event.more);
        }
        event.direction = Some(seen.key.1);
        let files = flow.data.files.get_or_insert_default();
        let mut tracked = Tracked {
            key: seen.key,
            id,
            sent: 0,
            cleared: 0,
            ended: false,
            asked: None,
            given_up: false,
            standing: Standing::Open,
        };
        let crowded = files.tracked.len() >= MAX_FILES || self.pending.len() >= MAX_JUDGED;
        let opened = if crowded { Err(NotInspected::Busy) } else { self.judge.open(id, &seen.name) };
        if files.tracked.len() >= MAX_FILES {
            self.stats.count(NotInspected::Busy);
            return;
        }
        self.pending.insert(
            id,
            Pending {
                handle,
                direction: seen.key.1,
                name: seen.name.clone(),
                size: 0,
                event: Box::new(event),
                inline,
            },
        );
        if let Err(why) = opened {
            self.give_up(&mut tracked, why);
        }
        files.tracked.push(tracked);
    }

    /// The file cannot be judged: what follows is decided with the other judgements.
    pub(super) fn give_up(&mut self, tracked: &mut Tracked, why: NotInspected) {
        if tracked.standing == Standing::Open && !tracked.given_up {
            tracked.given_up = true;
            self.judge.forget(tracked.id);
            let opinion = Opinion::Unknown(why);
            self.own.push_back(Judgement { id: tracked.id, bytes: tracked.sent, end: true, opinion });
        }
    }

    /// Asks what is due to be asked about the flow's files.
    pub(super) fn ask(&mut self, flow: &mut Flow<FlowData>) {
        self.ask_about(flow, false);
    }

    /// `stalled`: whatever its size, for its frames wait.
    pub(super) fn ask_about(&mut self, flow: &mut Flow<FlowData>, stalled: bool) {
        let Some(files) = flow.data.files.as_deref_mut() else { return };
        let FlowFiles { tracked, .. } = files;
        for t in tracked.iter_mut() {
            if t.standing != Standing::Open || t.asked.is_some() || t.given_up {
                continue;
            }
            let small = t.sent <= self.policy.ask_bytes;
            if !(t.ended || t.cleared < t.sent && (small || stalled)) {
                continue;
            }
            match self.judge.ask(t.id, t.ended) {
                Ok(()) => t.asked = Some(Asked { end: t.ended }),
                Err(why) => self.give_up(t, why),
            }
        }
    }
}

/// Streams that carry files are parsed to their end; rules see them up to their depth.
fn lift(flow: &mut Flow<FlowData>, base_depth: u64) {
    let Some(session) = flow.data.session.as_deref() else { return };
    let carries = carries_files(session.proto()) && !session.failed() && !session.is_stopped();
    let lifted = flow.data.files.as_deref().is_some_and(|f| f.lifted);
    if !carries && !lifted {
        return;
    }
    let Some(tcp) = flow.tcp.as_deref_mut() else { return };
    if carries {
        // Each time: a stream that begins only now (the answer to the SYN) begins with its own depth.
        flow.data.files.get_or_insert_default().lifted = true;
        for dir in Direction::BOTH {
            tcp.stream_mut(dir).set_depth(0);
        }
    }
    if base_depth == 0 {
        return;
    }
    for dir in Direction::BOTH {
        let stream = tcp.stream_mut(dir);
        if !carries {
            stream.set_depth(base_depth.max(stream.released()));
        } else if stream.released() >= base_depth {
            stream.disable_raw();
        }
    }
    if !carries && let Some(files) = flow.data.files.as_deref_mut() {
        files.lifted = false;
    }
}

/// The files of all transactions, with what they have gained.
pub(super) fn take_seen(flow: &mut Flow<FlowData>) -> Vec<Seen> {
    let Some(session) = flow.data.session.as_deref_mut() else { return Vec::new() };
    if let Some(files) = flow.data.files.as_deref_mut()
        && files.generation != session.generation()
    {
        // Numbers begin anew: whatever was open has ended.
        files.generation = session.generation();
        for tracked in &mut files.tracked {
            tracked.ended = true;
            tracked.key.2 = usize::MAX;
        }
    }
    let mut out = Vec::new();
    for at in 0..session.transactions().len() {
        let Some(tx) = session.tx_mut(at) else { continue };
        let id = tx.id();
        for dir in Direction::BOTH {
            for (index, file) in tx.files_mut(dir).iter_mut().enumerate() {
                let Some(tapped) = file.take_tapped() else { continue };
                if file.size() == 0 {
                    continue;
                }
                out.push(Seen {
                    key: (id, dir, index),
                    name: if tapped.bytes.is_empty() { Vec::new() } else { file.name().to_vec() },
                    state: file.state(),
                    tapped,
                    has_gaps: file.has_gaps(),
                });
            }
        }
    }
    out
}
