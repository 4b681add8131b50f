//! One record on disk: `magic(4) len(4) seq(8) value(1) crc(4) payload(len)`, little-endian.
//!
//! The checksum covers everything behind the magic, so a torn or rotten record is never
//! mistaken for a whole one; the magic lets a reader find the next record behind a bad place.

use mimamori_report::{MAX_RECORD_BYTES, Value};

pub(super) const MAGIC: [u8; 4] = *b"\xf7MR1";
pub(super) const HEADER_BYTES: usize = 21;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub len: usize,
    pub seq: u64,
    pub value: Value,
    crc: u32,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    Record {
        seq: u64,
        value: Value,
        payload: &'a [u8],
        total: usize,
    },
    /// The bytes end inside a record that looks sound so far.
    Incomplete,
    Bad,
}

pub(super) fn encode(seq: u64, value: Value, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.push(code(value));
    let crc = Crc::new().update(out.get(4..).unwrap_or_default()).update(payload).finish();
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(payload);
    out
}

pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some(head) = bytes.get(..HEADER_BYTES) else {
        let sound = bytes.iter().zip(MAGIC.iter()).all(|(a, b)| a == b);
        return if sound { Parsed::Incomplete } else { Parsed::Bad };
    };
    let Some(header) = parse_header(head) else { return Parsed::Bad };
    let total = HEADER_BYTES + header.len;
    let Some(payload) = bytes.get(HEADER_BYTES..total) else { return Parsed::Incomplete };
    let crc = Crc::new().update(head.get(4..17).unwrap_or_default()).update(payload).finish();
    if crc != header.crc {
        return Parsed::Bad;
    }
    Parsed::Record { seq: header.seq, value: header.value, payload, total }
}

fn parse_header(head: &[u8]) -> Option<Header> {
    if head.get(..4)? != MAGIC {
        return None;
    }
    let len = usize::try_from(u32::from_le_bytes(head.get(4..8)?.try_into().ok()?)).ok()?;
    if len > MAX_RECORD_BYTES {
        return None;
    }
    Some(Header {
        len,
        seq: u64::from_le_bytes(head.get(8..16)?.try_into().ok()?),
        value: from_code(*head.get(16)?)?,
        crc: u32::from_le_bytes(head.get(17..21)?.try_into().ok()?),
    })
}

const fn code(value: Value) -> u8 {
    match value {
        Value::Low => 0,
        Value::Normal => 1,
        Value::High => 2,
    }
}

const fn from_code(code: u8) -> Option<Value> {
    match code {
        0 => Some(Value::Low),
        1 => Some(Value::Normal),
        2 => Some(Value::High),
        _ => None,
    }
}

/// CRC-32 (IEEE 802.3).
struct Crc(u32);

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut i = 0;
    while i < 256 {
        let mut c = i as u32;
        let mut bit = 0;
        while bit < 8 {
            c = if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
            bit += 1;
        }
        table[i] = c;
        i += 1;
    }
    table
};

impl Crc {
    const fn new() -> Self {
        Crc(u32::MAX)
    }

    fn update(mut self, bytes: &[u8]) -> Self {
        for b in bytes {
            let index = usize::from((self.0 as u8) ^ b);
            self.0 = TABLE.get(index).copied().unwrap_or_default() ^ (self.0 >> 8);
        }
        self
    }

    const fn finish(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32() {
        assert_eq!(Crc::new().update(b"123456789").finish(), 0xcbf4_3926);
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_noticed() {
        let good = encode(42, Value::High, b"{\"a\":1}");
        assert!(matches!(parse(&good), Parsed::Record { seq: 42, value: Value::High, .. }));
        for len in 0..good.len() {
            assert_eq!(parse(&good[..len]), Parsed::Incomplete, "cut at {len}");
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(parse(&bad), Parsed::Record { .. }), "bit {bit}");
        }
    }
}
