//! Frames inside Initial packets, and the handshake bytes they carry.

use std::collections::BTreeMap;

use crate::quic::header::varint;
use crate::reader::Reader;

/// A piece of the handshake stream (RFC 9000 19.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crypto<'a> {
    pub offset: u64,
    pub data: &'a [u8],
}

/// The CRYPTO frames of an Initial packet; `None` where a frame cannot be read.
#[must_use]
pub fn crypto_frames(plain: &[u8]) -> Option<Vec<Crypto<'_>>> {
    let mut r = Reader::new(plain);
    let mut found = Vec::new();
    while let Some(kind) = r.u8() {
        match kind {
            0x00 | 0x01 => {}
            0x02 | 0x03 => skip_ack(&mut r, kind == 0x03)?,
            0x06 => {
                let offset = varint(&mut r)?;
                let length = usize::try_from(varint(&mut r)?).ok()?;
                found.push(Crypto { offset, data: r.take(length)? });
            }
            0x1c | 0x1d => return Some(found),
            // No other frame may stand in an Initial packet (RFC 9000 12.4).
            _ => return None,
        }
    }
    Some(found)
}

fn skip_ack(r: &mut Reader<'_>, ecn: bool) -> Option<()> {
    varint(r)?;
    varint(r)?;
    let ranges = varint(r)?;
    varint(r)?;
    // Each range takes at least two bytes, so the reader's end bounds the loop.
    for _ in 0..ranges {
        varint(r)?;
        varint(r)?;
    }
    if ecn {
        for _ in 0..3 {
            varint(r)?;
        }
    }
    Some(())
}

/// Most bytes of handshake kept a side: a hello with post-quantum keys has two thousand.
pub const MAX_CRYPTO_BYTES: u64 = 65_536;
/// Most pieces kept apart: beyond it pieces are dropped.
const MAX_PIECES: usize = 256;

/// Handshake bytes of one side, in any order of arrival.
#[derive(Debug, Default)]
pub struct CryptoStream {
    joined: Vec<u8>,
    apart: BTreeMap<u64, Vec<u8>>,
}

impl CryptoStream {
    /// The handshake from its first byte, as far as it is without holes.
    #[must_use]
    pub fn joined(&self) -> &[u8] {
        &self.joined
    }

    pub fn add(&mut self, piece: Crypto<'_>) {
        let end = piece.offset.saturating_add(piece.data.len() as u64);
        if piece.data.is_empty() || end > MAX_CRYPTO_BYTES || self.apart.len() >= MAX_PIECES {
            return;
        }
        // First come, first kept: a second piece at the same place has nothing to add unless longer.
        let known = self.apart.get(&piece.offset).map_or(0, Vec::len);
        if piece.data.len() > known {
            self.apart.insert(piece.offset, piece.data.to_vec());
        }
        self.join();
    }

    fn join(&mut self) {
        while let Some(entry) = self.apart.first_entry() {
            let have = self.joined.len() as u64;
            if *entry.key() > have {
                return;
            }
            let (offset, data) = entry.remove_entry();
            let skip = usize::try_from(have - offset).unwrap_or(usize::MAX);
            self.joined.extend_from_slice(data.get(skip..).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_in_any_order() {
        let whole: Vec<u8> = (0..100).collect();
        let mut stream = CryptoStream::default();
        for (from, to) in [(60, 100), (10, 40), (0, 15), (35, 70)] {
            stream.add(Crypto { offset: from, data: &whole[from as usize..to] });
        }
        assert_eq!(stream.joined(), whole);
    }

    #[test]
    fn far_and_many_pieces_are_dropped() {
        let mut stream = CryptoStream::default();
        stream.add(Crypto { offset: MAX_CRYPTO_BYTES, data: b"x" });
        for n in 0..10_000 {
            stream.add(Crypto { offset: 2 + 2 * (n % 30_000), data: b"x" });
        }
        assert!(stream.joined().is_empty());
        assert!(stream.apart.len() <= MAX_PIECES);
    }

    #[test]
    fn frames_that_may_not_stand_there_are_refused() {
        assert_eq!(crypto_frames(&[0, 0, 1, 6, 0, 2, 9, 9]).unwrap(), [Crypto { offset: 0, data: &[9, 9] }]);
        assert_eq!(crypto_frames(&[0x08, 0]), None);
        assert_eq!(crypto_frames(&[6, 0, 9, 1]), None);
    }
}
