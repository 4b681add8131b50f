//! Arithmetic of sequence numbers, which wrap (RFC 9293 section 3.4).

/// `a < b` on the circle of 32 bits.
pub(crate) fn lt(a: u32, b: u32) -> bool {
    a != b && b.wrapping_sub(a) < 0x8000_0000
}

/// `a <= b`.
pub(crate) fn le(a: u32, b: u32) -> bool {
    !lt(b, a)
}

/// The later of the two.
pub(crate) fn max(a: u32, b: u32) -> u32 {
    if lt(a, b) { b } else { a }
}

/// Signed distance from `a` to `b`.
pub(crate) fn distance(a: u32, b: u32) -> i64 {
    i64::from(b.wrapping_sub(a).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_wraps() {
        assert!(lt(0xffff_fff0, 5));
        assert!(!lt(5, 0xffff_fff0));
        assert!(le(7, 7));
        assert_eq!(max(0xffff_ffff, 1), 1);
        assert_eq!(distance(1, 0xffff_ffff), -2);
    }
}
