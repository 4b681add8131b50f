//! Keywords on a buffer as a whole, and base64.

use mimamori_applayer::Field;

use super::bytes::split_flag;
use crate::ast::{Absent, Asn1, Base64Decode, Entropy, IsDataAt, Match, Selector, Value};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{bare, compare_float, compare_number, number, parts, required, signed};

pub fn isdataat(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let (text, negated) = match text.strip_prefix('!') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut p = parts(text);
    let at = p.next().unwrap_or("");
    let at = if at.starts_with(|c: char| c.is_ascii_digit()) {
        let n: u16 = number(at)?;
        Value::Const(n.into())
    } else {
        Value::Var(b.var(at)?)
    };
    let mut m = IsDataAt { at, negated, relative: false, rawbytes: false };
    for flag in p {
        match flag {
            "relative" => m.relative = true,
            "rawbytes" => m.rawbytes = true,
            other => bail!("`{other}` is no flag of isdataat"),
        }
    }
    b.push_relative(m.relative, Match::IsDataAt(m))
}

pub fn bsize(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    if b.current.is_none() {
        bail!("`bsize` needs a sticky buffer before it");
    }
    let cmp = compare_number(required(o)?, u64::MAX)?;
    b.push(Match::Bsize(cmp))
}

/// The length of the URI, whatever buffer is selected.
pub fn urilen(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let (number, field) = match text.rsplit_once(',') {
        None => (text, Field::HttpUri),
        Some((n, "norm")) => (n, Field::HttpUri),
        Some((n, kind)) => match kind.trim() {
            "norm" => (n, Field::HttpUri),
            "raw" => (n, Field::HttpUriRaw),
            other => bail!("`{other}` is neither norm nor raw"),
        },
    };
    let cmp = compare_number(number, u16::MAX.into())?;
    b.need_app(field);
    let list = b.list_of(Selector::Field(field));
    b.push_to(list, Match::Bsize(cmp))
}

pub fn entropy(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (mut bytes, mut offset, mut value) = (None, 0u32, None);
    for part in parts(required(o)?) {
        match split_flag(part) {
            Some(("bytes", v)) => bytes = Some(number(v)?),
            Some(("offset", v)) => offset = number(v)?,
            Some(("value", v)) => value = Some(compare_float(v)?),
            _ => bail!("`{part}` is no part of entropy"),
        }
    }
    let Some(value) = value else {
        bail!("`entropy` needs `value`");
    };
    b.push(Match::Entropy(Entropy { bytes: bytes.filter(|n| *n > 0), offset, value }))
}

pub fn absent(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let absent = match o.value.unwrap_or("") {
        "" => Absent::Only,
        "or_else" => Absent::OrElse,
        other => bail!("`{other}` is no option of absent"),
    };
    match b.current.and_then(|i| b.lists.get_mut(i)) {
        Some(list) if list.items.is_empty() && list.absent == Absent::No => {
            list.absent = absent;
            Ok(())
        }
        Some(_) => bail!("`absent` must follow the buffer at once, and once"),
        None => bail!("`absent` needs a sticky buffer before it"),
    }
}

pub fn base64_decode(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut m = Base64Decode { bytes: None, offset: 0, relative: false, data: Vec::new() };
    for part in o.value.into_iter().flat_map(parts) {
        match split_flag(part) {
            Some(("bytes", v)) => {
                let n: u32 = number(v)?;
                if n == 0 {
                    bail!("`bytes` must be above 0");
                }
                m.bytes = Some(n);
            }
            Some(("offset", v)) => m.offset = number(v)?,
            None if part == "relative" => m.relative = true,
            None if part.is_empty() && o.value == Some("") => {}
            _ => bail!("`{part}` is no part of base64_decode"),
        }
    }
    b.push_relative(m.relative, Match::Base64Decode(m))
}

pub fn base64_data(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.select_base64()
}

pub fn asn1(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut m = Asn1::default();
    for part in required(o)?
        .split([',', ' '])
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .collect::<Vec<_>>()
        .chunk_by(|_, next| next.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    {
        match part {
            ["bitstring_overflow"] => m.bitstring_overflow = true,
            ["double_overflow"] => m.double_overflow = true,
            ["oversize_length", n] => m.oversize_length = Some(number(n)?),
            ["absolute_offset", n] => m.offset = offset(n)?,
            ["relative_offset", n] => {
                m.offset = offset(n)?;
                m.relative = true;
            }
            other => bail!("`{}` is no part of asn1", other.join(" ")),
        }
    }
    if !m.bitstring_overflow && !m.double_overflow && m.oversize_length.is_none() {
        bail!("`asn1` asks for nothing");
    }
    b.push_relative(m.relative, Match::Asn1(m))
}

fn offset(text: &str) -> Result<i32> {
    match i32::try_from(signed(text)?) {
        Ok(n) if n.abs() <= 65535 => Ok(n),
        _ => bail!("the offset `{text}` is beyond 65535"),
    }
}
