//! gzip, zlib and raw deflate, told apart by their bytes.
//!
//! Input is kept until one way of reading it has proved itself: by a good deal of output, or
//! by the end of the compressed stream. Until then a failure moves on to the next way, and
//! past the last way the bytes pass on raw. What follows a failure after the proof is dropped.

use flate2::{Decompress, FlushDecompress, Status};

use super::layer::Problem;

/// Output that proves a way of reading, bytes.
const PROOF_BYTES: usize = 256;
/// Compressed input tried again and again while no way has proved itself; past it the present
/// way is taken. Small, since each new piece of input repeats the work.
const PROBE_BYTES: usize = 8 * 1024;
/// A gzip header is waited for up to this.
const HEADER_BYTES: usize = 128 * 1024;
/// Room for output. More than the inflater's own window, so that what it has decoded before
/// it finds an error is never lost, wherever the input was cut.
const CHUNK: usize = 64 * 1024;
/// Fixed part of a gzip header.
const GZIP_HEADER: usize = 10;
/// CRC and length after a gzip member.
const GZIP_TRAILER: usize = 8;

/// Takes output; `false` stops.
type Forward<'f> = &'f mut dyn FnMut(&[u8]) -> bool;

enum State {
    /// Bytes so far, of which no way of reading has proved itself.
    Probe(Vec<u8>),
    Inflating(Decompress),
    /// A gzip member has ended: its trailer, then perhaps another member.
    Trailer(Vec<u8>),
    Raw,
    Ended,
}

/// Undoes gzip, zlib or raw deflate.
pub(super) struct Inflate {
    state: State,
    is_gzip: bool,
}

impl Default for Inflate {
    fn default() -> Self {
        Inflate { state: State::Probe(Vec::new()), is_gzip: false }
    }
}

enum Attempt {
    /// This way is right: its state, its output, how much input that took, and whether the
    /// stream ends there.
    Proved {
        inflater: Decompress,
        out: Vec<u8>,
        used: usize,
        ended: bool,
    },
    /// This way was right until an error.
    Broken(Vec<u8>),
    NeedMore(Vec<u8>),
    Failed,
}

impl Inflate {
    /// Decodes `input`; `last` says that none follows. Gives whether to go on.
    pub(super) fn push(
        &mut self,
        input: &[u8],
        last: bool,
        problems: &mut Vec<Problem>,
        forward: Forward<'_>,
    ) -> bool {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Probe(mut held) => {
                held.extend_from_slice(input);
                self.probe(held, last, problems, forward)
            }
            State::Inflating(inflater) => self.inflate(inflater, input, last, problems, forward),
            State::Trailer(mut held) => {
                held.extend_from_slice(input);
                self.trailer(held, last, problems, forward)
            }
            State::Raw => {
                self.state = State::Raw;
                input.is_empty() || forward(input)
            }
            State::Ended => true,
        }
    }

    fn probe(
        &mut self,
        held: Vec<u8>,
        last: bool,
        problems: &mut Vec<Problem>,
        forward: Forward<'_>,
    ) -> bool {
        if held.is_empty() || (held.len() < 2 && !last) {
            self.state = State::Probe(held);
            return true;
        }
        let (starts, is_gzip) = ways(&held);
        let mut best: Option<Vec<u8>> = None;
        for start in starts {
            let Some(start) = start else {
                // The header goes on beyond what has come.
                if last || held.len() > HEADER_BYTES {
                    continue;
                }
                self.state = State::Probe(held);
                return true;
            };
            match attempt(&held, start) {
                Attempt::Proved { inflater, out, used, ended } => {
                    self.is_gzip = is_gzip;
                    if !out.is_empty() && !forward(&out) {
                        return false;
                    }
                    let rest = held.get(used..).unwrap_or_default();
                    return if ended {
                        self.after_stream(rest.to_vec(), last, problems, forward)
                    } else {
                        self.inflate(inflater, rest, last, problems, forward)
                    };
                }
                Attempt::Broken(out) => {
                    problems.push(Problem::Malformed);
                    return forward(&out);
                }
                Attempt::NeedMore(out) if last => {
                    if best.is_none() && !out.is_empty() {
                        best = Some(out);
                    }
                }
                Attempt::NeedMore(_) => {
                    self.state = State::Probe(held);
                    return true;
                }
                Attempt::Failed => {}
            }
        }
        if let Some(out) = best {
            return forward(&out);
        }
        problems.push(Problem::Malformed);
        self.state = State::Raw;
        forward(&held)
    }

    fn inflate(
        &mut self,
        mut inflater: Decompress,
        mut input: &[u8],
        last: bool,
        problems: &mut Vec<Problem>,
        forward: Forward<'_>,
    ) -> bool {
        let mut out = Vec::with_capacity(CHUNK);
        loop {
            match step(&mut inflater, &mut input, &mut out) {
                Step::Error => {
                    problems.push(Problem::Malformed);
                    return out.is_empty() || forward(&out);
                }
                Step::End => {
                    let rest = input.to_vec();
                    return (out.is_empty() || forward(&out))
                        && self.after_stream(rest, last, problems, forward);
                }
                Step::Hungry => {
                    self.state = State::Inflating(inflater);
                    return out.is_empty() || forward(&out);
                }
                Step::Full => {
                    if !forward(&out) {
                        return false;
                    }
                    out.clear();
                }
            }
        }
    }

    fn after_stream(
        &mut self,
        rest: Vec<u8>,
        last: bool,
        problems: &mut Vec<Problem>,
        forward: Forward<'_>,
    ) -> bool {
        if !self.is_gzip {
            self.state = State::Ended;
            return true;
        }
        self.trailer(rest, last, problems, forward)
    }

    fn trailer(
        &mut self,
        held: Vec<u8>,
        last: bool,
        problems: &mut Vec<Problem>,
        forward: Forward<'_>,
    ) -> bool {
        let after = held.get(GZIP_TRAILER..).unwrap_or_default();
        if after.len() < 2 && !last {
            self.state = State::Trailer(held);
        } else if after.starts_with(&[0x1f, 0x8b]) {
            let next = after.to_vec();
            return self.probe(next, last, problems, forward);
        } else {
            self.state = State::Ended;
        }
        true
    }
}

enum Step {
    Hungry,
    Full,
    End,
    Error,
}

/// Inflates until the input is used up or `out` is full.
fn step(inflater: &mut Decompress, input: &mut &[u8], out: &mut Vec<u8>) -> Step {
    if out.capacity() == out.len() {
        return Step::Full;
    }
    let before = inflater.total_in();
    let result = inflater.decompress_vec(input, out, FlushDecompress::None);
    let used = usize::try_from(inflater.total_in().saturating_sub(before)).unwrap_or(0);
    *input = input.get(used..).unwrap_or_default();
    match result {
        Ok(Status::StreamEnd) => Step::End,
        Ok(_) if out.len() == out.capacity() => Step::Full,
        Ok(Status::Ok) if used > 0 && !input.is_empty() => step(inflater, input, out),
        Ok(_) => Step::Hungry,
        Err(_) => Step::Error,
    }
}

/// Tries to read `held` as deflate from `start`.
fn attempt(held: &[u8], start: usize) -> Attempt {
    let mut inflater = Decompress::new(false);
    let all = held.get(start..).unwrap_or_default();
    // Judged by its begin alone, so that the cut of the input does not matter.
    let enough = all.len() >= PROBE_BYTES;
    let mut input = all.get(..PROBE_BYTES).unwrap_or(all);
    let mut out = Vec::with_capacity(CHUNK);
    let given = input.len();
    match step(&mut inflater, &mut input, &mut out) {
        Step::Error if out.len() >= PROOF_BYTES => Attempt::Broken(out),
        Step::Error => Attempt::Failed,
        Step::Hungry if out.len() < PROOF_BYTES && !enough => Attempt::NeedMore(out),
        step => {
            let used = start + given.saturating_sub(input.len());
            Attempt::Proved { inflater, out, used, ended: matches!(step, Step::End) }
        }
    }
}

/// Where deflate data may begin in `held`, likeliest first (`None`: further than `held`
/// reaches), and whether it looks like gzip.
fn ways(held: &[u8]) -> (Vec<Option<usize>>, bool) {
    match held {
        [0x1f, 0x8b, ..] => (vec![gzip_header_len(held), Some(GZIP_HEADER), Some(0)], true),
        [cmf, flg, ..]
            if cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31) =>
        {
            (vec![Some(2), Some(0)], false)
        }
        _ => (vec![Some(0)], false),
    }
}

/// Length of the gzip header, RFC 1952 2.3; `None` if it is not whole. Reserved flags do not
/// matter.
fn gzip_header_len(held: &[u8]) -> Option<usize> {
    let flags = *held.get(3)?;
    let mut at = GZIP_HEADER;
    held.get(at - 1)?;
    if flags & 0x04 != 0 {
        let len = held.get(at..at + 2).and_then(|b| <[u8; 2]>::try_from(b).ok())?;
        at += 2 + usize::from(u16::from_le_bytes(len));
    }
    for flag in [0x08, 0x10] {
        if flags & flag != 0 {
            at += memchr::memchr(0, held.get(at..)?)? + 1;
        }
    }
    if flags & 0x02 != 0 {
        at += 2;
    }
    (at <= held.len()).then_some(at)
}
