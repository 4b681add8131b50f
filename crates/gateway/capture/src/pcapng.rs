//! pcapng: a chain of blocks in sections, each section with its own byte order and interfaces.

use std::io::Read;

use mimamori_base::Timestamp;

use crate::file::{CaptureError, Frame, MAX_FRAME_BYTES, Order, read_up_to};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// A block holds one frame and some options; longer means damage.
const MAX_BLOCK_BYTES: usize = MAX_FRAME_BYTES + (1 << 20);
const MAX_INTERFACES: usize = 4096;

#[derive(Clone, Copy)]
struct Interface {
    link_type: u32,
    snap_len: u32,
    ticks_per_second: u64,
    offset_seconds: i64,
}

pub(crate) struct PcapNg<R> {
    source: R,
    order: Order,
    interfaces: Vec<Interface>,
    frames: u64,
    block: Vec<u8>,
}

/// Where a frame lies inside the current block.
struct Found {
    interface: Interface,
    ticks: u64,
    captured: usize,
    original_len: u32,
    start: usize,
}

impl<R: Read> PcapNg<R> {
    /// The block type of the first section header has been read already.
    pub(crate) fn after_magic(source: R) -> Result<Self, CaptureError> {
        let mut reader =
            PcapNg { source, order: Order::Little, interfaces: Vec::new(), frames: 0, block: Vec::new() };
        reader.section_header()?;
        Ok(reader)
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let found = loop {
            let Some(kind) = self.next_block()? else { return Ok(None) };
            let found = match kind {
                INTERFACE => {
                    self.add_interface()?;
                    None
                }
                ENHANCED_PACKET => Some(self.enhanced_packet()),
                OLD_PACKET => Some(self.old_packet()),
                SIMPLE_PACKET => Some(self.simple_packet()),
                _ => None,
            };
            match found {
                None => {}
                Some(Some(found)) => break found,
                Some(None) => return Err(self.damaged("a packet block contradicts itself")),
            }
        };
        let end = found.start + found.captured;
        if self.block.len() < end {
            return Err(self.damaged("a frame is longer than its block"));
        }
        self.frames += 1;
        Ok(Some(Frame {
            at: to_time(found.ticks, found.interface),
            link_type: found.interface.link_type,
            original_len: found.original_len,
            bytes: self.block.get(found.start..end).unwrap_or_default(),
        }))
    }

    fn damaged(&self, reason: &'static str) -> CaptureError {
        CaptureError::Damaged { frames_before: self.frames, reason }
    }

    fn truncated(&self) -> CaptureError {
        CaptureError::Truncated { frames_before: self.frames }
    }

    fn fill(&mut self, len: usize) -> Result<(), CaptureError> {
        self.block.resize(len, 0);
        if read_up_to(&mut self.source, &mut self.block)? < len {
            return Err(self.truncated());
        }
        Ok(())
    }

    /// Reads the next block's body into `self.block`; section headers are handled here.
    fn next_block(&mut self) -> Result<Option<u32>, CaptureError> {
        let mut head = [0u8; 4];
        match read_up_to(&mut self.source, &mut head)? {
            0 => return Ok(None),
            4 => {}
            _ => return Err(self.truncated()),
        }
        let kind = self.order.u32(&head, 0).unwrap_or_default();
        if kind == SECTION_HEADER {
            self.section_header()?;
            return Ok(Some(kind));
        }
        let mut len = [0u8; 4];
        if read_up_to(&mut self.source, &mut len)? < 4 {
            return Err(self.truncated());
        }
        let total = self.order.u32(&len, 0).unwrap_or_default();
        self.body(total, 8)?;
        Ok(Some(kind))
    }

    /// Reads a block of `total` bytes of which `before` have been read, and cuts the trailer.
    fn body(&mut self, total: u32, before: usize) -> Result<(), CaptureError> {
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        if total < before + 4 || !total.is_multiple_of(4) || total > MAX_BLOCK_BYTES {
            return Err(self.damaged("a block has an impossible length"));
        }
        self.fill(total - before)?;
        self.block.truncate(total - before - 4);
        Ok(())
    }

    fn section_header(&mut self) -> Result<(), CaptureError> {
        let mut head = [0u8; 8];
        if read_up_to(&mut self.source, &mut head)? < 8 {
            return Err(self.truncated());
        }
        self.order = match head {
            [_, _, _, _, 0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
            [_, _, _, _, 0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
            _ => return Err(self.damaged("a section has no byte order mark")),
        };
        self.interfaces.clear();
        let total = self.order.u32(&head, 0).unwrap_or_default();
        self.body(total, 12)
    }

    fn add_interface(&mut self) -> Result<(), CaptureError> {
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(self.damaged("more than 4096 interfaces"));
        }
        let (Some(link_type), Some(snap_len)) =
            (self.order.u16(&self.block, 0), self.order.u32(&self.block, 4))
        else {
            return Err(self.damaged("an interface block is too short"));
        };
        let mut interface = Interface {
            link_type: u32::from(link_type),
            snap_len,
            ticks_per_second: 1_000_000,
            offset_seconds: 0,
        };
        let mut at = 8;
        while let (Some(code), Some(len)) =
            (self.order.u16(&self.block, at), self.order.u16(&self.block, at + 2))
        {
            let len = usize::from(len);
            let Some(value) = self.block.get(at + 4..at + 4 + len) else { break };
            match (code, value) {
                (0, _) => break,
                (9, [resolution, ..]) => interface.ticks_per_second = resolution_of(*resolution),
                (14, value) => {
                    let read = <[u8; 8]>::try_from(value).map(|v| match self.order {
                        Order::Little => i64::from_le_bytes(v),
                        Order::Big => i64::from_be_bytes(v),
                    });
                    interface.offset_seconds = read.unwrap_or(0);
                }
                _ => {}
            }
            at += 4 + len.next_multiple_of(4);
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn interface(&self, id: u32) -> Option<Interface> {
        self.interfaces.get(usize::try_from(id).ok()?).copied()
    }

    fn enhanced_packet(&self) -> Option<Found> {
        let field = |at| self.order.u32(&self.block, at);
        Some(Found {
            interface: self.interface(field(0)?)?,
            ticks: (u64::from(field(4)?) << 32) | u64::from(field(8)?),
            captured: usize::try_from(field(12)?).ok()?,
            original_len: field(16)?,
            start: 20,
        })
    }

    fn old_packet(&self) -> Option<Found> {
        let field = |at| self.order.u32(&self.block, at);
        Some(Found {
            interface: self.interface(u32::from(self.order.u16(&self.block, 0)?))?,
            ticks: (u64::from(field(4)?) << 32) | u64::from(field(8)?),
            captured: usize::try_from(field(12)?).ok()?,
            original_len: field(16)?,
            start: 20,
        })
    }

    /// No time and no captured length of its own: the epoch, and what fits.
    fn simple_packet(&self) -> Option<Found> {
        let interface = self.interface(0)?;
        let original_len = self.order.u32(&self.block, 0)?;
        let limit = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
        let captured = usize::try_from(original_len.min(limit)).ok()?;
        Some(Found {
            interface,
            ticks: 0,
            captured: captured.min(self.block.len().saturating_sub(4)),
            original_len,
            start: 4,
        })
    }
}

fn resolution_of(code: u8) -> u64 {
    let exponent = u32::from(code & 0x7f);
    let base: u64 = if code & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(exponent).unwrap_or(1_000_000)
}

fn to_time(ticks: u64, interface: Interface) -> Timestamp {
    let micros = u128::from(ticks) * 1_000_000 / u128::from(interface.ticks_per_second.max(1));
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    Timestamp(micros.saturating_add(interface.offset_seconds.saturating_mul(1_000_000)))
}
