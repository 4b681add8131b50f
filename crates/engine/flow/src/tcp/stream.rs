//! The bytes of one direction, in order.

/// A piece of a stream for the application layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chunk<'a> {
    /// The next bytes; `offset` is the stream offset of the first.
    Data { offset: u64, bytes: &'a [u8] },
    /// So many bytes were acknowledged but never seen.
    Gap { offset: u64, len: u64 },
    /// The depth is reached: no more bytes will come.
    DepthReached,
    /// The side has ended its stream (FIN, RST, or the flow ended).
    End,
}

/// One direction of a session.
#[derive(Debug, Default)]
pub struct Stream {
    raw_progress: u64,
}

impl Stream {
    /// The next chunk for the application layer, once.
    pub fn next_chunk(&mut self) -> Option<Chunk<'_>> {
        None
    }

    /// Bytes in order and released, from stream offset `from` (or where the kept bytes begin, if
    /// later): the offset of the first byte, and the bytes.
    #[must_use]
    pub fn window(&self, from: u64) -> (u64, &[u8]) {
        (from, &[])
    }

    /// Offset just after the last released byte.
    #[must_use]
    pub fn released(&self) -> u64 {
        0
    }

    /// Offset up to which rules have looked at the raw stream.
    #[must_use]
    pub fn raw_progress(&self) -> u64 {
        self.raw_progress
    }

    /// Rules have looked at everything before `offset`; the bytes need not be kept for them.
    pub fn set_raw_progress(&mut self, offset: u64) {
        self.raw_progress = offset;
    }

    /// Rules will not look at the raw stream any more.
    pub fn disable_raw(&mut self) {}

    /// The application layer wants no more bytes (parser failed, flow encrypted …).
    pub fn disable_app(&mut self) {}

    /// Neither wants more bytes: nothing is kept from now on.
    pub fn disable(&mut self) {
        self.disable_raw();
        self.disable_app();
    }

    #[must_use]
    pub fn depth_reached(&self) -> bool {
        false
    }

    /// The side has ended its stream, and all before the end was released.
    #[must_use]
    pub fn ended(&self) -> bool {
        false
    }

    /// Bytes sent so far by sequence numbers, acknowledged or not (the `stream_size` keyword).
    #[must_use]
    pub fn size(&self) -> u64 {
        0
    }

    /// Whether bytes are missing for good.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        false
    }
}
