//! Writes classic pcap: microseconds, little-endian, one link type a file.

use std::io::{self, Write};

use mimamori_base::Timestamp;

/// Writes frames as they come; flush is the caller's.
#[derive(Debug)]
pub struct PcapWriter<W> {
    out: W,
}

impl<W: Write> PcapWriter<W> {
    pub fn new(mut out: W, link_type: u32) -> io::Result<Self> {
        out.write_all(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0])?;
        out.write_all(&[0; 8])?;
        out.write_all(&262_144u32.to_le_bytes())?;
        out.write_all(&link_type.to_le_bytes())?;
        Ok(PcapWriter { out })
    }

    pub fn write(&mut self, at: Timestamp, frame: &[u8]) -> io::Result<()> {
        let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        let secs = u32::try_from(at.secs()).unwrap_or_default();
        let micros = u32::try_from(at.subsec_micros()).unwrap_or_default();
        for field in [secs, micros, len, len] {
            self.out.write_all(&field.to_le_bytes())?;
        }
        self.out.write_all(frame)
    }

    pub fn into_inner(self) -> W {
        self.out
    }
}
