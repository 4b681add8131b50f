//! Numbers in buffers: reading, byte_test, byte_jump.

use mimamori_rules::{ByteBase, ByteJump, ByteTest, ByteValue, Endian, JumpFrom, TestOp, Value};

use super::context::EvalContext;

/// Digits that are read when the rule does not say how many.
const MAX_DIGITS: usize = 23;

/// How a number stands in a buffer.
#[derive(Clone, Copy)]
pub struct Layout {
    pub nbytes: usize,
    pub offset: i64,
    pub relative: bool,
    pub endian: Endian,
    pub base: ByteBase,
}

/// A number that was read, and the place behind it.
pub struct Reading {
    pub value: u64,
    pub end: usize,
}

/// Reads the number that `layout` describes, when it lies in the buffer.
pub fn read(layout: Layout, buffer: &[u8], anchor: usize, dce_little: bool) -> Option<Reading> {
    let base = if layout.relative { i64::try_from(anchor).ok()? } else { 0 };
    let start = usize::try_from(base.checked_add(layout.offset)?).ok()?;
    let rest = buffer.get(start..)?;
    let bytes = match (layout.nbytes, layout.base) {
        (0, ByteBase::Binary) => return Some(Reading { value: 0, end: start }),
        _ if rest.is_empty() => return None,
        (0, _) => rest.get(..MAX_DIGITS.min(rest.len()))?,
        (n, _) => rest.get(..n)?,
    };
    let (value, used) = if layout.base == ByteBase::Binary {
        let little = match layout.endian {
            Endian::Big => false,
            Endian::Little => true,
            Endian::Dce => dce_little,
        };
        (binary(bytes, little)?, bytes.len())
    } else {
        digits(bytes, layout.base)?
    };
    Some(Reading { value, end: start + used })
}

fn binary(bytes: &[u8], little: bool) -> Option<u64> {
    if bytes.len() > 8 {
        return None;
    }
    let add = |acc: u64, b: &u8| acc << 8 | u64::from(*b);
    Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
}

/// Text digits after blanks and a sign, as C's `strtoul` reads them; value and bytes used.
fn digits(bytes: &[u8], base: ByteBase) -> Option<(u64, usize)> {
    let blanks = bytes.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0x0b).count();
    let mut at = blanks;
    let negative = bytes.get(at) == Some(&b'-');
    if negative || bytes.get(at) == Some(&b'+') {
        at += 1;
    }
    let hex_prefix = matches!(bytes.get(at..at + 2), Some([b'0', b'x' | b'X']));
    let radix = match base {
        ByteBase::Hex => 16,
        ByteBase::Dec => 10,
        ByteBase::Oct => 8,
        ByteBase::Auto if hex_prefix => 16,
        ByteBase::Auto if bytes.get(at) == Some(&b'0') => 8,
        ByteBase::Auto | ByteBase::Binary => 10,
    };
    if radix == 16 && hex_prefix {
        at += 2;
    }
    let mut value: u64 = 0;
    let first = at;
    while let Some(d) = bytes.get(at).and_then(|b| char::from(*b).to_digit(radix)) {
        value = value.checked_mul(u64::from(radix))?.checked_add(u64::from(d))?;
        at += 1;
    }
    if at == first {
        return None;
    }
    Some((if negative { value.wrapping_neg() } else { value }, at))
}

pub fn masked(value: u64, bitmask: Option<u32>) -> u64 {
    match bitmask {
        Some(m) => (value & u64::from(m)) >> m.trailing_zeros().min(31),
        None => value,
    }
}

/// A count of bytes that may come from a variable.
pub fn count(v: Value, ctx: &EvalContext<'_>) -> Option<usize> {
    usize::try_from(ctx.value(v)).ok().filter(|n| *n <= 64)
}

pub fn test(t: &ByteTest, buffer: &[u8], anchor: usize, ctx: &EvalContext<'_>) -> bool {
    let Some(nbytes) = count(t.nbytes, ctx) else {
        return false;
    };
    if nbytes == 0 && t.base == ByteBase::Binary {
        return false;
    }
    let layout =
        Layout { nbytes, offset: ctx.value(t.offset), relative: t.relative, endian: t.endian, base: t.base };
    let Some(reading) = read(layout, buffer, anchor, ctx.dce_little) else {
        return false;
    };
    let have = masked(reading.value, t.bitmask);
    let want = match t.value {
        ByteValue::Const(n) => n,
        ByteValue::Var(id) => ctx.var(id),
    };
    let holds = match t.op {
        TestOp::Lt => have < want,
        TestOp::Gt => have > want,
        TestOp::Eq => have == want,
        TestOp::Le => have <= want,
        TestOp::Ge => have >= want,
        TestOp::And => have & want != 0,
        TestOp::Or => have ^ want != 0,
    };
    holds != t.negated
}

/// The new anchor, when the jump stays in the buffer.
pub fn jump(j: &ByteJump, buffer: &[u8], anchor: usize, ctx: &EvalContext<'_>) -> Option<usize> {
    let layout = Layout {
        nbytes: count(j.nbytes, ctx)?,
        offset: ctx.value(j.offset),
        relative: j.relative,
        endian: j.endian,
        base: j.base,
    };
    let reading = read(layout, buffer, anchor, ctx.dce_little)?;
    let mut value = masked(reading.value, j.bitmask).wrapping_mul(u64::from(j.multiplier));
    if j.align && value % 4 != 0 {
        value = value.wrapping_add(4 - value % 4);
    }
    let value = value.cast_signed().wrapping_add(ctx.value(j.post_offset));
    let from = match j.from {
        JumpFrom::Here => reading.end,
        JumpFrom::Beginning => 0,
        JumpFrom::End => buffer.len(),
    };
    let target = i64::try_from(from).ok()?.checked_add(value)?;
    usize::try_from(target).ok().filter(|t| *t < buffer.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], base: ByteBase) -> Option<(u64, usize)> {
        digits(bytes, base)
    }

    #[test]
    fn digits_are_read_as_the_field_reads_them() {
        assert_eq!(text(b" 12ab", ByteBase::Dec), Some((12, 3)));
        assert_eq!(text(b"0x1Fg", ByteBase::Hex), Some((31, 4)));
        assert_eq!(text(b"017", ByteBase::Auto), Some((15, 3)));
        assert_eq!(text(b"0x17", ByteBase::Auto), Some((23, 4)));
        assert_eq!(text(b"x", ByteBase::Dec), None);
        assert_eq!(text(b"99999999999999999999999", ByteBase::Dec), None);
    }

    #[test]
    fn masks_shift_to_their_lowest_bit() {
        assert_eq!(masked(0xabcd, Some(0xf0)), 0xc);
        assert_eq!(masked(0xabcd, None), 0xabcd);
    }
}
