//! byte_extract and byte_math: numbers into variables.

use mimamori_rules::{ByteExtract, ByteMath, MathOp};

use super::context::EvalContext;
use super::number::{Layout, count, masked, read};

/// Sets the variable; the new anchor is behind the number.
pub fn extract(e: &ByteExtract, buffer: &[u8], anchor: usize, ctx: &mut EvalContext<'_>) -> Option<usize> {
    let layout = Layout {
        nbytes: e.nbytes.into(),
        offset: e.offset,
        relative: e.relative,
        endian: e.endian,
        base: e.base,
    };
    let reading = read(layout, buffer, anchor, ctx.dce_little)?;
    let mut value = reading.value.wrapping_mul(e.multiplier.into());
    if let Some(align) = e.align.map(u64::from).filter(|a| *a > 0) {
        value = value.checked_next_multiple_of(align).unwrap_or(value);
    }
    ctx.set_var(e.var, value);
    Some(reading.end)
}

/// Sets the variable to the result; the new anchor is behind the number.
pub fn math(m: &ByteMath, buffer: &[u8], anchor: usize, ctx: &mut EvalContext<'_>) -> Option<usize> {
    let layout = Layout {
        nbytes: count(m.nbytes, ctx)?,
        offset: m.offset,
        relative: m.relative,
        endian: m.endian,
        base: m.base,
    };
    let reading = read(layout, buffer, anchor, ctx.dce_little)?;
    let right = u64::try_from(ctx.value(m.rvalue)).unwrap_or(u64::MAX);
    let value = match m.op {
        MathOp::Add => reading.value.wrapping_add(right),
        MathOp::Sub => reading.value.wrapping_sub(right),
        MathOp::Mul => reading.value.wrapping_mul(right),
        MathOp::Div => reading.value.checked_div(right)?,
        MathOp::Shl => shift(right).map_or(0, |n| reading.value << n),
        MathOp::Shr => shift(right).map_or(0, |n| reading.value >> n),
    };
    ctx.set_var(m.result, masked(value, m.bitmask));
    Some(reading.end)
}

fn shift(n: u64) -> Option<u32> {
    u32::try_from(n).ok().filter(|n| *n < 64)
}
