//! Chunked transfer coding (RFC 9112 7.1), read as leniently as any client reads it.
//!
//! Where the bytes are no chunks although they should be, the rest of the body passes as it
//! is: the peer may well read it so.

use super::line::is_blank;

/// A size line is given up beyond this.
const MAX_SIZE_LINE_BYTES: usize = 4096;

/// Blanks before a size that are kept, in case they are body.
const MAX_LEADING_BLANKS: usize = 64;

#[derive(Clone, Debug)]
enum State {
    Size(Vec<u8>),
    Data(u64),
    /// After a chunk's data: the line end that belongs there.
    DataEnd,
    Done,
    /// Not chunked after all.
    Identity,
}

/// What may be noticed in chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChunkOddity {
    InvalidLength,
    Extension,
}

/// Takes chunks apart.
#[derive(Clone, Debug)]
pub(crate) struct Chunked {
    state: State,
}

impl Default for Chunked {
    fn default() -> Self {
        Chunked { state: State::Size(Vec::new()) }
    }
}

impl Chunked {
    /// Reads from `data`, giving body bytes to `sink`. Gives how many bytes were read; less
    /// than all only when the last chunk has ended.
    pub(crate) fn read(
        &mut self,
        data: &[u8],
        sink: &mut dyn FnMut(&[u8]),
        notice: &mut dyn FnMut(ChunkOddity),
    ) -> usize {
        let mut at = 0;
        while let Some(rest) = data.get(at..)
            && let Some(byte) = rest.first()
        {
            match &mut self.state {
                State::Data(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    sink(rest.get(..take).unwrap_or_default());
                    at += take;
                    *left -= take as u64;
                    if *left == 0 {
                        self.state = State::DataEnd;
                    }
                }
                State::DataEnd => {
                    if *byte == b'\n' {
                        at += 1;
                        self.state = State::Size(Vec::new());
                    } else if is_blank(*byte) {
                        at += 1;
                    } else {
                        self.state = State::Size(Vec::new());
                    }
                }
                State::Size(line) => {
                    at += 1;
                    line.push(*byte);
                    if let Some(next) = size_step(line, notice) {
                        if matches!(next, State::Identity) {
                            sink(line);
                        }
                        self.state = next;
                    }
                }
                State::Identity => {
                    sink(rest);
                    at = data.len();
                }
                State::Done => break,
            }
        }
        at
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// `len` bytes were lost. Gives whether reading can go on.
    pub(crate) fn skip(&mut self, len: u64) -> bool {
        match &mut self.state {
            State::Data(left) if len <= *left => {
                *left -= len;
                if *left == 0 {
                    self.state = State::DataEnd;
                }
                true
            }
            State::Identity => true,
            _ => false,
        }
    }

    /// No byte follows: a size line begun is body, if it holds anything.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Size(line) if !line.iter().all(|b| is_blank(*b) || b.is_ascii_hexdigit()) => line,
            _ => Vec::new(),
        }
    }
}

/// After another byte of the size line: the next state, if the line decides it.
fn size_step(line: &mut Vec<u8>, notice: &mut dyn FnMut(ChunkOddity)) -> Option<State> {
    let start = line.iter().position(|b| !is_blank(*b));
    let Some(start) = start else {
        if line.last() == Some(&b'\n') || line.len() > MAX_LEADING_BLANKS {
            line.clear();
        }
        return None;
    };
    let text = line.get(start..).unwrap_or_default();
    if !text.first().is_some_and(u8::is_ascii_hexdigit) || text.len() > MAX_SIZE_LINE_BYTES {
        notice(ChunkOddity::InvalidLength);
        return Some(State::Identity);
    }
    if text.last() != Some(&b'\n') {
        return None;
    }
    let digits = match text {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => rest,
        other => other,
    };
    let end = digits.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(digits.len());
    let (number, after) = digits.split_at_checked(end).unwrap_or((digits, &[]));
    if after.contains(&b';') {
        notice(ChunkOddity::Extension);
    }
    let size = std::str::from_utf8(number).ok().and_then(|n| u64::from_str_radix(n, 16).ok());
    match size {
        Some(0) => Some(State::Done),
        Some(n) if n <= u64::from(u32::MAX) => Some(State::Data(n)),
        _ => {
            notice(ChunkOddity::InvalidLength);
            Some(State::Identity)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8]) -> (String, usize, Vec<ChunkOddity>) {
        let (mut out, mut seen) = (Vec::new(), Vec::new());
        let mut c = Chunked::default();
        let n = c.read(data, &mut |b| out.extend_from_slice(b), &mut |o| seen.push(o));
        (String::from_utf8_lossy(&out).into_owned(), n, seen)
    }

    #[test]
    fn lenient_sizes() {
        for data in [
            "3\r\nabc\r\n2\r\nde\r\n0\r\n",
            "3\nabc\n2\nde\n0\n",
            "03 \r\nabc\r\n\r\n2\t\r\nde\r\n0000000000000000000000\r\n",
            "\r\n\t3\r\r\nabc\r\n 2 x\r\nde\r\n0x\r\n",
            "0x3\r\nabc\r\n\x002\r\nde\r\n0\r\n",
        ] {
            assert_eq!(read(data.as_bytes()), ("abcde".into(), data.len(), vec![]), "{data:?}");
        }
        assert_eq!(read(b"3;x=y\r\nabc").2, [ChunkOddity::Extension]);
    }

    #[test]
    fn lies_pass_as_they_are() {
        let body = "X5O!P%@AP and so on\r\n";
        assert_eq!(read(body.as_bytes()), (body.into(), body.len(), vec![ChunkOddity::InvalidLength]));
        let (out, ..) = read(b"3\r\nabc\r\nX5O!");
        assert_eq!(out, "abcX5O!");
        let (out, ..) = read(b"ffffffffffffffffff\r\nabc");
        assert_eq!(out, "ffffffffffffffffff\r\nabc");
    }

    #[test]
    fn gaps_within_a_chunk_only() {
        let mut c = Chunked::default();
        c.read(b"5\r\nab", &mut |_| {}, &mut |_| {});
        assert!(!c.clone().skip(4));
        assert!(c.skip(3));
        let mut out = Vec::new();
        c.read(b"\r\n1\r\nz", &mut |b| out.extend_from_slice(b), &mut |_| {});
        assert_eq!(out, b"z");
    }
}
