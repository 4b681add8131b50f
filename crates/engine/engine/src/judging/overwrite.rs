//! Overwriting a file in a mail so that it cannot run.
//!
//! Holds always: no byte is added or taken away; the text stays valid in its encoding, so that
//! the mail around it can be read. Deliberately not here: which frames carry the text.

use mimamori_files::Written;

/// What base64 text becomes: this, over and over, when it is decoded.
const FILLER: &[u8] = b"TWltYW1vcmkgcmVtb3ZlZCB0aGlzIGZpbGUu";

/// Overwrites one line in place. Gives how many bytes are others now.
pub(crate) fn line(how: Written, line: &mut [u8]) -> usize {
    let before = line.to_vec();
    match how {
        Written::Base64 => base64(line),
        Written::Plain => plain(line),
        Written::QuotedPrintable => quoted_printable(line),
        Written::Uuencoded => uuencoded(line),
    }
    line.iter().zip(&before).filter(|(a, b)| a != b).count()
}

fn base64(line: &mut [u8]) {
    let padded = line.iter().position(|b| *b == b'=');
    let mut filler = FILLER.iter().copied().cycle();
    // Before padding, bits that belong to no byte must be zero.
    let zeros_from = padded.map_or(usize::MAX, |at| at.saturating_sub(3));
    for (at, byte) in line.iter_mut().enumerate() {
        let is_digit = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let next = if is_digit { filler.next() } else { None };
        if let Some(next) = next {
            *byte = if at >= zeros_from { b'A' } else { next };
        }
    }
}

fn plain(line: &mut [u8]) {
    for byte in line.iter_mut().filter(|b| !b.is_ascii_whitespace()) {
        *byte = b'-';
    }
}

fn quoted_printable(line: &mut [u8]) {
    let soft = line.last() == Some(&b'=');
    plain(line);
    if soft && let Some(last) = line.last_mut() {
        *last = b'=';
    }
}

fn uuencoded(line: &mut [u8]) {
    // The first character is the line's length.
    for byte in line.iter_mut().skip(1).filter(|b| !matches!(b, b'\r' | b'\n')) {
        *byte = b'-';
    }
}

/// Finds `line` in `text` from `from` on; at the very start of the text its end alone will do,
/// for its beginning has gone already.
pub(crate) fn find(text: &[u8], line: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let rest = text.get(from..)?;
    if line.is_empty() {
        return None;
    }
    if let Some(at) = memchr::memmem::find(rest, line) {
        return Some(from + at..from + at + line.len());
    }
    if from > 0 {
        return None;
    }
    (1..line.len())
        .find_map(|cut| line.get(cut..).filter(|end| text.starts_with(end)).map(|end| 0..end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(how: Written, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        line(how, &mut text);
        text
    }

    #[test]
    fn each_encoding_keeps_its_shape() {
        assert_eq!(over(Written::Base64, b"WDVPIVAlQEFQWzRcUFpYNTQ="), b"TWltYW1vcmkgcmVtb3ZlAAA=");
        assert_eq!(over(Written::Base64, b"QQ=="), b"AA==");
        assert_eq!(over(Written::QuotedPrintable, b"X5O!P=25@AP="), b"-----------=");
        assert_eq!(over(Written::Uuencoded, b"$X5O!"), b"$----");
        assert_eq!(over(Written::Plain, b"X5O! P\r\n"), b"---- -\r\n");
    }

    #[test]
    fn a_line_whose_start_has_gone_is_found_by_its_end() {
        assert_eq!(find(b"\r\nabcd\r\nefgh", b"efgh", 0), Some(8..12));
        assert_eq!(find(b"cd\r\nefgh", b"abcd\r\n", 0), Some(0..2));
        assert_eq!(find(b"cd\r\nefgh", b"abcd", 1), None);
    }
}
