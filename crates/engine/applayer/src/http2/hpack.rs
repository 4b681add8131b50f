//! HPACK, the header compression of HTTP/2 (RFC 7541), with limits.
//!
//! Holds always: the dynamic table is at most [`MAX_TABLE_BYTES`]; a block gives at most the
//! bytes and headers allowed, however small it is.

use std::collections::VecDeque;

use super::huffman;

/// Dynamic table that a peer may have, whatever it asks for.
const MAX_TABLE_BYTES: usize = 64 * 1024;
const DEFAULT_TABLE_BYTES: usize = 4096;
/// What an entry costs beside its text (RFC 7541 4.1).
const ENTRY_OVERHEAD: usize = 32;
/// Text that one block may give.
const MAX_BLOCK_BYTES: usize = 256 * 1024;
const MAX_BLOCK_HEADERS: usize = 1024;

/// RFC 7541, appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Why a block could not be read to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HpackError {
    Malformed,
    IntegerOverflow,
    TooLarge,
}

/// The decoder of one direction.
#[derive(Debug)]
pub(super) struct Hpack {
    entries: VecDeque<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
    max_bytes: usize,
    /// The last size that a block asked for.
    resized: Option<u64>,
}

impl Default for Hpack {
    fn default() -> Self {
        Hpack { entries: VecDeque::new(), bytes: 0, max_bytes: DEFAULT_TABLE_BYTES, resized: None }
    }
}

impl Hpack {
    /// The table size that the last block asked for, if it did.
    pub(super) fn take_resized(&mut self) -> Option<u64> {
        self.resized.take()
    }

    /// Decodes a header block. Headers before an error are given.
    pub(super) fn decode(
        &mut self,
        block: &[u8],
        emit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), HpackError> {
        let mut r = Reader { rest: block };
        let (mut total, mut count) = (0_usize, 0_usize);
        while let Some(first) = r.rest.first().copied() {
            if first & 0xe0 == 0x20 {
                let size = r.integer(5)?;
                self.resized = Some(size);
                self.max_bytes = usize::try_from(size).unwrap_or(MAX_TABLE_BYTES).min(MAX_TABLE_BYTES);
                self.shrink(0);
                continue;
            }
            let (name, value) = if first & 0x80 != 0 {
                self.entry(r.integer(7)?)?
            } else {
                let indexed = first & 0x40 != 0;
                let index = r.integer(if indexed { 6 } else { 4 })?;
                let name = if index == 0 { r.string()? } else { self.entry(index)?.0 };
                let value = r.string()?;
                if indexed {
                    self.insert(&name, &value);
                }
                (name, value)
            };
            total = total.saturating_add(name.len() + value.len());
            count += 1;
            if total > MAX_BLOCK_BYTES || count > MAX_BLOCK_HEADERS {
                return Err(HpackError::TooLarge);
            }
            emit(&name, &value);
        }
        Ok(())
    }

    fn entry(&self, index: u64) -> Result<(Vec<u8>, Vec<u8>), HpackError> {
        let index = usize::try_from(index).map_err(|_| HpackError::Malformed)?;
        let at = index.checked_sub(1).ok_or(HpackError::Malformed)?;
        if let Some((name, value)) = STATIC.get(at) {
            return Ok((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        self.entries.get(at - STATIC.len()).cloned().ok_or(HpackError::Malformed)
    }

    fn insert(&mut self, name: &[u8], value: &[u8]) {
        let cost = name.len() + value.len() + ENTRY_OVERHEAD;
        self.shrink(cost);
        if cost <= self.max_bytes {
            self.bytes += cost;
            self.entries.push_front((name.to_vec(), value.to_vec()));
        }
    }

    /// Evicts until `more` bytes fit.
    fn shrink(&mut self, more: usize) {
        while self.bytes.saturating_add(more) > self.max_bytes {
            let Some((name, value)) = self.entries.pop_back() else { break };
            self.bytes = self.bytes.saturating_sub(name.len() + value.len() + ENTRY_OVERHEAD);
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, HpackError> {
        let (first, rest) = self.rest.split_first().ok_or(HpackError::Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    /// An integer with a prefix of `bits` bits (RFC 7541 5.1).
    fn integer(&mut self, bits: u32) -> Result<u64, HpackError> {
        let mask = (1_u8 << bits) - 1;
        let mut value = u64::from(self.byte()? & mask);
        if value < u64::from(mask) {
            return Ok(value);
        }
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value += u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(HpackError::IntegerOverflow)
    }

    fn string(&mut self) -> Result<Vec<u8>, HpackError> {
        let coded = self.rest.first().is_some_and(|b| b & 0x80 != 0);
        let len = usize::try_from(self.integer(7)?).map_err(|_| HpackError::Malformed)?;
        let (text, rest) = self.rest.split_at_checked(len).ok_or(HpackError::Malformed)?;
        self.rest = rest;
        if coded { huffman::decode(text).ok_or(HpackError::Malformed) } else { Ok(text.to_vec()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(h: &mut Hpack, block: &[u8]) -> Result<Vec<String>, HpackError> {
        let mut out = Vec::new();
        h.decode(block, &mut |n, v| {
            out.push(format!("{}: {}", String::from_utf8_lossy(n), String::from_utf8_lossy(v)));
        })?;
        Ok(out)
    }

    fn hex(s: &str) -> Vec<u8> {
        (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
    }

    /// RFC 7541, C.4: three requests on one connection.
    #[test]
    fn requests_of_the_rfc() {
        let mut h = Hpack::default();
        let first = decode(&mut h, &hex("828684418cf1e3c2e5f23a6ba0ab90f4ff")).unwrap();
        assert_eq!(first, [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]);
        let second = decode(&mut h, &hex("828684be5886a8eb10649cbf")).unwrap();
        assert_eq!(second[3..], [":authority: www.example.com", "cache-control: no-cache"]);
        let third = decode(&mut h, &hex("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf")).unwrap();
        assert_eq!(third[4], "custom-key: custom-value");
        assert_eq!(h.bytes, 164);
    }

    #[test]
    fn limits_hold() {
        let mut h = Hpack::default();
        assert_eq!(
            decode(&mut h, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(HpackError::IntegerOverflow)
        );
        assert_eq!(decode(&mut h, &[0xff]), Err(HpackError::Malformed));
        assert_eq!(decode(&mut h, &[0x80]), Err(HpackError::Malformed));
        let mut bomb = vec![0x40, 1, b'x', 0x7f, 0xa1, 0x1e];
        bomb.extend([b'y'; 4000]);
        bomb.extend([0xbe; 500]);
        assert_eq!(decode(&mut h, &bomb), Err(HpackError::TooLarge));
        assert!(h.bytes <= DEFAULT_TABLE_BYTES);
    }

    proptest! {
        #[test]
        fn no_input_panics(blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..5)) {
            let mut h = Hpack::default();
            for b in blocks {
                let _ = decode(&mut h, &b);
                prop_assert!(h.bytes <= MAX_TABLE_BYTES);
            }
        }
    }
}
