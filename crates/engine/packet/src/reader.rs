//! Checked reading of numbers.

/// Big-endian `u16` at `at`.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..).and_then(|b| b.first_chunk::<2>()).map(|b| u16::from_be_bytes(*b))
}

/// Big-endian `u32` at `at`.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..).and_then(|b| b.first_chunk::<4>()).map(|b| u32::from_be_bytes(*b))
}
