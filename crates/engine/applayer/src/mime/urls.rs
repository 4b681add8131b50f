//! Web addresses in the text of mails.
//!
//! Holds always: lines longer than [`MAX_LINE_BYTES`] are cut there; at most [`MAX_URLS`] kept.

/// Text looked at in one piece.
const MAX_LINE_BYTES: usize = 8 * 1024;
/// Addresses kept of a mail; more are not looked for.
pub const MAX_URLS: usize = 256;

/// Finds addresses in text that comes in pieces.
#[derive(Debug)]
pub struct UrlScan {
    schemes: Vec<Vec<u8>>,
    keep_scheme: bool,
    line: Vec<u8>,
    pub found: Vec<Vec<u8>>,
}

fn ends_address(b: u8) -> bool {
    matches!(
        b,
        b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'<' | b'>' | b']' | b')' | b'}' | b'|' | b'`' | 0
    )
}

impl UrlScan {
    #[must_use]
    pub fn new(schemes: &[String], keep_scheme: bool) -> Self {
        let schemes = schemes
            .iter()
            .map(|s| if s == "mailto" { b"mailto:".to_vec() } else { format!("{s}://").into_bytes() })
            .collect();
        UrlScan { schemes, keep_scheme, line: Vec::new(), found: Vec::new() }
    }

    pub fn push(&mut self, text: &[u8]) {
        if self.found.len() >= MAX_URLS {
            return;
        }
        for piece in text.split_inclusive(|b| *b == b'\n') {
            let room = MAX_LINE_BYTES.saturating_sub(self.line.len());
            self.line.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
            if piece.ends_with(b"\n") || self.line.len() >= MAX_LINE_BYTES {
                self.flush();
            }
        }
    }

    pub fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if memchr::memchr(b':', &line).is_none() {
            return;
        }
        for scheme in &self.schemes {
            let mut rest: &[u8] = &line;
            while let Some(at) = rest.windows(scheme.len()).position(|w| w.eq_ignore_ascii_case(scheme)) {
                let candidate = rest.get(at..).unwrap_or_default();
                let tail = candidate.get(scheme.len()..).unwrap_or_default();
                let length = tail.iter().position(|b| ends_address(*b)).unwrap_or(tail.len());
                let from = if self.keep_scheme { 0 } else { scheme.len() };
                let url = candidate.get(from..scheme.len() + length).unwrap_or_default();
                if length > 0 && self.found.len() < MAX_URLS && !self.found.iter().any(|u| u == url) {
                    self.found.push(url.to_vec());
                }
                rest = tail;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_across_pieces_and_cleaned() {
        let mut scan = UrlScan::new(&["http".into(), "ftp".into()], false);
        scan.push(b"see <a href=\"HTTP://a.example/x?y\">x</a> and ht");
        scan.push(b"tp://b.example/, ftp://c\nhttp://a.example/x?y http://");
        scan.flush();
        assert_eq!(scan.found, [&b"a.example/x?y"[..], b"b.example/,", b"c"]);
    }
}
