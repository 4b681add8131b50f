//! `byte_extract` and `byte_math`: numbers of a buffer into variables.

use super::bytes::{Flags, dce_needs, split_flag, width};
use crate::ast::{ByteExtract, ByteMath, Endian, Match, MathOp, Value};
use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{number, parts, required, signed};

pub fn byte_extract(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let (Some(n), Some(offset), Some(name)) = (p.next(), p.next(), p.next()) else {
        bail!("`byte_extract` needs: bytes, offset, variable");
    };
    let mut flags = Flags::default();
    let (mut multiplier, mut align) = (1u16, None);
    for flag in p {
        if flags.take(flag)? {
            continue;
        }
        match split_flag(flag) {
            Some(("multiplier", v)) => multiplier = number(v)?,
            Some(("align", "2")) => align = Some(2),
            Some(("align", "4")) => align = Some(4),
            _ => bail!("`{flag}` is no flag of byte_extract"),
        }
    }
    if multiplier == 0 {
        bail!("the multiplier must be above 0");
    }
    let base = flags.base()?;
    let Value::Const(nbytes) = width(b, n, base, false)? else {
        bail!("byte_extract needs a number of bytes");
    };
    let extract = ByteExtract {
        nbytes: u8::try_from(nbytes).map_err(|_| RuleError::invalid("too many bytes"))?,
        offset: signed(offset)?,
        var: b.new_var(name)?,
        relative: flags.relative,
        endian: flags.endian.unwrap_or_default(),
        base,
        multiplier,
        align,
    };
    dce_needs(b, extract.endian);
    b.push_relative(extract.relative, Match::ByteExtract(extract))
}

/// What byte_math has read so far.
#[derive(Default)]
struct Math<'a> {
    bytes: Option<&'a str>,
    offset: Option<i64>,
    op: Option<MathOp>,
    rvalue: Option<Value>,
    result: Option<&'a str>,
}

pub fn byte_math(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut m = Math::default();
    let mut flags = Flags::default();
    for part in parts(required(o)?) {
        // `dce` alone and `endian dce` mean the same here.
        if part == "endian dce" {
            flags.endian = Some(Endian::Dce);
            continue;
        }
        match split_flag(part) {
            Some(("bytes", v)) => m.bytes = Some(v),
            Some(("offset", v)) => m.offset = Some(signed(v)?),
            Some(("oper", v)) => m.op = Some(oper(v)?),
            Some(("rvalue", v)) => m.rvalue = Some(rvalue(b, v)?),
            Some(("result", v)) => m.result = Some(v),
            _ if flags.take(part)? => {}
            _ => bail!("`{part}` is no part of byte_math"),
        }
    }
    let (Some(bytes), Some(offset), Some(op), Some(rvalue), Some(result)) =
        (m.bytes, m.offset, m.op, m.rvalue, m.result)
    else {
        bail!("`byte_math` needs: bytes, offset, oper, rvalue, result");
    };
    if offset.abs() > 65535 {
        bail!("the offset {offset} is beyond 65535");
    }
    if matches!(op, MathOp::Shl | MathOp::Shr) && rvalue.constant().is_some_and(|n| n >= 32) {
        bail!("a shift must be below 32");
    }
    let base = flags.base()?;
    let nbytes = width(b, bytes, base, false)?;
    let math = ByteMath {
        nbytes,
        offset,
        op,
        rvalue,
        result: b.new_var(result)?,
        relative: flags.relative,
        endian: flags.endian.unwrap_or_default(),
        base,
        bitmask: flags.bitmask,
    };
    dce_needs(b, math.endian);
    b.push_relative(math.relative, Match::ByteMath(math))
}

fn oper(text: &str) -> Result<MathOp> {
    Ok(match text {
        "+" => MathOp::Add,
        "-" => MathOp::Sub,
        "*" => MathOp::Mul,
        "/" => MathOp::Div,
        "<<" => MathOp::Shl,
        ">>" => MathOp::Shr,
        other => bail!("`{other}` is no operator of byte_math"),
    })
}

fn rvalue(b: &Builder<'_>, text: &str) -> Result<Value> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let n: u32 = number(text)?;
        if n == 0 {
            bail!("rvalue must be above 0");
        }
        Ok(Value::Const(n.into()))
    } else {
        Ok(Value::Var(b.var(text)?))
    }
}
