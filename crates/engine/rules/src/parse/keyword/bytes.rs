//! `byte_test` and `byte_jump`.

use crate::ast::{ByteBase, ByteJump, ByteTest, ByteValue, Endian, JumpFrom, Match, TestOp, Value};
use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{number, parts, required, signed, unsigned};

/// Flags that the byte keywords share.
#[derive(Default)]
pub struct Flags {
    pub relative: bool,
    pub endian: Option<Endian>,
    pub string: bool,
    pub base: Option<ByteBase>,
    pub bitmask: Option<u32>,
}

impl Flags {
    /// Takes one flag; `false` when it is none of the shared ones.
    pub fn take(&mut self, flag: &str) -> Result<bool> {
        let endian = |f: &mut Flags, e| match f.endian.replace(e) {
            Some(_) => Err(RuleError::invalid("byte order stands twice")),
            None => Ok(()),
        };
        match flag {
            "relative" => self.relative = true,
            "string" => self.string = true,
            "hex" => self.base = Some(ByteBase::Hex),
            "dec" => self.base = Some(ByteBase::Dec),
            "oct" => self.base = Some(ByteBase::Oct),
            "big" => endian(self, Endian::Big)?,
            "little" => endian(self, Endian::Little)?,
            "dce" => endian(self, Endian::Dce)?,
            other => match split_flag(other) {
                Some(("bitmask", v)) => {
                    self.bitmask = Some(mask(v)?);
                }
                Some(("endian", v)) => match v {
                    "big" => endian(self, Endian::Big)?,
                    "little" => endian(self, Endian::Little)?,
                    other => bail!("`{other}` is no byte order"),
                },
                Some(("string", v)) => {
                    self.string = true;
                    self.base = Some(match v {
                        "hex" => ByteBase::Hex,
                        "dec" => ByteBase::Dec,
                        "oct" => ByteBase::Oct,
                        other => bail!("`{other}` is no base of digits"),
                    });
                }
                _ => return Ok(false),
            },
        }
        Ok(true)
    }

    pub fn base(&self) -> Result<ByteBase> {
        match (self.string, self.base) {
            (false, None) => Ok(ByteBase::Binary),
            (true, Some(b)) => Ok(b),
            (true, None) => Ok(ByteBase::Auto),
            (false, Some(_)) => bail!("hex, dec and oct need `string`"),
        }
    }
}

/// Key and value of a flag: `bitmask 0xf0`.
pub fn split_flag(flag: &str) -> Option<(&str, &str)> {
    flag.split_once(char::is_whitespace).map(|(k, v)| (k, v.trim()))
}

fn mask(text: &str) -> Result<u32> {
    let text = text.trim();
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let parsed = match hex {
        Some(h) => u32::from_str_radix(h, 16).ok(),
        // The field reads masks as hex also without the prefix.
        None => u32::from_str_radix(text, 16).ok(),
    };
    match parsed {
        Some(m) if m != 0 => Ok(m),
        _ => bail!("`{text}` is no bit mask of 32 bits"),
    }
}

/// How many bytes: a number in range, or a variable. 0 of text digits: as many as there are.
pub fn width(b: &Builder<'_>, text: &str, base: ByteBase, zero: bool) -> Result<Value> {
    let zero = zero || base != ByteBase::Binary;
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Value::Var(b.var(text)?));
    }
    let n: i64 = signed(text)?;
    let max = match base {
        ByteBase::Binary => 8,
        ByteBase::Oct => 23,
        ByteBase::Hex => 14,
        ByteBase::Dec | ByteBase::Auto => 20,
    };
    let max = if base == ByteBase::Hex { max.max(16) } else { max };
    if n > max || (n == 0 && !zero) {
        bail!("{n} bytes cannot be read as such a number (at most {max})");
    }
    Ok(Value::Const(n))
}

/// A signed position, or a variable.
pub fn place(b: &Builder<'_>, text: &str) -> Result<Value> {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') {
        let n = signed(text)?;
        if n.abs() > 65535 {
            bail!("the offset {n} is beyond 65535");
        }
        return Ok(Value::Const(n));
    }
    Ok(Value::Var(b.var(text)?))
}

pub fn byte_test(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let (Some(n), Some(op), Some(value), Some(offset)) = (p.next(), p.next(), p.next(), p.next()) else {
        bail!("`byte_test` needs: bytes, operator, value, offset");
    };
    let mut flags = Flags::default();
    for flag in p {
        if !flags.take(flag)? {
            bail!("`{flag}` is no flag of byte_test");
        }
    }
    let base = flags.base()?;
    let (op, negated) = test_op(op)?;
    let value = if value.starts_with(|c: char| c.is_ascii_digit()) {
        ByteValue::Const(unsigned(value)?)
    } else if value.starts_with('-') {
        ByteValue::Const(signed(value)?.cast_unsigned())
    } else {
        ByteValue::Var(b.var(value)?)
    };
    let test = ByteTest {
        nbytes: width(b, n, base, false)?,
        op,
        negated,
        value,
        offset: place(b, offset)?,
        relative: flags.relative,
        endian: flags.endian.unwrap_or_default(),
        base,
        bitmask: flags.bitmask,
    };
    dce_needs(b, test.endian);
    b.push_relative(test.relative, Match::ByteTest(test))
}

/// `dce` makes the rule one for DCE/RPC.
pub fn dce_needs(b: &mut Builder<'_>, endian: Endian) {
    if endian == Endian::Dce {
        b.need_app(mimamori_applayer::Field::DceStubData);
    }
}

fn test_op(text: &str) -> Result<(TestOp, bool)> {
    let (op, negated) = match text.strip_prefix('!') {
        Some(rest) => (rest.trim(), true),
        None => (text, false),
    };
    Ok((
        match op {
            "<" => TestOp::Lt,
            ">" => TestOp::Gt,
            "=" => TestOp::Eq,
            "<=" => TestOp::Le,
            ">=" => TestOp::Ge,
            "&" => TestOp::And,
            "^" => TestOp::Or,
            "" if negated => TestOp::Eq,
            other => bail!("`{other}` is no operator of byte_test"),
        },
        negated,
    ))
}

pub fn byte_jump(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let (Some(n), Some(offset)) = (p.next(), p.next()) else {
        bail!("`byte_jump` needs: bytes, offset");
    };
    let mut flags = Flags::default();
    let (mut align, mut multiplier, mut from, mut post_offset) =
        (false, 1u16, JumpFrom::Here, Value::Const(0));
    for flag in p {
        if flags.take(flag)? {
            continue;
        }
        match (flag, split_flag(flag)) {
            ("align", _) => align = true,
            ("from_beginning", _) => from = JumpFrom::Beginning,
            ("from_end", _) => from = JumpFrom::End,
            (_, Some(("multiplier", v))) => multiplier = number(v)?,
            (_, Some(("post_offset", v))) => post_offset = place(b, v)?,
            _ => bail!("`{flag}` is no flag of byte_jump"),
        }
    }
    if multiplier == 0 {
        bail!("the multiplier must be above 0");
    }
    let base = flags.base()?;
    let jump = ByteJump {
        nbytes: width(b, n, base, true)?,
        offset: place(b, offset)?,
        relative: flags.relative,
        endian: flags.endian.unwrap_or_default(),
        base,
        multiplier,
        align,
        from,
        post_offset,
        bitmask: flags.bitmask,
    };
    dce_needs(b, jump.endian);
    b.push_relative(jump.relative, Match::ByteJump(jump))
}
