//! Header blocks: reading them line by line, and the headers they hold.
//!
//! Holds always: at most the configured number of headers is kept, each at most a line's
//! limit long per appearance; repeated headers are joined by `", "`. Names are compared
//! without regard to case and without NULs, since an attacker puts those in.

use super::line::{Line, is_blank, is_token, next_line, trim_blank};

/// Bytes of the block kept as they came (`http.header.raw`).
const MAX_RAW_BYTES: usize = 64 * 1024;
/// Text of all headers of a side together; what is beyond is not kept.
const MAX_TEXT_BYTES: usize = 128 * 1024;
/// Bytes of one joined value.
const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Headers kept one by one, all blocks of a side together (HTTP/2).
const MAX_SEPARATE: usize = 2048;
/// Bytes looked at to tell a header line from a body.
const LOOKAHEAD_BYTES: usize = 128;

/// One header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
    /// It came more than once.
    pub repeated: bool,
    key: u32,
}

/// The headers of a message in order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    list: Vec<Header>,
    raw: Vec<u8>,
    /// Bytes of all names and values kept.
    text_bytes: usize,
}

/// A hash of a name: case and NULs do not count.
fn key_of(name: &[u8]) -> u32 {
    name.iter()
        .filter(|b| **b != 0)
        .fold(0x811c_9dc5, |h: u32, b| (h ^ u32::from(b.to_ascii_lowercase())).wrapping_mul(0x0100_0193))
}

fn same_name(a: &[u8], b: &[u8]) -> bool {
    let clean =
        |s: &'_ [u8]| -> Vec<u8> { s.iter().filter(|b| **b != 0).map(u8::to_ascii_lowercase).collect() };
    a.eq_ignore_ascii_case(b) || clean(a) == clean(b)
}

impl Headers {
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.list.iter()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether no more is kept.
    fn is_full(&self) -> bool {
        self.text_bytes >= MAX_TEXT_BYTES
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The block as it came, with its last empty line; cut to a bound.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Header> {
        let key = key_of(name);
        self.list.iter().find(|h| h.key == key && same_name(&h.name, name))
    }

    #[must_use]
    pub fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.get(name).map(|h| h.value.as_slice())
    }

    /// Adds a header, joining it to an earlier one of the same name. Gives whether it was a
    /// repetition.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> bool {
        let key = key_of(name);
        self.text_bytes = self.text_bytes.saturating_add(name.len() + value.len());
        if let Some(h) = self.list.iter_mut().find(|h| h.key == key && same_name(&h.name, name)) {
            h.repeated = true;
            if h.value.len().saturating_add(value.len()) < MAX_VALUE_BYTES {
                h.value.extend_from_slice(b", ");
                h.value.extend_from_slice(value);
            }
            return true;
        }
        self.list.push(Header { name: name.to_vec(), value: value.to_vec(), repeated: false, key });
        false
    }

    /// Adds a header as one of its own even if its name came before (HTTP/2), to a bound.
    pub(crate) fn push_separate(&mut self, name: &[u8], value: &[u8]) {
        if self.list.len() < MAX_SEPARATE && !self.is_full() {
            self.text_bytes = self.text_bytes.saturating_add(name.len() + value.len());
            let key = key_of(name);
            self.list.push(Header { name: name.to_vec(), value: value.to_vec(), repeated: false, key });
        }
    }

    fn push_raw(&mut self, bytes: &[u8]) {
        let room = MAX_RAW_BYTES.saturating_sub(self.raw.len());
        self.raw.extend(bytes.iter().take(room));
    }
}

/// What may be noticed while reading a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Oddity {
    MissingColon,
    InvalidName,
    Folding,
    Repetition,
    TooLong,
    TooMany,
}

/// Bounds of a block, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockRules {
    pub max_line_bytes: usize,
    pub max_headers: usize,
    /// A response: lone CRs end lines, and broken empty lines may or may not end the block.
    pub response: bool,
}

/// Reads a header block piece by piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockReader {
    /// A header line that a folded line may still continue.
    pending: Option<Vec<u8>>,
    /// A broken empty line came: the next bytes tell whether the block has ended.
    doubtful_end: bool,
    /// The rest of a line beyond the limit is being dropped.
    skipping: bool,
}

/// Where a block stands after input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Progress {
    pub consumed: usize,
    pub ended: bool,
}

impl BlockReader {
    /// A reader for the block after a line beyond the limit, the rest of which is dropped.
    pub(crate) fn in_long_line() -> Self {
        BlockReader { skipping: true, ..BlockReader::default() }
    }

    /// Takes lines from `data` into `headers`.
    pub(crate) fn read(
        &mut self,
        data: &[u8],
        eof: bool,
        rules: BlockRules,
        headers: &mut Headers,
        notice: &mut dyn FnMut(Oddity),
    ) -> Progress {
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            if self.doubtful_end {
                match looks_like_header(rest, eof) {
                    None => return Progress { consumed, ended: false },
                    Some(true) => self.doubtful_end = false,
                    Some(false) => {
                        self.flush(rules, headers, notice);
                        return Progress { consumed, ended: true };
                    }
                }
            }
            let Some(line) = next_line(rest, rules.response, eof) else {
                // A run of CRs may still belong to the line's end.
                let ends = rest.iter().rev().take_while(|b| **b == b'\r').count();
                let text = rest.get(..rest.len() - ends).unwrap_or_default();
                if self.skipping || text.len() > rules.max_line_bytes {
                    if !std::mem::replace(&mut self.skipping, true) {
                        self.long_line(text, rules, headers, notice);
                    }
                    return Progress { consumed: consumed + text.len(), ended: false };
                }
                if eof {
                    self.flush(rules, headers, notice);
                }
                return Progress { consumed, ended: eof };
            };
            consumed += line.consumed;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if line.content.len() > rules.max_line_bytes {
                self.long_line(line.content, rules, headers, notice);
                continue;
            }
            headers.push_raw(rest.get(..line.consumed).unwrap_or_default());
            if self.take_line(line, rules, headers, notice) {
                self.flush(rules, headers, notice);
                return Progress { consumed, ended: true };
            }
        }
    }

    /// A line beyond the limit: its begin counts.
    fn long_line(
        &mut self,
        text: &[u8],
        rules: BlockRules,
        headers: &mut Headers,
        notice: &mut dyn FnMut(Oddity),
    ) {
        notice(Oddity::TooLong);
        let head = text.get(..rules.max_line_bytes).unwrap_or(text);
        headers.push_raw(head);
        self.add_line(head, rules, headers, notice);
    }

    /// Gives whether the line ends the block.
    fn take_line(
        &mut self,
        line: Line<'_>,
        rules: BlockRules,
        headers: &mut Headers,
        notice: &mut dyn FnMut(Oddity),
    ) -> bool {
        if line.content.is_empty() && (line.clean || !rules.response) {
            return true;
        }
        if rules.response && line.content.iter().all(|b| is_blank(*b)) {
            self.doubtful_end = true;
            return false;
        }
        self.add_line(line.content, rules, headers, notice);
        false
    }

    fn add_line(
        &mut self,
        line: &[u8],
        rules: BlockRules,
        headers: &mut Headers,
        notice: &mut dyn FnMut(Oddity),
    ) {
        let folded =
            matches!(line.first(), Some(b' ' | b'\t')) || (rules.response && line.first() == Some(&0));
        if folded {
            // A server's folded line that is itself a header is taken as one: clients differ.
            let own_header = rules.response && names_a_header(trim_blank(line));
            if let Some(pending) = &mut self.pending
                && !own_header
            {
                notice(Oddity::Folding);
                if pending.len().saturating_add(line.len()) <= rules.max_line_bytes.saturating_mul(2) {
                    let text = trim_blank(line);
                    if !text.is_empty() {
                        pending.push(b' ');
                        pending.extend_from_slice(text);
                    }
                }
                return;
            }
            notice(Oddity::Folding);
        }
        self.flush(rules, headers, notice);
        self.pending = Some(line.to_vec());
    }

    fn flush(&mut self, rules: BlockRules, headers: &mut Headers, notice: &mut dyn FnMut(Oddity)) {
        let Some(line) = self.pending.take() else { return };
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            notice(Oddity::MissingColon);
            // Kept with an empty name: rules on header blocks still see its text.
            add(headers, &[], trim_blank(&line), rules, notice);
            return;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or((&line, &[]));
        let name = trim_blank(name);
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) || name.len() != colon {
            notice(Oddity::InvalidName);
        }
        add(headers, name, trim_blank(value.get(1..).unwrap_or_default()), rules, notice);
    }
}

fn add(headers: &mut Headers, name: &[u8], value: &[u8], rules: BlockRules, notice: &mut dyn FnMut(Oddity)) {
    if headers.len() >= rules.max_headers || headers.is_full() {
        notice(Oddity::TooMany);
    } else if headers.push(name, value) {
        notice(Oddity::Repetition);
    }
}

/// Whether `text` begins with `name:`, the name being a token.
fn names_a_header(text: &[u8]) -> bool {
    let token = text.iter().take_while(|b| is_token(**b)).count();
    token > 0 && text.get(token) == Some(&b':')
}

/// After a broken empty line: whether what follows is more of the header block. `None`: too
/// little to say.
fn looks_like_header(rest: &[u8], eof: bool) -> Option<bool> {
    match rest.first() {
        None => return eof.then_some(false),
        Some(b'\r' | b'\n' | b' ' | b'\t') => return Some(true),
        Some(_) => {}
    }
    let head = rest.get(..LOOKAHEAD_BYTES).unwrap_or(rest);
    match head.iter().position(|b| !(is_token(*b) || *b == b' ')) {
        Some(at) => Some(at > 0 && head.get(at) == Some(&b':')),
        None if head.len() < LOOKAHEAD_BYTES && !eof => None,
        None => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(response: bool) -> BlockRules {
        BlockRules { max_line_bytes: 100, max_headers: 4, response }
    }

    fn read(data: &[u8], response: bool) -> (Vec<(String, String)>, Vec<Oddity>, Progress) {
        let mut headers = Headers::default();
        let mut seen = Vec::new();
        let mut reader = BlockReader::default();
        let p = reader.read(data, false, rules(response), &mut headers, &mut |o| seen.push(o));
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (headers.iter().map(|h| (text(&h.name), text(&h.value))).collect(), seen, p)
    }

    fn names(data: &[u8], response: bool) -> Vec<String> {
        read(data, response).0.into_iter().map(|(n, v)| format!("{n}={v}")).collect()
    }

    #[test]
    fn joins_folds_and_repeats() {
        assert_eq!(names(b"A: 1\r\nB: 2\r\n x\r\na: 3\r\n\r\n", false), ["A=1, 3", "B=2 x"]);
    }

    #[test]
    fn colon_and_name_oddities() {
        let (headers, seen, _) = read(b"Transfer\0-Encoding : x\r\nfoo\r\n: y\r\n\r\n", true);
        assert_eq!(headers[0].1, "x");
        assert_eq!(headers[1].1, "foo, y");
        assert_eq!(
            seen,
            [Oddity::InvalidName, Oddity::MissingColon, Oddity::InvalidName, Oddity::Repetition]
        );
        let mut h = Headers::default();
        h.push(b"Con\0tent-Length", b"5");
        assert_eq!(h.value(b"content-length"), Some(&b"5"[..]));
    }

    #[test]
    fn broken_ends_of_response_blocks() {
        for (block, body) in [
            (&b"A: 1\r\n\r\n"[..], &b"X@"[..]),
            (b"A: 1\n\n", b"X@"),
            (b"A: 1\r\r", b"X@"),
            (b"A: 1\n\r\r\n", b"X@:"),
            (b"A: 1\n \n", b"X@"),
            (b"A: 1\n\x0b\n\n", b"X@"),
            (b"A: 1\n\r\r\n\r\n", b"X@"),
            (b"A: 1\r\n \r\n\r\n", b"X@"),
        ] {
            let data = [block, body].concat();
            let (headers, _, p) = read(&data, true);
            assert_eq!(p, Progress { consumed: block.len(), ended: true }, "{block:?}");
            assert_eq!(headers.len(), 1);
        }
        assert_eq!(names(b"A: 1\r\n\r\r\r\nB: 2\r\n\r\n", true), ["A=1", "B=2"]);
        assert_eq!(names(b"A: 1\rB: 2\r\n\r\n", true), ["A=1", "B=2"]);
        assert_eq!(names(b"A: 1\r\n B: 2\r\n\r\n", true), ["A=1", "B=2"]);
        assert_eq!(names(b"A: 1\r\n B: 2\r\n\r\n", false), ["A=1 B: 2"]);
    }

    #[test]
    fn limits_hold() {
        let long = [b"A: ".to_vec(), vec![b'x'; 500]].concat();
        let (headers, seen, p) = read(&long, false);
        assert_eq!((headers.len(), seen, p.ended), (0, vec![Oddity::TooLong], false));
        let many: Vec<u8> =
            (0..9).flat_map(|i| format!("H{i}: x\r\n").into_bytes()).chain(*b"\r\n").collect();
        let (headers, seen, p) = read(&many, false);
        assert_eq!((headers.len(), seen.len(), p.ended), (4, 5, true));
        let rules = BlockRules { max_line_bytes: 20_000, max_headers: 1024, response: false };
        let big: Vec<u8> =
            (0..100).flat_map(|i| format!("H{i}: {}\r\n", "x".repeat(9000)).into_bytes()).collect();
        let mut kept = Headers::default();
        BlockReader::default().read(&big, false, rules, &mut kept, &mut |_| {});
        assert_eq!(kept.len(), 15);
    }
}
