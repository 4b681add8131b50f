//! The fragments of one packet.

use mimamori_base::Timestamp;

use super::Joined;
use crate::packet::{FragmentInfo, Network, Packet};

/// What keeping a fragment costs beside its bytes.
pub(super) const PIECE_COST: usize = 64;

#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) serial: u64,
    pub(super) since: Timestamp,
    /// Sorted by offset, never overlapping.
    fragments: Vec<Piece>,
    /// Link and network header of the fragment at offset zero.
    head: Option<Head>,
    /// Length of the whole payload, once the last fragment was seen.
    total: Option<usize>,
    /// Contradictory (RFC 5722): never completes.
    poisoned: bool,
    pub(super) held_bytes: usize,
}

#[derive(Debug)]
struct Piece {
    offset: usize,
    data: Box<[u8]>,
}

#[derive(Debug)]
struct Head {
    bytes: Box<[u8]>,
    network_offset: usize,
    protocol: u8,
    /// Where the byte stands that names the protocol after the fragment header (IPv6).
    protocol_at: usize,
}

impl Tracker {
    pub(super) fn new(since: Timestamp, serial: u64) -> Self {
        Tracker {
            serial,
            since,
            fragments: Vec::new(),
            head: None,
            total: None,
            poisoned: false,
            held_bytes: 0,
        }
    }

    /// Keeps what is new of `data`. True when it overlaps what is there.
    pub(super) fn insert(
        &mut self,
        packet: &Packet<'_>,
        fragment: &FragmentInfo,
        data: &[u8],
        is_ipv6: bool,
    ) -> bool {
        let begin = usize::from(fragment.offset);
        let end = begin + data.len();
        let last_end = self.fragments.last().map_or(0, |p| p.offset + p.data.len());
        let contradicts = match self.total {
            Some(total) => end > total || (!fragment.more && end != total),
            None => !fragment.more && last_end > end,
        };
        if contradicts {
            self.poisoned |= is_ipv6;
            return true;
        }
        if !fragment.more {
            self.total = Some(end);
        }
        if begin == 0 && self.head.is_none() {
            self.head = Some(Head::of(packet, fragment));
        }
        let mut overlap = false;
        let mut at = begin;
        let mut index = self.fragments.partition_point(|p| p.offset + p.data.len() <= begin);
        while at < end {
            let next = self.fragments.get(index).map(|p| (p.offset, p.offset + p.data.len()));
            let stop = next.map_or(end, |(o, _)| o.min(end));
            if at < stop {
                self.add(index, at, data.get(at - begin..stop - begin).unwrap_or(&[]));
                index += 1;
            }
            match next {
                Some((o, e)) if o < end => {
                    overlap = true;
                    at = e;
                    index += 1;
                }
                _ => break,
            }
        }
        if overlap && is_ipv6 {
            self.poisoned = true;
        }
        overlap
    }

    fn add(&mut self, index: usize, offset: usize, data: &[u8]) {
        self.held_bytes += data.len() + PIECE_COST;
        let piece = Piece { offset, data: data.into() };
        self.fragments.insert(index.min(self.fragments.len()), piece);
    }

    pub(super) fn is_complete(&self) -> bool {
        let (Some(total), Some(_), false) = (self.total, &self.head, self.poisoned) else {
            return false;
        };
        let mut at = 0;
        for piece in &self.fragments {
            if piece.offset != at {
                return false;
            }
            at += piece.data.len();
        }
        at == total
    }

    pub(super) fn join(self, is_ipv6: bool) -> Option<Joined> {
        let head = self.head?;
        let network_offset = head.network_offset;
        let payload_len: usize = self.fragments.iter().map(|p| p.data.len()).sum();
        let network_len = head.bytes.len().saturating_sub(network_offset) + payload_len;
        let mut bytes = head.bytes.into_vec();
        if is_ipv6 {
            let len = u16::try_from(network_len.checked_sub(40)?).ok()?;
            write(&mut bytes, network_offset + 4, &len.to_be_bytes())?;
            write(&mut bytes, head.protocol_at, &[head.protocol])?;
        } else {
            let len = u16::try_from(network_len).ok()?;
            write(&mut bytes, network_offset + 2, &len.to_be_bytes())?;
            write(&mut bytes, network_offset + 6, &[0, 0])?;
            write(&mut bytes, network_offset + 10, &[0, 0])?;
            let sum = crate::checksum::of(bytes.get(network_offset..)?);
            write(&mut bytes, network_offset + 10, &sum.to_be_bytes())?;
        }
        for piece in &self.fragments {
            bytes.extend_from_slice(&piece.data);
        }
        Some(Joined { bytes, network_offset, is_ipv6 })
    }
}

impl Head {
    /// Everything before the fragment's data, without the fragment header.
    fn of(packet: &Packet<'_>, fragment: &FragmentInfo) -> Head {
        let network_offset = packet.network_offset;
        let (end, protocol_at) = match &packet.network {
            Network::Ipv6(v) => {
                let at = usize::from(v.fragment_header_offset.unwrap_or(40));
                let before = v.extensions.get(..at.saturating_sub(40)).unwrap_or(&[]);
                (network_offset + at, network_offset + last_next_header(v.next_header(), before))
            }
            _ => (packet.payload_offset, 0),
        };
        Head {
            bytes: packet.data.get(..end).unwrap_or(&[]).into(),
            network_offset,
            protocol: fragment.protocol,
            protocol_at,
        }
    }
}

/// Where, from the IPv6 header on, the last header before the fragment header names its successor.
fn last_next_header(first: u8, before: &[u8]) -> usize {
    let mut named_at = 6;
    let mut kind = first;
    let mut at = 0;
    while let (Some(next), Some(len)) = (before.get(at), before.get(at + 1)) {
        named_at = 40 + at;
        at += match kind {
            51 => (usize::from(*len) + 2) * 4,
            _ => (usize::from(*len) + 1) * 8,
        };
        kind = *next;
    }
    named_at
}

fn write(bytes: &mut [u8], at: usize, new: &[u8]) -> Option<()> {
    bytes.get_mut(at..at + new.len())?.copy_from_slice(new);
    Some(())
}
