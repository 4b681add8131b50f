//! Transforms by keyword.

use super::Handler;
use super::bytes::split_flag;
use crate::ast::{Base64Mode, Transform, XorKey};
use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{bare, number, parts, quoted, required, signed, unescape_pcre, unsigned};

pub fn handler(name: &str) -> Option<Handler> {
    Some(match name {
        "dotprefix" => |b, o| plain(b, o, Transform::DotPrefix),
        "strip_whitespace" => |b, o| plain(b, o, Transform::StripWhitespace),
        "compress_whitespace" => |b, o| plain(b, o, Transform::CompressWhitespace),
        "to_lowercase" => |b, o| plain(b, o, Transform::ToLowercase),
        "to_uppercase" => |b, o| plain(b, o, Transform::ToUppercase),
        "to_md5" => |b, o| plain(b, o, Transform::ToMd5),
        "to_sha1" => |b, o| plain(b, o, Transform::ToSha1),
        "to_sha256" => |b, o| plain(b, o, Transform::ToSha256),
        "url_decode" => |b, o| plain(b, o, Transform::UrlDecode),
        "header_lowercase" => |b, o| plain(b, o, Transform::HeaderLowercase),
        "strip_pseudo_headers" => |b, o| plain(b, o, Transform::StripPseudoHeaders),
        "domain" => |b, o| plain(b, o, Transform::Domain),
        "tld" => |b, o| plain(b, o, Transform::Tld),
        "xor" => xor,
        "pcrexform" => pcrexform,
        "from_base64" => from_base64,
        "gunzip" => |b, o| inflated(b, o, |max_bytes| Transform::Gunzip { max_bytes }),
        "zlib_deflate" => |b, o| inflated(b, o, |max_bytes| Transform::ZlibDeflate { max_bytes }),
        "subslice" => subslice,
        _ => return None,
    })
}

fn plain(b: &mut Builder<'_>, o: &RawOption<'_>, transform: Transform) -> Result<()> {
    bare(o)?;
    b.transform(transform)
}

/// `xor:"0d0ac8ff"`, `xor:0d0ac8ff`, `xor:offset 1,extract 1 0`.
fn xor(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?.trim_matches('"');
    let (mut offset, mut key) = (0u32, None);
    for part in parts(text) {
        match split_flag(part) {
            Some(("offset", v)) => offset = number(v)?,
            Some(("extract", v)) => key = Some(extract(v)?),
            Some((other, _)) => bail!("`{other}` is no part of xor"),
            None => key = Some(XorKey::Fixed(fixed_key(part)?)),
        }
    }
    let Some(key) = key else {
        bail!("`xor` needs a key");
    };
    b.transform(Transform::Xor { key, offset })
}

/// `length at`: how many bytes of the key, and where they are.
fn extract(text: &str) -> Result<XorKey> {
    let mut words = text.split_whitespace();
    let (length, at) = (words.next().unwrap_or(""), words.next());
    let (length, Some(at), None) = (length, at, words.next()) else {
        bail!("`extract` needs a length and a place");
    };
    let (length, at): (u8, u32) = (number(length)?, number(at)?);
    if length == 0 {
        bail!("the key to extract has no length");
    }
    Ok(XorKey::Extract { length, at })
}

fn fixed_key(text: &str) -> Result<Box<[u8]>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|b| *b != b' ')
        .map(|b| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()
        .ok_or_else(|| RuleError::invalid("the key of xor must be hex digits"))?;
    if digits.is_empty() || !digits.len().is_multiple_of(2) || digits.len() > 512 {
        bail!("the key of xor must be whole bytes in hex, at most 256");
    }
    Ok(digits.chunks_exact(2).map(|p| p.iter().fold(0u8, |acc, d| acc << 4 | d)).collect())
}

/// What a compressed stream gives where the rule does not say, and at most.
const INFLATED_BYTES: u32 = 1_024;
const MAX_INFLATED_BYTES: u64 = 1 << 20;

/// `gunzip[:max-size 100kb]`.
fn inflated(b: &mut Builder<'_>, o: &RawOption<'_>, make: fn(u32) -> Transform) -> Result<()> {
    let mut max_bytes = INFLATED_BYTES;
    for part in o.value.into_iter().flat_map(parts).filter(|p| !p.is_empty()) {
        let Some(("max-size", v)) = split_flag(part) else {
            bail!("`{part}` is no part of `{}`", o.name);
        };
        let size = unsigned(v)?;
        max_bytes = match u32::try_from(size) {
            Ok(n) if n > 0 && size <= MAX_INFLATED_BYTES => n,
            _ => bail!("`max-size` is 1 to {MAX_INFLATED_BYTES} bytes"),
        };
    }
    b.transform(make(max_bytes))
}

fn pcrexform(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (text, negated) = quoted(o)?;
    if negated {
        bail!("`pcrexform` cannot be negated");
    }
    if !text.contains('(') {
        bail!("`pcrexform` needs a capture");
    }
    b.transform(Transform::PcreXform(unescape_pcre(text).into()))
}

fn from_base64(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (mut bytes, mut offset, mut mode) = (None, 0, None);
    for part in o.value.into_iter().flat_map(parts).filter(|p| !p.is_empty()) {
        match split_flag(part) {
            Some(("bytes", v)) => bytes = Some(number(v)?),
            Some(("offset", v)) => offset = number(v)?,
            Some(("mode", "rfc4648")) => mode = Some(Base64Mode::Rfc4648),
            Some(("mode", "rfc2045")) => mode = Some(Base64Mode::Rfc2045),
            Some(("mode", "strict")) => mode = Some(Base64Mode::Strict),
            _ => bail!("`{part}` is no part of from_base64"),
        }
    }
    b.transform(Transform::FromBase64 { bytes, offset, mode })
}

/// `offset[, length][, truncate]`.
fn subslice(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut words: Vec<&str> = parts(required(o)?).collect();
    let truncate = words.last() == Some(&"truncate");
    if truncate {
        words.pop();
    }
    let (offset, length) = match words.as_slice() {
        [offset] => (signed(offset)?, None),
        [offset, length] => (signed(offset)?, Some(signed(length)?)),
        _ => bail!("`subslice` takes an offset, a length and `truncate`"),
    };
    if length == Some(0) {
        bail!("a length of 0 leaves nothing");
    }
    b.transform(Transform::Subslice { offset, length, truncate })
}
