//! LZMA (the `.lzma` container), which few servers send and browsers do not read.
//!
//! Held whole, to a small bound, and decoded at the end of the body; a body beyond the bound
//! passes raw.

use std::io::{BufReader, Error, Write};

use lzma_rs::decompress::{Options, UnpackedSize};

use super::layer::Problem;

/// Compressed bytes held.
const HELD_BYTES: usize = 256 * 1024;
/// Decoded bytes given at most.
const OUTPUT_BYTES: usize = 4 << 20;

/// Undoes LZMA.
pub(super) struct Lzma {
    held: Vec<u8>,
    raw: bool,
    memory_bytes: usize,
}

/// A writer that refuses more than its bound.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > OUTPUT_BYTES {
            return Err(Error::other("output limit"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lzma {
    pub(super) fn new(memory_bytes: usize) -> Self {
        Lzma { held: Vec::new(), raw: false, memory_bytes }
    }

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
        self.held.extend_from_slice(input);
        if self.held.len() <= HELD_BYTES && !last {
            return true;
        }
        let held = std::mem::take(&mut self.held);
        self.raw = true;
        if held.is_empty() {
            return true;
        }
        let dictionary = held.get(1..5).and_then(|b| <[u8; 4]>::try_from(b).ok()).map(u32::from_le_bytes);
        if held.first() == Some(&0x5d) && dictionary.is_some_and(|d| u64::from(d) > self.memory_bytes as u64)
        {
            problems.push(Problem::LzmaMemory);
            return forward(&held);
        }
        let options = Options {
            unpacked_size: UnpackedSize::ReadFromHeader,
            memlimit: Some(self.memory_bytes),
            allow_incomplete: true,
        };
        let mut out = Bounded(Vec::new());
        let decoded =
            lzma_rs::lzma_decompress_with_options(&mut BufReader::new(held.as_slice()), &mut out, &options);
        if decoded.is_err() && out.0.is_empty() {
            problems.push(Problem::Malformed);
            return forward(&held);
        }
        forward(&out.0)
    }
}
