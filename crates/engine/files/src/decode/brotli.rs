//! Brotli.
//!
//! Nothing in the bytes marks brotli: a body that fails before its first output passes raw.
//! The decoder is given one byte at a time. It flushes what it has when input runs out, so
//! this alone makes the output of a broken body independent of how the body was cut; brotli
//! in clear text is rare enough to pay for it.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::layer::Problem;

const CHUNK: usize = 16 * 1024;
/// Input kept for passing it raw while no output has come.
const PROBE_BYTES: usize = 64 * 1024;

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// Undoes brotli.
pub(super) struct Brotli {
    state: Option<State>,
    raw: bool,
    held: Vec<u8>,
    total_out: usize,
}

impl Default for Brotli {
    fn default() -> Self {
        let alloc = StandardAlloc::default;
        Brotli {
            state: Some(State::new(alloc(), alloc(), alloc())),
            raw: false,
            held: Vec::new(),
            total_out: 0,
        }
    }
}

impl Brotli {
    /// Decodes `input`; `last` says that none follows. Gives whether to go on.
    pub(super) fn push(
        &mut self,
        input: &[u8],
        last: bool,
        problems: &mut Vec<Problem>,
        forward: &mut dyn FnMut(&[u8]) -> bool,
    ) -> bool {
        if self.raw {
            return input.is_empty() || forward(input);
        }
        let Some(state) = &mut self.state else { return true };
        if self.total_out == 0 {
            let room = PROBE_BYTES.saturating_sub(self.held.len());
            self.held.extend(input.iter().take(room));
        }
        let mut out = vec![0_u8; CHUNK];
        for byte in input {
            match step(state, std::slice::from_ref(byte), &mut out, &mut self.total_out, forward) {
                Some(BrotliResult::NeedsMoreInput) => {}
                Some(BrotliResult::ResultSuccess) => {
                    self.state = None;
                    return true;
                }
                Some(_) => {
                    self.state = None;
                    return self.give_up(problems, forward);
                }
                None => return false,
            }
        }
        !last || self.give_up(problems, forward)
    }

    /// The body is no brotli, or broken: what is held passes raw if nothing else did,
    /// else the rest is dropped.
    fn give_up(&mut self, problems: &mut Vec<Problem>, forward: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        problems.push(Problem::Malformed);
        self.raw = self.total_out == 0;
        let held = std::mem::take(&mut self.held);
        !self.raw || held.is_empty() || forward(&held)
    }
}

/// Gives the decoder `input` and takes all it has; `None` if the output was refused.
fn step(
    state: &mut State,
    input: &[u8],
    out: &mut [u8],
    total_out: &mut usize,
    forward: &mut dyn FnMut(&[u8]) -> bool,
) -> Option<BrotliResult> {
    let (mut available_in, mut offset_in) = (input.len(), 0);
    loop {
        let (mut available_out, mut offset_out) = (out.len(), 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut offset_in,
            input,
            &mut available_out,
            &mut offset_out,
            out,
            total_out,
            state,
        );
        if offset_out > 0 && !forward(out.get(..offset_out).unwrap_or_default()) {
            return None;
        }
        if !matches!(result, BrotliResult::NeedsMoreOutput) {
            return Some(result);
        }
    }
}
