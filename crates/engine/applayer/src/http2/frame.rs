//! Frames: cutting a direction's bytes into them (RFC 9113 4.1).
//!
//! DATA frames pass piece by piece; the others are held until they are whole, to a bound.

/// A frame other than DATA is held to this many bytes; its rest is dropped.
const MAX_HELD_BYTES: usize = 64 * 1024;
const HEADER_BYTES: usize = 9;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY_FRAME: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

/// The head of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Head {
    pub len: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Head> {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes.first_chunk::<HEADER_BYTES>()?;
        let len = u32::from_be_bytes([0, l0, l1, l2]);
        Some(Head {
            len: usize::try_from(len).unwrap_or(0),
            kind,
            flags,
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        })
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What comes out of the cutting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Body bytes of a stream, padding taken off.
    Data { stream: u32, bytes: &'a [u8], end: bool },
    /// A whole frame of another kind, padding taken off. `cut`: it was longer than is held.
    Frame { head: Head, payload: &'a [u8], cut: bool },
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    /// Within a DATA frame: bytes to come, the padding among them, and whether the padding
    /// length is still to be read.
    Data {
        left: usize,
        padding: usize,
        read_padding: bool,
    },
    Payload {
        left: usize,
    },
}

/// Cuts one direction into frames.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    state: State,
    head: Head,
    held: Vec<u8>,
    cut: bool,
}

impl Cutter {
    pub(super) fn push(&mut self, bytes: &[u8], emit: &mut dyn FnMut(Piece<'_>)) {
        let mut rest = bytes;
        loop {
            match self.state {
                State::Head => {
                    if rest.is_empty() {
                        return;
                    }
                    let take = HEADER_BYTES.saturating_sub(self.held.len()).min(rest.len());
                    let (now, later) = rest.split_at_checked(take).unwrap_or((rest, &[]));
                    self.held.extend_from_slice(now);
                    rest = later;
                    if let Some(head) = Head::parse(&self.held) {
                        self.begin(head);
                    }
                }
                State::Data { left, padding, read_padding } => {
                    let Some(later) = self.data(rest, left, padding, read_padding, emit) else { return };
                    rest = later;
                }
                State::Payload { left } => {
                    let take = left.min(rest.len());
                    let (now, later) = rest.split_at_checked(take).unwrap_or((rest, &[]));
                    let room = MAX_HELD_BYTES.saturating_sub(self.held.len());
                    self.cut |= now.len() > room;
                    self.held.extend(now.iter().take(room));
                    rest = later;
                    self.state = State::Payload { left: left - take };
                    if left > take {
                        return;
                    }
                    let payload = unpadded(&self.head, &self.held);
                    emit(Piece::Frame { head: self.head, payload, cut: self.cut });
                    self.reset();
                }
            }
        }
    }

    /// `len` bytes were lost. Gives the stream whose body they were, or `None` where cutting
    /// cannot go on.
    pub(super) fn gap(&mut self, len: u64) -> Option<u32> {
        match &mut self.state {
            State::Data { left, padding, read_padding: false } => {
                let len = usize::try_from(len).ok().filter(|l| l + *padding <= *left)?;
                *left -= len;
                Some(self.head.stream)
            }
            _ => None,
        }
    }

    fn begin(&mut self, head: Head) {
        self.head = head;
        self.held.clear();
        self.cut = false;
        self.state = if head.kind == DATA {
            State::Data { left: head.len, padding: 0, read_padding: head.has(PADDED) }
        } else {
            State::Payload { left: head.len }
        };
    }

    fn reset(&mut self) {
        self.state = State::Head;
        self.held.clear();
        if self.held.capacity() > MAX_HELD_BYTES / 4 {
            self.held = Vec::new();
        }
    }

    /// Gives what follows the frame; `None` for "more needed".
    fn data<'a>(
        &mut self,
        rest: &'a [u8],
        left: usize,
        padding: usize,
        read_padding: bool,
        emit: &mut dyn FnMut(Piece<'_>),
    ) -> Option<&'a [u8]> {
        if read_padding && left > 0 {
            let (pad, later) = rest.split_first()?;
            let padding = usize::from(*pad).min(left - 1);
            self.state = State::Data { left: left - 1, padding, read_padding: false };
            return Some(later);
        }
        let body = left.saturating_sub(padding);
        let take = if body > 0 { body } else { padding.min(left) }.min(rest.len());
        let (now, later) = rest.split_at_checked(take).unwrap_or((rest, &[]));
        let is_last = take == left;
        let (stream, end) = (self.head.stream, self.head.has(END_STREAM));
        let bytes = if body > 0 { now } else { &[] };
        let (left, padding) = (left - take, if body > 0 { padding } else { padding.saturating_sub(take) });
        if !bytes.is_empty() || (is_last && end) {
            emit(Piece::Data { stream, bytes, end: is_last && end });
        }
        if is_last {
            self.reset();
            return Some(later);
        }
        self.state = State::Data { left, padding, read_padding: false };
        (!later.is_empty()).then_some(later)
    }
}

/// The payload without padding (HEADERS and PUSH_PROMISE frames may have some).
fn unpadded<'a>(head: &Head, payload: &'a [u8]) -> &'a [u8] {
    if !(head.has(PADDED) && matches!(head.kind, HEADERS | PUSH_PROMISE)) {
        return payload;
    }
    let Some((padding, rest)) = payload.split_first() else { return payload };
    rest.get(..rest.len().saturating_sub(usize::from(*padding))).unwrap_or_default()
}
