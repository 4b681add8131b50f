//! A capture file of either format, read frame by frame.
//!
//! Holds always: memory is one frame; whatever stands before a damaged or cut place has been
//! handed out before the error is. Link types are passed through as numbers.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use mimamori_base::Timestamp;

use crate::pcap::Pcap;
use crate::pcapng::PcapNg;

/// Longest frame that is believed; more means the file is damaged.
pub(crate) const MAX_FRAME_BYTES: usize = 1 << 20;

/// Link types that the engine decodes (`LINKTYPE_*` of the tcpdump project).
pub mod link_type {
    pub const NULL: u32 = 0;
    pub const ETHERNET: u32 = 1;
    pub const RAW: u32 = 101;
    pub const LINUX_SLL: u32 = 113;
    pub const LINUX_SLL2: u32 = 276;
}

#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error("cannot read the capture: {0}")]
    Io(#[from] io::Error),
    #[error("this is not a pcap or pcapng file (it starts with {start})")]
    NotACapture { start: String },
    #[error("the file is compressed; unpack it first")]
    Compressed,
    #[error("the capture is cut off after {frames_before} frames; all of them were read")]
    Truncated { frames_before: u64 },
    #[error("the capture is damaged after {frames_before} frames: {reason}")]
    Damaged { frames_before: u64, reason: &'static str },
}

/// One captured frame; `bytes` may be fewer than `original_len` (snap length).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub at: Timestamp,
    pub link_type: u32,
    pub original_len: u32,
    pub bytes: &'a [u8],
}

enum Format<R> {
    Pcap(Pcap<R>),
    PcapNg(PcapNg<R>),
}

/// Reads pcap (both byte orders, microseconds and nanoseconds) and pcapng.
pub struct CaptureReader<R> {
    format: Format<R>,
}

impl CaptureReader<BufReader<File>> {
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::new(BufReader::with_capacity(256 << 10, File::open(path)?))
    }
}

impl<R: Read> CaptureReader<R> {
    pub fn new(mut source: R) -> Result<Self, CaptureError> {
        let mut magic = [0u8; 4];
        let got = read_up_to(&mut source, &mut magic)?;
        let start = magic.get(..got).unwrap_or_default();
        let format = match start {
            [0x0a, 0x0d, 0x0d, 0x0a] => Format::PcapNg(PcapNg::after_magic(source)?),
            [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] | [0xfd, b'7', ..] => {
                return Err(CaptureError::Compressed);
            }
            _ => match Pcap::after_magic(magic, source)? {
                Some(pcap) if got == 4 => Format::Pcap(pcap),
                _ => {
                    let start = start.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>();
                    let start = if start.is_empty() { "nothing".into() } else { start.join(" ") };
                    return Err(CaptureError::NotACapture { start });
                }
            },
        };
        Ok(CaptureReader { format })
    }

    /// The next frame; `None` at a clean end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        match &mut self.format {
            Format::Pcap(p) => p.next_frame(),
            Format::PcapNg(p) => p.next_frame(),
        }
    }
}

impl<R> std::fmt::Debug for CaptureReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match &self.format {
            Format::Pcap(_) => "pcap",
            Format::PcapNg(_) => "pcapng",
        };
        write!(f, "CaptureReader({name})")
    }
}

/// Fills as much of `out` as the source has; tells how much.
pub(crate) fn read_up_to(source: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|r| !r.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Byte order of a file or of a section of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let b = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self == Order::Little { u16::from_le_bytes(b) } else { u16::from_be_bytes(b) })
    }

    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let b = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if self == Order::Little { u32::from_le_bytes(b) } else { u32::from_be_bytes(b) })
    }
}
