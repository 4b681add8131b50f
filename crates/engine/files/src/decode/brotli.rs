//! Brotli.
//!
//! Nothing in the bytes marks brotli: a body that fails before its first output passes raw.

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
        if self.total_out == 0 && self.held.len() < PROBE_BYTES {
            self.held.extend_from_slice(input);
        }
        let (mut available_in, mut offset_in) = (input.len(), 0);
        let mut out = vec![0_u8; CHUNK];
        loop {
            let (mut available_out, mut offset_out) = (out.len(), 0);
            let result = BrotliDecompressStream(
                &mut available_in,
                &mut offset_in,
                input,
                &mut available_out,
                &mut offset_out,
                &mut out,
                &mut self.total_out,
                state,
            );
            if offset_out > 0 && !forward(out.get(..offset_out).unwrap_or_default()) {
                return false;
            }
            match result {
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultSuccess => {
                    self.state = None;
                    return true;
                }
                BrotliResult::NeedsMoreInput if !last => return true,
                BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => {
                    problems.push(Problem::Malformed);
                    self.state = None;
                    self.raw = true;
                    let rest = if self.total_out == 0 {
                        std::mem::take(&mut self.held)
                    } else {
                        input.get(offset_in..).unwrap_or_default().to_vec()
                    };
                    return rest.is_empty() || forward(&rest);
                }
            }
        }
    }
}
