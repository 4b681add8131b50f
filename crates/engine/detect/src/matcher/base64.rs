//! Base64 as found in traffic: clean, broken across lines, or cut.

use mimamori_rules::{Base64Decode, Base64Mode};

/// What `base64_decode` gives at its place; `None` when nothing decodes.
pub fn decode_at(buffer: &[u8], anchor: usize, spec: &Base64Decode) -> Option<Vec<u8>> {
    let from = if spec.relative { anchor } else { 0 };
    let from = from.checked_add(usize::try_from(spec.offset).ok()?)?;
    let part = limited(buffer.get(from..)?, spec.bytes);
    let decoded = decode(part, Base64Mode::Rfc4648)?;
    (!decoded.is_empty()).then_some(decoded)
}

/// At most `bytes` of `part`.
pub fn limited(part: &[u8], bytes: Option<u32>) -> &[u8] {
    let length = bytes.and_then(|n| usize::try_from(n).ok()).unwrap_or(part.len());
    part.get(..length.min(part.len())).unwrap_or(part)
}

/// Decodes as the mode says. `None`: the strict mode met what it does not allow.
pub fn decode(text: &[u8], mode: Base64Mode) -> Option<Vec<u8>> {
    if mode == Base64Mode::Strict && !text.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut have) = (0u32, 0u32);
    let mut ended = false;
    for b in text {
        let Some(value) = value(*b) else {
            match (mode, *b) {
                (_, b'=') => ended = true,
                (Base64Mode::Rfc2045, _) => continue,
                (Base64Mode::Rfc4648, _) => break,
                (Base64Mode::Strict, _) => return None,
            }
            if mode == Base64Mode::Strict {
                continue;
            }
            break;
        };
        if ended {
            return None;
        }
        bits = bits << 6 | value;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push(u8::try_from(bits >> have & 0xff).unwrap_or(0));
        }
    }
    Some(out)
}

fn value(b: u8) -> Option<u32> {
    Some(match b {
        b'A'..=b'Z' => u32::from(b - b'A'),
        b'a'..=b'z' => u32::from(b - b'a') + 26,
        b'0'..=b'9' => u32::from(b - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_differ_in_what_they_skip() {
        let d = |t: &str, m| decode(t.as_bytes(), m).map(|v| String::from_utf8_lossy(&v).into_owned());
        assert_eq!(d("Zm 9v Ym Fy", Base64Mode::Rfc2045).as_deref(), Some("foobar"));
        assert_eq!(d("Zm 9v Ym Fy", Base64Mode::Rfc4648).as_deref(), Some("f"));
        assert_eq!(d("Zm 9v Ym Fy", Base64Mode::Strict), None);
        assert_eq!(d("Zm9vYg==", Base64Mode::Strict).as_deref(), Some("foob"));
        assert_eq!(d("Zm9vYmFy", Base64Mode::Rfc4648).as_deref(), Some("foobar"));
    }
}
