//! Transfer encodings of mail bodies, decoded as they come.
//!
//! Holds always: dirt is skipped or kept as the field does, noted once, and never stops the
//! decoding; nothing is kept but an incomplete group.

/// Base64 (RFC 2045 6.8) in any cut, with dirt.
#[derive(Debug, Default)]
pub struct Base64 {
    bits: u32,
    count: u8,
    /// A byte outside of the alphabet was seen.
    pub dirty: bool,
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

impl Base64 {
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for byte in input {
            match (sextet(*byte), byte) {
                (Some(value), _) => {
                    self.bits = (self.bits << 6) | value;
                    self.count += 1;
                    if self.count == 4 {
                        let [_, a, b, c] = self.bits.to_be_bytes();
                        out.extend_from_slice(&[a, b, c]);
                        self.bits = 0;
                        self.count = 0;
                    }
                }
                (None, b'=') => self.finish(out),
                (None, b' ' | b'\t' | b'\r' | b'\n') => {}
                (None, _) => self.dirty = true,
            }
        }
    }

    /// Gives the bytes of an incomplete group.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let missing = match self.count {
            2 => 2,
            3 => 1,
            _ => 4,
        };
        if missing < 4 {
            let [_, a, b, _] = (self.bits << (6 * missing)).to_be_bytes();
            out.push(a);
            if missing == 1 {
                out.push(b);
            }
        }
        self.bits = 0;
        self.count = 0;
    }
}

/// Decodes one line of quoted-printable (RFC 2045 6.7), without its line end. Says whether the
/// line goes on softly and whether it was clean.
pub fn quoted_printable(line: &[u8], out: &mut Vec<u8>) -> (bool, bool) {
    let mut clean = true;
    let mut soft = false;
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'=' {
            out.push(*first);
            continue;
        }
        if after.iter().all(|b| matches!(b, b' ' | b'\t')) {
            soft = true;
            break;
        }
        match after.split_first_chunk::<2>().and_then(|(pair, tail)| Some((hex_pair(*pair)?, tail))) {
            Some((byte, tail)) => {
                out.push(byte);
                rest = tail;
            }
            None => {
                clean = false;
                out.push(b'=');
            }
        }
    }
    (soft, clean)
}

fn hex_pair([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some((digit(high)? << 4) | digit(low)?)
}

/// Decodes one line of uuencode; `None` where the line is none.
pub fn uuencoded(line: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (length, data) = line.split_first()?;
    if !(0x20..=0x60).contains(length) {
        return None;
    }
    let length = usize::from((length - 0x20) & 0x3f);
    let start = out.len();
    for group in data.chunks(4) {
        let mut bits = 0u32;
        for at in 0..4 {
            let b = group.get(at).copied().unwrap_or(b' ');
            if !(0x20..=0x60).contains(&b) {
                return None;
            }
            bits = (bits << 6) | u32::from((b - 0x20) & 0x3f);
        }
        let [_, a, b, c] = bits.to_be_bytes();
        out.extend_from_slice(&[a, b, c]);
    }
    out.truncate(start + length);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use proptest::prelude::*;

    #[test]
    fn base64_skips_dirt_and_takes_incomplete_groups() {
        let mut b = Base64::default();
        let mut out = Vec::new();
        b.push(b"SGVs\r\n b*G8gd2", &mut out);
        b.push(b"9ybGQ", &mut out);
        b.finish(&mut out);
        assert_eq!(out, b"Hello world");
        assert!(b.dirty);
    }

    #[test]
    fn quoted_printable_lines() {
        let mut out = Vec::new();
        assert_eq!(quoted_printable(b"a=3Db=", &mut out), (true, true));
        assert_eq!(quoted_printable(b"=zz", &mut out), (false, false));
        assert_eq!(out, b"a=b=zz");
    }

    #[test]
    fn uuencoded_lines() {
        let mut out = Vec::new();
        assert!(uuencoded(b"#0V%T", &mut out).is_some());
        assert_eq!(out, b"Cat");
        assert!(uuencoded(b"\xff", &mut out).is_none());
    }

    proptest! {
        #[test]
        fn base64_is_the_same_in_any_cut(data in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..300) {
            let text = base64::engine::general_purpose::STANDARD.encode(&data);
            let (a, b) = text.as_bytes().split_at(cut.min(text.len()));
            let (mut decoder, mut out) = (Base64::default(), Vec::new());
            decoder.push(a, &mut out);
            decoder.push(b, &mut out);
            decoder.finish(&mut out);
            prop_assert_eq!(out, data);
        }
    }
}
