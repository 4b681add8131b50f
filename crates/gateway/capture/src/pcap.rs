//! The classic pcap format: a header of 24 bytes, then records of 16 bytes plus the frame.

use std::io::Read;

use mimamori_base::Timestamp;

use crate::file::{CaptureError, Frame, MAX_FRAME_BYTES, Order, read_up_to};

pub(crate) struct Pcap<R> {
    source: R,
    order: Order,
    nanoseconds: bool,
    /// The modified format of old kernels: 8 more bytes a record.
    extra_header_bytes: usize,
    link_type: u32,
    frames: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Pcap<R> {
    /// `None` when the magic number is not one of this format.
    pub(crate) fn after_magic(magic: [u8; 4], mut source: R) -> Result<Option<Self>, CaptureError> {
        let (order, nanoseconds, extra) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, false, 0),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, false, 0),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, true, 0),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, true, 0),
            [0x34, 0xcd, 0xb2, 0xa1] => (Order::Little, false, 8),
            [0xa1, 0xb2, 0xcd, 0x34] => (Order::Big, false, 8),
            _ => return Ok(None),
        };
        let mut header = [0u8; 20];
        if read_up_to(&mut source, &mut header)? < header.len() {
            return Err(CaptureError::Truncated { frames_before: 0 });
        }
        // The upper bits may tell about a frame check sequence; the type is in the lower 28.
        let link_type = order.u32(&header, 16).unwrap_or_default() & 0x0fff_ffff;
        Ok(Some(Pcap {
            source,
            order,
            nanoseconds,
            extra_header_bytes: extra,
            link_type,
            frames: 0,
            buffer: Vec::new(),
        }))
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let mut header = [0u8; 24];
        let wanted = header.get_mut(..16 + self.extra_header_bytes).unwrap_or_default();
        let wanted_len = wanted.len();
        match read_up_to(&mut self.source, wanted)? {
            0 => return Ok(None),
            n if n < wanted_len => return Err(CaptureError::Truncated { frames_before: self.frames }),
            _ => {}
        }
        let field = |at| self.order.u32(&header, at).unwrap_or_default();
        let (secs, fraction, captured, original_len) = (field(0), field(4), field(8), field(12));
        let captured = usize::try_from(captured).unwrap_or(usize::MAX);
        if captured > MAX_FRAME_BYTES {
            return Err(CaptureError::Damaged {
                frames_before: self.frames,
                reason: "a frame is said to be larger than 1 MiB",
            });
        }
        self.buffer.resize(captured, 0);
        if read_up_to(&mut self.source, &mut self.buffer)? < captured {
            return Err(CaptureError::Truncated { frames_before: self.frames });
        }
        self.frames += 1;
        let micros = if self.nanoseconds { fraction / 1000 } else { fraction };
        let at = Timestamp(i64::from(secs) * 1_000_000 + i64::from(micros));
        Ok(Some(Frame { at, link_type: self.link_type, original_len, bytes: &self.buffer }))
    }
}
