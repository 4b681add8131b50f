//! SCTP chunks (RFC 9260 section 3.2).

use crate::reader::be16;

/// One chunk of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SctpChunk<'a> {
    pub kind: u8,
    pub flags: u8,
    /// What is there of the value: a chunk that claims more than the packet has ends with it.
    pub value: &'a [u8],
}

/// Chunks looked at in one packet, at most.
pub const MAX_SCTP_CHUNKS: usize = 256;

/// The chunks of what follows the common header. Ends at the first that has no length.
pub fn sctp_chunks(bytes: &[u8]) -> impl Iterator<Item = SctpChunk<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&[kind, flags, ..], len) = (rest.first_chunk::<4>()?, usize::from(be16(rest, 2)?));
        if len < 4 {
            return None;
        }
        let end = len.min(rest.len());
        let value = rest.get(4..end)?;
        // Each chunk is filled up to four bytes.
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(SctpChunk { kind, flags, value })
    })
    .take(MAX_SCTP_CHUNKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_one_another() {
        let bytes = [1, 0, 0, 5, 9, 0, 0, 0, 14, 1, 0, 4, 0, 0, 0, 9, 7];
        let found: Vec<_> = sctp_chunks(&bytes).map(|c| (c.kind, c.flags, c.value.to_vec())).collect();
        assert_eq!(found, [(1, 0, vec![9]), (14, 1, vec![]), (0, 0, vec![7])]);
        assert_eq!(sctp_chunks(&[1, 0, 0, 3]).count(), 0);
        assert_eq!(sctp_chunks(&[0, 0, 0, 4].repeat(300)).count(), MAX_SCTP_CHUNKS);
    }
}
