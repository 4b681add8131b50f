//! The stack of codings.

use super::brotli::Brotli;
use super::inflate::Inflate;
use super::lzma::Lzma;

/// A declared content coding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// `gzip` or `deflate`: which of gzip, zlib and raw deflate it is, the bytes tell.
    Inflate,
    Brotli,
    Lzma,
}

/// Bounds of the work.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Output of one layer from which an expansion of more than 2048 is taken as a bomb, bytes.
    pub bomb_bytes: u64,
    /// Output of one layer at which decoding stops whatever the ratio, bytes.
    pub output_bytes: u64,
    /// Dictionary that LZMA may ask for, bytes.
    pub lzma_memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bomb_bytes: 1 << 20, output_bytes: 1 << 30, lzma_memory_bytes: 1 << 20 }
    }
}

/// Expansion that no honest body has.
const BOMB_RATIO: u64 = 2048;

/// What went wrong while decoding; the bytes that could not be decoded were passed on raw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// Not what it claims to be, or broken on the way.
    Malformed,
    /// It expands beyond reason: decoding has stopped.
    Bomb,
    /// LZMA wants more memory than allowed.
    LzmaMemory,
}

/// Input is judged in blocks that lie at the same places however it arrives in pieces: what counts as
/// a bomb, and how much of it comes out, must not depend on the cut.
const BLOCK_BYTES: u64 = 512;

/// One coding being undone.
enum Layer {
    Inflate(Box<Inflate>),
    Brotli(Box<Brotli>),
    Lzma(Box<Lzma>),
}

/// A layer with its accounts.
struct Counted {
    layer: Layer,
    bytes_out: u64,
    stopped: bool,
}

/// Undoes a stack of codings, the outermost first.
pub struct Decoder {
    layers: Vec<Counted>,
    limits: Limits,
    problems: Vec<Problem>,
    bytes_in: u64,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

/// Where decoded bytes go.
type Sink<'s> = &'s mut dyn FnMut(&[u8]);

impl Decoder {
    /// `codings` in the order in which they are undone.
    #[must_use]
    pub fn new(codings: &[Coding], limits: Limits) -> Self {
        let layers = codings
            .iter()
            .map(|c| Counted {
                layer: match c {
                    Coding::Inflate => Layer::Inflate(Box::default()),
                    Coding::Brotli => Layer::Brotli(Box::default()),
                    Coding::Lzma => Layer::Lzma(Box::new(Lzma::new(limits.lzma_memory_bytes))),
                },
                bytes_out: 0,
                stopped: false,
            })
            .collect();
        Decoder { layers, limits, problems: Vec::new(), bytes_in: 0 }
    }

    /// Decodes `input`, giving what comes out to `sink` in pieces.
    pub fn push(&mut self, mut input: &[u8], sink: Sink<'_>) {
        while !input.is_empty() {
            let room = BLOCK_BYTES - self.bytes_in % BLOCK_BYTES;
            let at = usize::try_from(room).unwrap_or(input.len()).min(input.len());
            let (now, later) = input.split_at(at);
            self.bytes_in = self.bytes_in.saturating_add(now.len() as u64);
            self.run(now, false, sink);
            input = later;
        }
    }

    /// No input follows: gives what was still held back.
    pub fn finish(&mut self, sink: Sink<'_>) {
        self.run(&[], true, sink);
    }

    fn run(&mut self, input: &[u8], last: bool, sink: Sink<'_>) {
        let bounds = Bounds {
            ratio_bytes: (self.bytes_in.div_ceil(BLOCK_BYTES) * BLOCK_BYTES)
                .saturating_mul(BOMB_RATIO)
                .max(self.limits.bomb_bytes),
            output_bytes: self.limits.output_bytes,
        };
        run(&mut self.layers, bounds, &mut self.problems, input, last, sink);
    }

    /// Problems since the last call.
    pub fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }
}

/// What a layer may have put out by now, bytes.
#[derive(Clone, Copy)]
struct Bounds {
    ratio_bytes: u64,
    output_bytes: u64,
}

fn run(
    layers: &mut [Counted],
    bounds: Bounds,
    problems: &mut Vec<Problem>,
    input: &[u8],
    last: bool,
    sink: Sink<'_>,
) {
    let Some((first, rest)) = layers.split_first_mut() else {
        if !input.is_empty() {
            sink(input);
        }
        return;
    };
    if !first.stopped {
        let bytes_out = &mut first.bytes_out;
        let mut own_problems = Vec::new();
        let mut forward = |out: &[u8]| -> bool {
            let room = bounds.ratio_bytes.min(bounds.output_bytes).saturating_sub(*bytes_out);
            let fits = usize::try_from(room).unwrap_or(usize::MAX).min(out.len());
            *bytes_out = bytes_out.saturating_add(fits as u64);
            run(rest, bounds, problems, out.get(..fits).unwrap_or_default(), false, sink);
            if fits < out.len() {
                problems.push(Problem::Bomb);
            }
            fits == out.len()
        };
        let go_on = match &mut first.layer {
            Layer::Inflate(l) => l.push(input, last, &mut own_problems, &mut forward),
            Layer::Brotli(l) => l.push(input, last, &mut own_problems, &mut forward),
            Layer::Lzma(l) => l.push(input, last, &mut own_problems, &mut forward),
        };
        first.stopped = !go_on;
        problems.append(&mut own_problems);
    }
    if last {
        run(rest, bounds, problems, &[], true, sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write as _;

    const PLAIN: &[u8] = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut e = GzEncoder::new(Vec::new(), Compression::default());
        e.write_all(plain).unwrap();
        e.finish().unwrap()
    }

    fn deflate(plain: &[u8]) -> Vec<u8> {
        let mut e = DeflateEncoder::new(Vec::new(), Compression::default());
        e.write_all(plain).unwrap();
        e.finish().unwrap()
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut e = ZlibEncoder::new(Vec::new(), Compression::default());
        e.write_all(plain).unwrap();
        e.finish().unwrap()
    }

    fn decode(codings: &[Coding], pieces: &[&[u8]]) -> (Vec<u8>, Vec<Problem>) {
        let mut d = Decoder::new(codings, Limits::default());
        let mut out = Vec::new();
        for p in pieces {
            d.push(p, &mut |o| out.extend_from_slice(o));
        }
        d.finish(&mut |o| out.extend_from_slice(o));
        (out, d.take_problems())
    }

    #[test]
    fn the_bytes_tell_which_kind() {
        for body in [gzip(PLAIN), zlib(PLAIN), deflate(PLAIN)] {
            assert_eq!(decode(&[Coding::Inflate], &[&body]), (PLAIN.to_vec(), vec![]));
        }
    }

    #[test]
    fn layers_are_undone_outermost_first_and_lies_pass_through() {
        let twice = gzip(&deflate(PLAIN));
        assert_eq!(decode(&[Coding::Inflate; 2], &[&twice]).0, PLAIN);
        assert_eq!(decode(&[Coding::Inflate; 3], &[&twice]).0, PLAIN);
        let (out, problems) = decode(&[Coding::Inflate], &[PLAIN]);
        assert_eq!((out.as_slice(), problems), (PLAIN, vec![Problem::Malformed]));
        assert_eq!(decode(&[Coding::Brotli], &[PLAIN]).0, PLAIN);
        assert_eq!(decode(&[Coding::Lzma], &[PLAIN]).0, PLAIN);
    }

    #[test]
    fn broken_gzip_headers_and_trailers() {
        let good = gzip(PLAIN);
        let mut no_trailer = good.clone();
        no_trailer.truncate(good.len() - 8);
        let mut bad_crc = good.clone();
        let at = bad_crc.len() - 6;
        bad_crc[at] ^= 0xff;
        let mut reserved = good.clone();
        reserved[3] = 0xe0;
        let mut named = good.clone();
        named[3] = 0x08;
        named.splice(10..10, *b"x.txt\0");
        let mut extra = good.clone();
        extra[3] = 0x06;
        extra.splice(10..10, [3, 0, 1, 2, 3, 9, 9]);
        for body in [no_trailer, bad_crc, reserved, named, extra] {
            assert_eq!(decode(&[Coding::Inflate], &[&body]).0, PLAIN, "{body:02x?}");
        }
    }

    #[test]
    fn two_members_are_both_seen() {
        let mut body = gzip(b"harmless ");
        body.extend(gzip(PLAIN));
        let mut want = b"harmless ".to_vec();
        want.extend(PLAIN);
        assert_eq!(decode(&[Coding::Inflate], &[&body]).0, want);
    }

    #[test]
    fn a_bomb_is_stopped() {
        let bomb = gzip(&gzip(&vec![0; 64 << 20]));
        let mut d = Decoder::new(&[Coding::Inflate; 2], Limits::default());
        let mut seen = 0_usize;
        d.push(&bomb, &mut |o| seen += o.len());
        d.finish(&mut |o| seen += o.len());
        assert_eq!(d.take_problems(), [Problem::Bomb]);
        assert!(seen < 1 << 26, "{seen}");
    }

    #[test]
    fn a_bomb_gives_the_same_however_it_is_cut() {
        let bomb = gzip(&gzip(&vec![7; 16 << 20]));
        let limits = Limits { bomb_bytes: 1 << 16, ..Limits::default() };
        let decode = |piece: usize| {
            let mut d = Decoder::new(&[Coding::Inflate; 2], limits);
            let mut seen = 0_usize;
            for part in bomb.chunks(piece) {
                d.push(part, &mut |o| seen += o.len());
            }
            d.finish(&mut |o| seen += o.len());
            (seen, d.take_problems())
        };
        let whole = decode(usize::MAX);
        assert_eq!(whole.1, [Problem::Bomb]);
        for piece in [1, 3, 57, 511, 512, 513] {
            assert_eq!(decode(piece), whole, "{piece}");
        }
    }

    #[test]
    fn brotli_is_decoded() {
        let mut out = Vec::new();
        // A brotli stream of one uncompressed meta-block, then an empty last one.
        let mut stream = vec![0x30, 0x04, 0x10];
        stream.extend_from_slice(PLAIN);
        stream.push(0x03);
        let mut d = Decoder::new(&[Coding::Brotli], Limits::default());
        d.push(&stream, &mut |o| out.extend_from_slice(o));
        d.finish(&mut |o| out.extend_from_slice(o));
        assert_eq!(out, PLAIN);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(
            plain in proptest::collection::vec(any::<u8>(), 0..2000),
            kind in 0..5_usize,
            flip in any::<Option<(usize, u8)>>(),
            cuts in proptest::collection::vec(0..3000_usize, 0..8),
        ) {
            let mut body = match kind {
                0 => gzip(&plain),
                1 => zlib(&plain),
                2 => deflate(&plain),
                3 => gzip(&gzip(&plain)),
                _ => plain,
            };
            if let Some((at, with)) = flip && !body.is_empty() {
                let at = at % body.len();
                body[at] ^= with;
            }
            let whole = decode(&[Coding::Inflate, Coding::Inflate], &[&body]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &body[w[0]..w[1]]).collect();
            prop_assert_eq!(decode(&[Coding::Inflate, Coding::Inflate], &pieces), whole);
        }

        #[test]
        fn no_input_panics(
            body in proptest::collection::vec(any::<u8>(), 0..500), coding in 0..3_usize
        ) {
            let coding = [Coding::Inflate, Coding::Brotli, Coding::Lzma][coding];
            decode(&[coding], &[&body]);
        }
    }
}
