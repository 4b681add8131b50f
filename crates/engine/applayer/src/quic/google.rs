//! Google QUIC's handshake messages, as far as their first packets show them in clear.

use crate::quic::header::Version;
use crate::reader::Reader;

/// A handshake message: its tags in order, with their values.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    pub tags: Vec<([u8; 4], Vec<u8>)>,
}

const MAX_TAGS: u16 = 128;

impl Message {
    /// The CHLO or REJ message in the STREAM frames of `frames`.
    #[must_use]
    pub fn find(frames: &[u8]) -> Option<Message> {
        let at = frames.windows(4).position(|w| w == b"CHLO")?;
        let mut r = Reader::at(frames, at + 4);
        let count = r.u16_le()?;
        r.u16_le()?;
        if count > MAX_TAGS {
            return None;
        }
        let mut ends = Vec::new();
        for _ in 0..count {
            ends.push((r.array::<4>()?, r.u32_le()?));
        }
        let values = r.rest();
        let mut from = 0usize;
        let mut message = Message::default();
        for (tag, end) in ends {
            let end = usize::try_from(end).ok()?;
            message.tags.push((tag, values.get(from..end).unwrap_or_default().to_vec()));
            from = end;
        }
        Some(message)
    }

    #[must_use]
    pub fn value(&self, tag: &[u8; 4]) -> Option<&[u8]> {
        self.tags.iter().find(|(t, _)| t == tag).map(|(_, v)| v.as_slice())
    }

    /// `46,PAD-SNI-…`: version and tags, the fingerprint named CYU.
    #[must_use]
    pub fn fingerprint(&self, version: Version) -> String {
        let digits: String = version
            .iter()
            .skip(1)
            .map(|b| char::from(*b))
            .collect::<String>()
            .trim_start_matches('0')
            .to_owned();
        let names: Vec<String> = self.tags.iter().map(|(tag, _)| tag_name(*tag)).collect();
        format!("{digits},{}", names.join("-"))
    }
}

fn tag_name(tag: [u8; 4]) -> String {
    tag.iter().filter(|b| **b != 0).map(|b| char::from(*b)).collect()
}
