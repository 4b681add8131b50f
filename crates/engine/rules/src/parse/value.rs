//! Values that many keywords share: quoted text, escapes, numbers, comparisons.

use crate::ast::{FloatCmp, NumberCmp};
use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;

/// The value, which must be there.
pub fn required<'a>(option: &RawOption<'a>) -> Result<&'a str> {
    match option.value {
        Some(v) if !v.is_empty() => Ok(v),
        _ => bail!("`{}` needs a value", option.name),
    }
}

/// No value is allowed.
pub fn bare(option: &RawOption<'_>) -> Result<()> {
    match option.value {
        Some(v) if !v.is_empty() => bail!("`{}` takes no value", option.name),
        _ => Ok(()),
    }
}

/// A value in double quotes, with an optional `!` before them. Escapes are still in it.
pub fn quoted<'a>(option: &RawOption<'a>) -> Result<(&'a str, bool)> {
    let value = required(option)?;
    let (value, negated) = match value.strip_prefix('!') {
        Some(rest) => (rest.trim_start(), true),
        None => (value, false),
    };
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    match inner {
        Some("") => bail!("`{}` has nothing between its quotes", option.name),
        Some(inner) => Ok((inner, negated)),
        None => bail!("the value of `{}` must stand in double quotes", option.name),
    }
}

/// As [`quoted`], but the quotes may be left out.
pub fn maybe_quoted<'a>(option: &RawOption<'a>) -> Result<&'a str> {
    let value = required(option)?;
    match value.strip_prefix('"') {
        Some(rest) => match rest.strip_suffix('"') {
            Some(inner) => Ok(inner),
            None => bail!("`{}` has an opening quote and no closing one", option.name),
        },
        None => Ok(value),
    }
}

/// Takes the backslashes away that protect `;`, `"`, `\` and `:`.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(next @ (';' | '"' | '\\' | ':'))) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// Takes away the backslashes that only the rule's syntax needs, not the expression's own.
pub fn unescape_pcre(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '\\' {
            match chars.next() {
                // `\;`, `\"`, `\/` mean the same without the backslash.
                Some(next @ (';' | '"' | '/')) => {
                    out.pop();
                    out.push(next);
                }
                Some(next) => out.push(next),
                None => {}
            }
        }
    }
    out
}

/// Text with `|41 42|` parts as bytes.
pub fn pattern(text: &str) -> Result<Box<[u8]>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let mut hex = false;
    let mut high: Option<u8> = None;
    while let Some(b) = bytes.next() {
        match (hex, b) {
            (false, b'|') => hex = true,
            (true, b'|') => {
                if high.is_some() {
                    bail!("a byte between `|` needs two hex digits");
                }
                hex = false;
            }
            (true, b' ' | b'\t') => {}
            (true, b) => {
                let Some(digit) = char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()) else {
                    bail!("`{}` is no hex digit", char::from(b).escape_default());
                };
                match high.take() {
                    Some(h) => out.push(h << 4 | digit),
                    None => high = Some(digit),
                }
            }
            (false, b'\\') => match bytes.next() {
                Some(c @ (b':' | b';' | b'\\' | b'"')) => out.push(c),
                _ => bail!("only `:`, `;`, `\"` and `\\` may follow a backslash in a pattern"),
            },
            (false, b'"') => bail!("a `\"` inside a pattern must be escaped"),
            (false, b) => out.push(b),
        }
    }
    if hex {
        bail!("a `|` is not closed");
    }
    if out.is_empty() {
        bail!("the pattern is empty");
    }
    Ok(out.into())
}

/// An unsigned number: decimal or `0x` hex, with `kb`, `mb`, `gb` suffixes.
pub fn unsigned(text: &str) -> Result<u64> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = [("kib", 10), ("kb", 10), ("mib", 20), ("mb", 20), ("gib", 30), ("gb", 30)]
        .iter()
        .find_map(|(suffix, shift)| lower.strip_suffix(suffix).map(|d| (d.trim_end(), *shift)))
        .unwrap_or((lower.as_str(), 0u32));
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u64::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        None => None,
    };
    parsed
        .and_then(|n| n.checked_mul(1u64 << unit))
        .ok_or_else(|| RuleError::invalid(format!("`{text}` is no number of the allowed size")))
}

/// A number of a type that fits.
pub fn number<T: TryFrom<u64>>(text: &str) -> Result<T> {
    let n = unsigned(text)?;
    T::try_from(n).map_err(|_| RuleError::invalid(format!("`{}` is too large", text.trim())))
}

/// A number that may be negative.
pub fn signed(text: &str) -> Result<i64> {
    let text = text.trim();
    let (digits, negative) = match text.strip_prefix('-') {
        Some(d) => (d, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let n: i64 = number(digits)?;
    Ok(if negative { -n } else { n })
}

/// A comparison of a number that is at most `max`. `name` gives names of an enumeration.
pub fn compare(text: &str, max: u64, name: &dyn Fn(&str) -> Option<u64>) -> Result<NumberCmp> {
    let text = text.trim();
    let value = |t: &str| -> Result<u64> {
        let n = match name(t.trim()) {
            Some(n) => n,
            None => unsigned(t)?,
        };
        if n > max {
            bail!("`{}` is larger than can occur ({max})", t.trim());
        }
        Ok(n)
    };
    if let Some(rest) = text.strip_prefix('&') {
        return mask(rest, &value);
    }
    let (body, negated) = match text.strip_prefix('!') {
        Some(b) => (b.trim_start(), true),
        None => (text, false),
    };
    if let Some((lo, hi)) = range(body) {
        let (lo, hi) = (value(lo)?, value(hi)?);
        if hi <= lo.saturating_add(1) {
            bail!("no number lies between {lo} and {hi}");
        }
        return Ok(if negated { NumberCmp::NotBetween(lo, hi) } else { NumberCmp::Between(lo, hi) });
    }
    if negated {
        return Ok(NumberCmp::Ne(value(body.strip_prefix('=').unwrap_or(body))?));
    }
    let parsed = if let Some(r) = body.strip_prefix("<=") {
        NumberCmp::Le(value(r)?)
    } else if let Some(r) = body.strip_prefix(">=") {
        NumberCmp::Ge(value(r)?)
    } else if let Some(r) = body.strip_prefix('<') {
        NumberCmp::Lt(value(r)?)
    } else if let Some(r) = body.strip_prefix('>') {
        NumberCmp::Gt(value(r)?)
    } else {
        NumberCmp::Eq(value(body.strip_prefix('=').unwrap_or(body))?)
    };
    match parsed {
        NumberCmp::Lt(0) => bail!("no number is below 0"),
        NumberCmp::Gt(n) if n >= max => bail!("no number here is above {max}"),
        other => Ok(other),
    }
}

/// `m=v` or `m!=v` after the `&`.
fn mask(rest: &str, value: &dyn Fn(&str) -> Result<u64>) -> Result<NumberCmp> {
    let Some((m, v)) = rest.split_once('=') else {
        bail!("a mask needs `=` and a value: `&0xc0=0x80`");
    };
    let (m, negated) = match m.trim().strip_suffix('!') {
        Some(m) => (m, true),
        None => (m, false),
    };
    let (m, v) = (value(m)?, value(v)?);
    if v & !m != 0 {
        bail!("the mask {m:#x} can never give {v:#x}");
    }
    Ok(if negated { NumberCmp::MaskNe(m, v) } else { NumberCmp::MaskEq(m, v) })
}

/// `a<>b` or `a-b`.
fn range(text: &str) -> Option<(&str, &str)> {
    if let Some(found) = text.split_once("<>") {
        return Some(found);
    }
    text.split_once('-')
        .filter(|(lo, _)| lo.trim().bytes().all(|b| b.is_ascii_alphanumeric()) && !lo.trim().is_empty())
        .filter(|(lo, hi)| starts_digit(lo) && starts_digit(hi))
}

fn starts_digit(text: &str) -> bool {
    text.trim().starts_with(|c: char| c.is_ascii_digit())
}

/// A comparison without names.
pub fn compare_number(text: &str, max: u64) -> Result<NumberCmp> {
    compare(text, max, &|_| None)
}

/// A comparison of fractions.
pub fn compare_float(text: &str) -> Result<FloatCmp> {
    let value = |t: &str| -> Result<f64> {
        match t.trim().parse::<f64>() {
            Ok(v) if v.is_finite() && v >= 0.0 => Ok(v),
            _ => bail!("`{}` is no number", t.trim()),
        }
    };
    let text = text.trim();
    let (body, negated) = match text.strip_prefix('!') {
        Some(b) => (b.trim_start(), true),
        None => (text, false),
    };
    if let Some((lo, hi)) = body.split_once("<>").or_else(|| body.split_once('-')) {
        let (lo, hi) = (value(lo)?, value(hi)?);
        if hi <= lo {
            bail!("no number lies between {lo} and {hi}");
        }
        return Ok(if negated { FloatCmp::NotBetween(lo, hi) } else { FloatCmp::Between(lo, hi) });
    }
    if negated {
        return Ok(FloatCmp::Ne(value(body.strip_prefix('=').unwrap_or(body))?));
    }
    Ok(if let Some(r) = body.strip_prefix("<=") {
        FloatCmp::Le(value(r)?)
    } else if let Some(r) = body.strip_prefix(">=") {
        FloatCmp::Ge(value(r)?)
    } else if let Some(r) = body.strip_prefix('<') {
        FloatCmp::Lt(value(r)?)
    } else if let Some(r) = body.strip_prefix('>') {
        FloatCmp::Gt(value(r)?)
    } else {
        FloatCmp::Eq(value(body.strip_prefix('=').unwrap_or(body))?)
    })
}

/// Comma-separated parts, trimmed.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// A name for bits and variables: not empty, no spaces.
pub fn name(text: &str) -> Result<Box<str>> {
    let text = text.trim();
    if text.is_empty() || text.len() > 256 || text.contains(char::is_whitespace) {
        bail!("`{text}` is no name: it must be one word");
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert_eq!(&*pattern("a|42 43|d").unwrap(), b"aBCd");
        assert_eq!(&*pattern("|4142|\\;\\\\").unwrap(), b"AB;\\");
        for t in ["", "|4|", "|41", "|xy|", "a\\n", "a\"b", "||"] {
            assert!(pattern(t).is_err(), "{t}");
        }
    }

    #[test]
    fn comparisons() {
        let c = |t: &str| compare_number(t, 255).ok();
        assert_eq!(c("5"), Some(NumberCmp::Eq(5)));
        assert_eq!(c("=0x05"), Some(NumberCmp::Eq(5)));
        assert_eq!(c("!5"), Some(NumberCmp::Ne(5)));
        assert_eq!(c("> 5"), Some(NumberCmp::Gt(5)));
        assert_eq!(c("<=5"), Some(NumberCmp::Le(5)));
        assert_eq!(c("1<>5"), Some(NumberCmp::Between(1, 5)));
        assert_eq!(c("!1-5"), Some(NumberCmp::NotBetween(1, 5)));
        assert_eq!(c("&0xc0=0x80"), Some(NumberCmp::MaskEq(0xc0, 0x80)));
        for t in ["", "256", "<0", ">255", "5<>5", "5<>6", "9-1", "a", "&0xc0=2", "1<>", "--1"] {
            assert_eq!(c(t), None, "{t}");
        }
        assert_eq!(unsigned("2kb").unwrap(), 2048);
    }
}
