//! Raw deflate in messages that share a dictionary (RFC 7692).

use flate2::{Decompress, FlushDecompress, Status};

/// What ends a message and is left out on the wire.
const FLUSH: [u8; 4] = [0, 0, 0xff, 0xff];
const CHUNK: usize = 8 * 1024;

/// Undoes deflate message by message.
pub struct MessageInflate(Decompress);

impl std::fmt::Debug for MessageInflate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageInflate")
    }
}

impl Default for MessageInflate {
    fn default() -> Self {
        MessageInflate(Decompress::new(false))
    }
}

impl MessageInflate {
    /// The message as it was, cut at `max_bytes`; `None` where it is broken. After a broken or
    /// cut message the dictionary is gone, and with it what later messages refer to.
    pub fn message(&mut self, message: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let whole = self.run(message, max_bytes, &mut out)? && self.run(&FLUSH, max_bytes, &mut out)?;
        if !whole {
            self.0.reset(false);
        }
        Some(out)
    }

    /// Whether all of `input` was used.
    fn run(&mut self, mut input: &[u8], max_bytes: usize, out: &mut Vec<u8>) -> Option<bool> {
        let mut chunk = [0; CHUNK];
        loop {
            let (before_in, before_out) = (self.0.total_in(), self.0.total_out());
            let status = match self.0.decompress(input, &mut chunk, FlushDecompress::Sync) {
                Ok(status) => status,
                Err(_) => {
                    self.0.reset(false);
                    return None;
                }
            };
            let used = usize::try_from(self.0.total_in() - before_in).unwrap_or(usize::MAX);
            let made = usize::try_from(self.0.total_out() - before_out).unwrap_or(usize::MAX);
            let room = max_bytes.saturating_sub(out.len());
            out.extend_from_slice(chunk.get(..made.min(room)).unwrap_or_default());
            input = input.get(used..).unwrap_or_default();
            if made > room {
                return Some(false);
            }
            match status {
                // A final block: the next message begins a stream of its own.
                Status::StreamEnd => {
                    self.0.reset(false);
                    return Some(true);
                }
                _ if input.is_empty() && made < CHUNK => return Some(true),
                _ if used == 0 && made == 0 => return Some(true),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_refer_to_earlier_ones() {
        let mut inflate = MessageInflate::default();
        // RFC 7692 7.2.3.2.
        assert_eq!(inflate.message(b"\xf2\x48\xcd\xc9\xc9\x07\x00", 99).unwrap(), b"Hello");
        assert_eq!(inflate.message(b"\xf2\x00\x11\x00\x00", 99).unwrap(), b"Hello");
        assert_eq!(inflate.message(b"\xf2\x48\xcd\xc9\xc9\x07\x00", 3).unwrap(), b"Hel");
        assert_eq!(inflate.message(b"\xff\xff\xff", 99), None);
        assert_eq!(inflate.message(b"\xf2\x48\xcd\xc9\xc9\x07\x00", 99).unwrap(), b"Hello");
    }

    proptest! {
        #[test]
        fn never_panics_and_holds_its_limit(all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..5)) {
            let mut inflate = MessageInflate::default();
            for message in all {
                prop_assert!(inflate.message(&message, 100).is_none_or(|m| m.len() <= 100));
            }
        }
    }
}
