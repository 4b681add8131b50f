//! Checksums that the kernel left to the hardware, completed so that inspection sees them whole.

/// Where a partial checksum lies: it covers `start..` and stands at `start + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partial {
    pub start: usize,
    pub offset: usize,
}

impl Partial {
    /// Completes the checksum in place; gives back the two bytes that stood there.
    pub(crate) fn complete(self, frame: &mut [u8]) -> Option<[u8; 2]> {
        let sum = ones_complement_sum(frame.get(self.start..)?);
        let place = frame.get_mut(self.start + self.offset..self.start + self.offset + 2)?;
        let before = <[u8; 2]>::try_from(&*place).ok()?;
        // Zero means "no checksum" in UDP, so its other form is sent.
        let value = if sum == 0xffff { 0xffff } else { !sum };
        place.copy_from_slice(&value.to_be_bytes());
        Some(before)
    }

    /// Puts back what [`Partial::complete`] replaced.
    pub(crate) fn restore(self, frame: &mut [u8], before: [u8; 2]) {
        if let Some(place) = frame.get_mut(self.start + self.offset..self.start + self.offset + 2) {
            place.copy_from_slice(&before);
        }
    }
}

/// Sum of big-endian 16-bit words with the carries added back, eight bytes at a time.
fn ones_complement_sum(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut sum: u64 = 0;
    let mut carries: u64 = 0;
    for word in words {
        let (next, carry) = sum.overflowing_add(u64::from_be_bytes(*word));
        sum = next;
        carries += u64::from(carry);
    }
    let mut tail = [0u8; 8];
    for (to, from) in tail.iter_mut().zip(rest) {
        *to = *from;
    }
    let total = u128::from(sum) + u128::from(carries) + u128::from(u64::from_be_bytes(tail));
    fold(total)
}

fn fold(mut sum: u128) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    proptest! {
        #[test]
        fn the_fast_sum_is_the_slow_one(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (a, b) = (ones_complement_sum(&bytes), slow(&bytes));
            // Zero has two forms.
            prop_assert!(a == b || (a % 0xffff == 0 && b % 0xffff == 0));
        }
    }

    #[test]
    fn a_completed_segment_sums_up_and_can_be_taken_back() {
        // The pseudo-header's sum stands in the field, as the kernel leaves it.
        let mut frame = vec![0xee; 14];
        frame.extend([0x12, 0x34, 0x56, 0x78, 0xab, 0xcd, 1, 2, 3]);
        let before = frame.clone();
        let partial = Partial { start: 14, offset: 4 };
        let saved = partial.complete(&mut frame).unwrap();
        // A receiver adds the pseudo-header (0xabcd here) to what it got, and finds all ones.
        let mut seen = frame[14..].to_vec();
        seen.extend([0, 0xab, 0xcd]);
        assert_eq!(ones_complement_sum(&seen), 0xffff);
        partial.restore(&mut frame, saved);
        assert_eq!(frame, before);
        assert!(Partial { start: 30, offset: 0 }.complete(&mut frame).is_none());
    }
}
