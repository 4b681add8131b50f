//! Multipart bodies (RFC 7578): the files within.
//!
//! Reads piece by piece. What it cannot read becomes an event; the bytes of a part are given
//! out as soon as they cannot be the begin of a boundary.

use super::disposition::file_name;
use super::line::{starts_with_nocase, trim_blank};

/// Longest boundary taken (RFC 2046 allows 70).
const MAX_BOUNDARY_BYTES: usize = 200;
/// Longest header block of a part.
const MAX_PART_HEADER_BYTES: usize = 16 * 1024;

/// What comes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece<'a> {
    FileBegins(Vec<u8>),
    FileBytes(&'a [u8]),
    FileEnds {
        whole: bool,
    },
    /// Part headers that are none.
    InvalidHeader,
    /// The part carries neither file nor form data.
    NoFileData,
    /// Beyond repair.
    Broken,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// After a boundary: the rest of its line.
    BoundaryLine,
    PartHeaders,
    PartData {
        is_file: bool,
    },
    Epilogue,
}

/// Takes a multipart body apart.
#[derive(Clone, Debug)]
pub(crate) struct Multipart {
    /// `--boundary`
    boundary: Vec<u8>,
    state: State,
    held: Vec<u8>,
}

impl Multipart {
    /// `boundary` as the Content-Type gives it.
    pub(crate) fn new(boundary: &[u8]) -> Option<Self> {
        if boundary.is_empty() || boundary.len() > MAX_BOUNDARY_BYTES {
            return None;
        }
        let boundary = [b"--", boundary].concat();
        Some(Multipart { boundary, state: State::Preamble, held: Vec::new() })
    }

    /// Reads the next bytes of the body.
    pub(crate) fn push(&mut self, bytes: &[u8], emit: &mut dyn FnMut(Piece<'_>)) {
        let mut data = std::mem::take(&mut self.held);
        data.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(rest) = data.get(at..) {
            let used = self.step(rest, emit);
            if used == 0 {
                break;
            }
            at += used;
        }
        self.held = data.split_off(at.min(data.len()));
    }

    /// The body has ended.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(Piece<'_>)) {
        if let State::PartData { is_file: true } = self.state {
            if !self.held.is_empty() {
                emit(Piece::FileBytes(&self.held));
            }
            emit(Piece::FileEnds { whole: false });
        }
        self.held.clear();
        self.state = State::Epilogue;
    }

    /// One step; gives the bytes used, 0 for "more needed".
    fn step(&mut self, data: &[u8], emit: &mut dyn FnMut(Piece<'_>)) -> usize {
        match self.state {
            State::Preamble => self.preamble(data),
            State::BoundaryLine => self.boundary_line(data),
            State::PartHeaders => self.part_headers(data, emit),
            State::PartData { is_file } => self.part_data(data, is_file, emit),
            State::Epilogue => data.len(),
        }
    }

    fn preamble(&mut self, data: &[u8]) -> usize {
        match memchr::memmem::find(data, &self.boundary) {
            Some(at) => {
                self.state = State::BoundaryLine;
                at + self.boundary.len()
            }
            None => data.len().saturating_sub(self.boundary.len()),
        }
    }

    fn boundary_line(&mut self, data: &[u8]) -> usize {
        match data {
            [b'-', b'-', ..] => {
                self.state = State::Epilogue;
                data.len()
            }
            [] | [b'-'] => 0,
            _ => match memchr::memchr(b'\n', data) {
                Some(at) => {
                    self.state = State::PartHeaders;
                    at + 1
                }
                None if data.len() > MAX_PART_HEADER_BYTES => data.len(),
                None => 0,
            },
        }
    }

    fn part_headers(&mut self, data: &[u8], emit: &mut dyn FnMut(Piece<'_>)) -> usize {
        let Some((block, used)) = header_block(data) else {
            if data.len() > MAX_PART_HEADER_BYTES {
                emit(Piece::Broken);
                self.state = State::Epilogue;
                return data.len();
            }
            return 0;
        };
        let mut disposition = None;
        for line in block.split(|b| *b == b'\n') {
            let line = trim_blank(line);
            if line.is_empty() {
                continue;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else {
                emit(Piece::InvalidHeader);
                continue;
            };
            if starts_with_nocase(line, b"content-disposition") {
                disposition = line.get(colon + 1..);
            }
        }
        let name = disposition.and_then(file_name);
        if disposition.is_none() {
            emit(Piece::NoFileData);
        }
        self.state = State::PartData { is_file: name.is_some() };
        if let Some(name) = name {
            emit(Piece::FileBegins(name));
        }
        used
    }

    fn part_data(&mut self, data: &[u8], is_file: bool, emit: &mut dyn FnMut(Piece<'_>)) -> usize {
        // The line end before a boundary belongs to the boundary.
        if let Some(at) = memchr::memmem::find(data, &self.boundary) {
            let content = data.get(..at).unwrap_or_default();
            let content = content.strip_suffix(b"\n").unwrap_or(content);
            let content = content.strip_suffix(b"\r").unwrap_or(content);
            if is_file {
                if !content.is_empty() {
                    emit(Piece::FileBytes(content));
                }
                emit(Piece::FileEnds { whole: true });
            }
            self.state = State::BoundaryLine;
            return at + self.boundary.len();
        }
        let keep = self.boundary.len() + 2;
        let safe = data.len().saturating_sub(keep);
        if is_file && safe > 0 {
            emit(Piece::FileBytes(data.get(..safe).unwrap_or_default()));
        }
        safe
    }
}

/// A part's header block and its length with the empty line that ends it.
fn header_block(data: &[u8]) -> Option<(&[u8], usize)> {
    let mut at = 0;
    loop {
        let rest = data.get(at..)?;
        let end = memchr::memchr(b'\n', rest)?;
        if rest.get(..end)?.iter().all(|b| *b == b'\r') {
            return Some((data.get(..at)?, at + end + 1));
        }
        at += end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n\
        --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"one.txt\"\r\n\
        Content-Type: text/plain\r\n\r\nfirst\r\n--y not a boundary\r\n--x\r\n\
        Content-Disposition: form-data; filename=two.bin\r\n\r\n\r\n--x--\r\nepilogue";

    fn run(pieces: &[&[u8]]) -> Vec<String> {
        let mut m = Multipart::new(b"x").unwrap();
        let mut out: Vec<String> = Vec::new();
        let mut emit = |p: Piece<'_>| match p {
            Piece::FileBytes(b) => {
                let text = String::from_utf8_lossy(b).into_owned();
                match out.last_mut() {
                    Some(last) if last.starts_with("bytes ") => last.push_str(&text),
                    _ => out.push(format!("bytes {text}")),
                }
            }
            other => out.push(format!("{other:?}")),
        };
        for p in pieces {
            m.push(p, &mut emit);
        }
        m.finish(&mut emit);
        out
    }

    #[test]
    fn files_within() {
        let name = |n: &str| format!("{:?}", Piece::FileBegins(n.into()));
        let ends = format!("{:?}", Piece::FileEnds { whole: true });
        assert_eq!(
            run(&[BODY]),
            [
                name("one.txt"),
                "bytes first\r\n--y not a boundary".into(),
                ends.clone(),
                name("two.bin"),
                ends
            ]
        );
    }

    #[test]
    fn cut_short() {
        let at = BODY.windows(5).position(|w| w == b"first").unwrap() + 3;
        let out = run(&[&BODY[..at]]);
        assert_eq!(out[1], "bytes fir");
        assert_eq!(out[2], format!("{:?}", Piece::FileEnds { whole: false }));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(cuts in proptest::collection::vec(0..BODY.len(), 0..10)) {
            let mut cuts = cuts;
            cuts.extend([0, BODY.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &BODY[w[0]..w[1]]).collect();
            prop_assert_eq!(run(&pieces), run(&[BODY]));
        }

        #[test]
        fn no_input_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            run(&[&body]);
        }
    }
}
