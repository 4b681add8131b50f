//! The bytes of a file on their way to whoever judges it.
//!
//! Responsible for keeping what was appended since the last [`Tap::take`], and for mail the text
//! that it was written as, so that it can be overwritten. Holds always: at most
//! [`MAX_TAP_BYTES`] of either are kept; what is beyond is told, not kept.

/// What one packet may add to a file: decompression may give much from little.
pub const MAX_TAP_BYTES: usize = 8 << 20;

/// How a file's bytes stand in a mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    Plain,
    Base64,
    QuotedPrintable,
    Uuencoded,
}

/// What came since the last time.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tapped {
    pub bytes: Vec<u8>,
    /// The lines that gave them, as they stood in the mail; empty outside of mail.
    pub lines: Vec<(Written, Vec<u8>)>,
    /// Not all of it is here.
    pub overflow: bool,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Tap {
    now: Tapped,
    line_bytes: usize,
}

impl Tap {
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let room = MAX_TAP_BYTES.saturating_sub(self.now.bytes.len());
        self.now.overflow |= bytes.len() > room;
        self.now.bytes.extend(bytes.iter().take(room));
    }

    pub(crate) fn written(&mut self, how: Written, line: &[u8]) {
        if self.line_bytes.saturating_add(line.len()) > MAX_TAP_BYTES || line.is_empty() {
            return;
        }
        self.line_bytes += line.len();
        self.now.lines.push((how, line.to_vec()));
    }

    pub(crate) fn take(&mut self) -> Tapped {
        self.line_bytes = 0;
        std::mem::take(&mut self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bound_is_told() {
        let mut tap = Tap::default();
        tap.append(&vec![1; MAX_TAP_BYTES]);
        tap.written(Written::Base64, b"QUJD");
        tap.append(b"x");
        let first = tap.take();
        assert!(first.overflow && first.bytes.len() == MAX_TAP_BYTES && first.lines.len() == 1);
        assert_eq!(tap.take(), Tapped::default());
    }
}
