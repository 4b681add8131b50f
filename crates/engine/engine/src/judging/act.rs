//! What follows from a judgement.

use mimamori_base::{Direction, Timestamp};
use mimamori_flow::{Flow, FlowHandle};
use mimamori_packet::{Decoder, Origin};
use serde_json::json;

use super::files::{FlowFiles, Standing, is_mail};
use super::held::before;
use super::{Judging, overwrite, page};
use crate::core::Core;
use crate::event::{EventKind, EventSink};
use crate::flow_data::{FlowAction, FlowData};
use crate::inject;
use crate::judge::{FileId, FileOutcome, Harm, Judgement, MalwareFacts, NotInspected, Opinion, Unjudged};
use crate::verdict::Injection;

/// Overwriting fewer bytes of a file's text than this is not trusted to make it harmless, unless
/// it is the half of what there is.
const ENOUGH_BYTES: usize = 48;

impl Core {
    /// Takes the judgements that have come.
    pub(super) fn hear(&mut self, now: Timestamp, out: &mut dyn EventSink) {
        // A judge of the same thread may answer to questions that answers raise.
        for _ in 0..4_096 {
            let Some(judging) = self.judging.as_deref_mut() else { return };
            let Some(judgement) = judging.own.pop_front().or_else(|| judging.judge.next()) else { return };
            self.follow(judgement, now, out);
        }
    }

    fn follow(&mut self, judgement: Judgement, now: Timestamp, out: &mut dyn EventSink) {
        let Some(judging) = self.judging.as_deref_mut() else { return };
        let Some(handle) = judging.pending.get(&judgement.id).map(|p| p.handle) else { return };
        let id = judgement.id;
        let mut last = judgement.end;
        if let Some(tracked) = self.tracked(handle, id) {
            tracked.asked = None;
            match judgement.opinion {
                Opinion::Clean if judgement.end => tracked.standing = Standing::Cleared,
                Opinion::Clean => tracked.cleared = tracked.cleared.max(judgement.bytes),
                Opinion::Unknown(_) if !judgement.end => {
                    tracked.cleared = tracked.cleared.max(judgement.bytes);
                }
                _ => {}
            }
        }
        match judgement.opinion {
            Opinion::Clean => {
                if judgement.end
                    && let Some(judging) = self.judging.as_deref_mut()
                {
                    judging.stats.clean += 1;
                }
            }
            Opinion::Unknown(_) if !judgement.end => {}
            Opinion::Unknown(why) => self.unjudged(handle, id, why, now, out),
            Opinion::Harmful(harm) => {
                self.harmful(handle, id, &harm, now, out);
                last = true;
            }
        }
        if last && let Some(judging) = self.judging.as_deref_mut() {
            judging.pending.remove(&id);
        }
        self.settle(handle);
    }

    fn tracked(&mut self, handle: FlowHandle, id: FileId) -> Option<&mut super::files::Tracked> {
        self.flows.get_mut(handle)?.data.files.as_deref_mut()?.find(id)
    }

    fn harmful(
        &mut self,
        handle: FlowHandle,
        id: FileId,
        harm: &Harm,
        now: Timestamp,
        out: &mut dyn EventSink,
    ) {
        let outcome = self.stop(handle, id, now);
        let Some(judging) = self.judging.as_deref_mut() else { return };
        judging.judge.forget(id);
        judging.stats.harmful += 1;
        match outcome {
            FileOutcome::Stopped => judging.stats.stopped += 1,
            FileOutcome::Neutralised => judging.stats.neutralised += 1,
            FileOutcome::Passed => {}
        }
        let Some(pending) = judging.pending.get(&id) else { return };
        let mut event = (*pending.event).clone();
        event.at = now;
        event.malware = Some(Box::new(MalwareFacts {
            harm: harm.clone(),
            file_name: String::from_utf8_lossy(&pending.name).into_owned(),
            size: pending.size,
            outcome,
        }));
        out.event(event);
    }

    /// A file that cannot be judged passes or is stopped, as the policy says.
    fn unjudged(
        &mut self,
        handle: FlowHandle,
        id: FileId,
        why: NotInspected,
        now: Timestamp,
        out: &mut dyn EventSink,
    ) {
        let Some(judging) = self.judging.as_deref_mut() else { return };
        judging.stats.count(why);
        let policy =
            if why.is_of_scanner() { judging.policy.no_scanner } else { judging.policy.uninspectable };
        let outcome = match policy {
            Unjudged::Pass => {
                if let Some(tracked) = self.tracked(handle, id) {
                    tracked.standing = Standing::Cleared;
                }
                FileOutcome::Passed
            }
            Unjudged::Stop => self.stop(handle, id, now),
        };
        let Some(judging) = self.judging.as_deref() else { return };
        let Some(pending) = judging.pending.get(&id) else { return };
        let mut event = (*pending.event).clone();
        event.at = now;
        event.kind = EventKind::FileUnjudged;
        event.more.insert(
            "unjudged".to_owned(),
            json!({
                "filename": String::from_utf8_lossy(&pending.name),
                "size": pending.size,
                "reason": why.name(),
                "outcome": outcome.name(),
            }),
        );
        out.event(event);
    }

    /// Makes sure that the file does not arrive as it is.
    fn stop(&mut self, handle: FlowHandle, id: FileId, now: Timestamp) -> FileOutcome {
        let decode = self.config.decode.clone();
        let (Some(judging), Some(flow)) = (self.judging.as_deref_mut(), self.flows.get_mut(handle)) else {
            return FileOutcome::Passed;
        };
        let Some(pending) = judging.pending.get(&id) else { return FileOutcome::Passed };
        if !pending.inline {
            if let Some(tracked) = flow.data.files.as_deref_mut().and_then(|f| f.find(id)) {
                tracked.standing = Standing::Cleared;
            }
            return FileOutcome::Passed;
        }
        if flow.dropped {
            return FileOutcome::Stopped;
        }
        let direction = pending.direction;
        let mail = pending.event.app_proto.is_some_and(is_mail);
        let http = matches!(pending.event.app_proto, Some("http"));
        let Some(files) = flow.data.files.as_deref_mut() else { return FileOutcome::Passed };
        let ended = files.find(id).is_none_or(|t| t.ended);
        let waits = files.way(direction).held.iter().any(|h| h.needs.iter().any(|n| n.id == id));
        if mail && neutralise(files, direction, id, &decode) {
            if let Some(tracked) = files.find(id) {
                tracked.standing = Standing::Harmful;
            }
            return FileOutcome::Neutralised;
        }
        cut(judging, flow, id, direction, http, now, &decode);
        if ended && !waits { FileOutcome::Passed } else { FileOutcome::Stopped }
    }

    /// Overwrites what of harmful files the flow's waiting frames carry.
    pub(super) fn keep_overwriting(&mut self, handle: FlowHandle, direction: Direction) {
        let decode = self.config.decode.clone();
        let Some(files) = self.flows.get_mut(handle).and_then(|f| f.data.files.as_deref_mut()) else {
            return;
        };
        let ids: Vec<FileId> =
            files.tracked.iter().filter(|t| t.standing == Standing::Harmful).map(|t| t.id).collect();
        for id in ids {
            neutralise(files, direction, id, &decode);
        }
    }
}

/// Ends the flow: what waits is thrown away, both ends are told.
fn cut(
    judging: &mut Judging,
    flow: &mut Flow<FlowData>,
    id: FileId,
    direction: Direction,
    http: bool,
    now: Timestamp,
    decode: &mimamori_packet::DecodeConfig,
) {
    let mut inject: Vec<Injection> = Vec::new();
    let mut page_sent = false;
    let front = flow.data.files.as_deref_mut().and_then(|f| {
        f.way(direction)
            .held
            .front()
            .map(|h| (h.token, h.link, h.frame.clone(), h.payload().starts_with(b"HTTP/")))
    });
    if let Some((_, link, frame, fresh)) = &front {
        Decoder::new(decode.clone()).decode(now, *link, frame, &mut |packet| {
            if packet.origin == Origin::Wire && inject.is_empty() {
                (inject, page_sent) = page::ending(packet, direction, http, *fresh, now);
            }
        });
    }
    let mut discarded = judging.discard(flow);
    if let Some((token, ..)) = front
        && let Some(first) = discarded.iter_mut().find(|r| r.token == token)
    {
        first.inject = inject;
    }
    judging.releases.extend(discarded);
    // Nothing more of this flow's files will be asked.
    for tracked in flow.data.files.as_deref_mut().map(|f| std::mem::take(&mut f.tracked)).unwrap_or_default()
    {
        judging.judge.forget(tracked.id);
        if tracked.id != id {
            judging.pending.remove(&tracked.id);
        }
    }
    flow.dropped = true;
    flow.data.action = FlowAction::Drop;
    // A browser still has to read the page; everybody else is told at once.
    flow.data.answer_resets = !page_sent;
}

/// Overwrites the file's text in the frames that wait. `false`: too little of it is there.
fn neutralise(
    files: &mut FlowFiles,
    direction: Direction,
    id: FileId,
    decode: &mimamori_packet::DecodeConfig,
) -> bool {
    let way = files.way(direction);
    let order = in_sequence(way, id);
    let mut text: Vec<u8> = Vec::new();
    for at in &order {
        text.extend_from_slice(way.held.get(*at).map(super::held::Held::payload).unwrap_or_default());
    }
    let (mut from, mut changed, mut lines_bytes) = (0, 0, 0);
    for held in &way.held {
        for (_, how, line) in held.lines.iter().filter(|(of, ..)| *of == id) {
            lines_bytes += line.len();
            let Some(found) = overwrite::find(&text, line, from) else { continue };
            from = found.end;
            if let Some(part) = text.get_mut(found) {
                changed += overwrite::line(*how, part);
            }
        }
    }
    let enough = changed >= ENOUGH_BYTES || changed > 0 && changed * 2 >= lines_bytes;
    if !enough {
        return false;
    }
    let mut rest = text.as_slice();
    let mut patches = Vec::new();
    for at in order {
        let Some(held) = way.held.get_mut(at) else { continue };
        let Some((payload, later)) = rest.split_at_checked(held.payload.len()) else { break };
        rest = later;
        if payload != held.payload()
            && let Some(frame) = with_payload(held, payload, decode)
        {
            patches.push((held.seq, payload.to_vec()));
            held.frame = frame;
            held.overwritten = true;
        }
        held.lines.retain(|(of, ..)| *of != id);
    }
    for (seq, payload) in patches {
        way.remember(seq, &payload);
    }
    true
}

/// The frames from the first that carries text of the file on, in the order of the stream, as
/// far as they follow each other.
fn in_sequence(way: &super::held::Way, id: FileId) -> Vec<usize> {
    let carries = |at: &usize| way.held.get(*at).is_some_and(|h| h.lines.iter().any(|(of, ..)| *of == id));
    let mut all: Vec<usize> = (0..way.held.len()).collect();
    all.sort_by(|a, b| match (way.held.get(*a), way.held.get(*b)) {
        (Some(a), Some(b)) if a.seq != b.seq && before(a.seq, b.seq) => std::cmp::Ordering::Less,
        (Some(a), Some(b)) if a.seq != b.seq => std::cmp::Ordering::Greater,
        _ => std::cmp::Ordering::Equal,
    });
    let Some(first) = all.iter().position(carries) else { return Vec::new() };
    let mut out: Vec<usize> = Vec::new();
    let mut next = None;
    for at in all.into_iter().skip(first) {
        let Some(held) = way.held.get(at) else { continue };
        if next.is_some_and(|n| n != held.seq) {
            break;
        }
        next = Some(held.seq.wrapping_add(u32::try_from(held.payload.len()).unwrap_or(0)));
        out.push(at);
    }
    out
}

fn with_payload(
    held: &super::held::Held,
    payload: &[u8],
    decode: &mimamori_packet::DecodeConfig,
) -> Option<Vec<u8>> {
    let mut out = None;
    Decoder::new(decode.clone()).decode(held.at, held.link, &held.frame, &mut |packet| {
        if packet.origin == Origin::Wire {
            out = inject::with_payload(packet, payload);
        }
    });
    out
}
