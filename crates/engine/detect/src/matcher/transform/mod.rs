//! Transforms of buffers.

mod bytes;
mod header;
mod inflate;
mod subslice;
mod xor;

use std::borrow::Cow;

use md5::{Digest, Md5};
use mimamori_rules::{Base64Mode, Transform};
use sha1::Sha1;
use sha2::Sha256;

use super::CompileError;
use super::base64;
use super::regex::Extractor;

/// Transforms of a buffer, ready for use.
#[derive(Debug, Default)]
pub struct CompiledTransforms {
    steps: Box<[Step]>,
}

#[derive(Debug)]
enum Step {
    Plain(Transform),
    Extract(Box<Extractor>),
}

impl CompiledTransforms {
    /// # Errors
    /// When an expression of a transform cannot be understood.
    pub fn compile(transforms: &[Transform]) -> Result<CompiledTransforms, CompileError> {
        let steps = transforms.iter().map(|t| match t {
            Transform::PcreXform(pattern) => {
                Extractor::new(pattern).map(|e| Step::Extract(Box::new(e))).map_err(CompileError::Regex)
            }
            other => Ok(Step::Plain(other.clone())),
        });
        Ok(CompiledTransforms { steps: steps.collect::<Result<_, _>>()? })
    }

    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.steps.is_empty()
    }

    /// The transformed buffer into `out` (cleared first). `false`: the buffer vanishes.
    #[must_use]
    pub fn apply(&self, buffer: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        let mut current = Cow::Borrowed(buffer);
        for step in &self.steps {
            let changed = match step {
                Step::Plain(t) => one(t, &current),
                Step::Extract(e) => e.extract(&current),
            };
            // What cannot be transformed stays as it is.
            if let Some(changed) = changed {
                current = Cow::Owned(changed);
            }
        }
        out.extend_from_slice(&current);
        true
    }
}

/// The result of one transform; `None` where it does not apply.
fn one(t: &Transform, b: &[u8]) -> Option<Vec<u8>> {
    Some(match t {
        Transform::DotPrefix => [b".", b].concat(),
        Transform::StripWhitespace => bytes::strip_whitespace(b),
        Transform::CompressWhitespace => bytes::compress_whitespace(b),
        Transform::ToLowercase => b.to_ascii_lowercase(),
        Transform::ToUppercase => b.to_ascii_uppercase(),
        Transform::ToMd5 => Md5::digest(b).to_vec(),
        Transform::ToSha1 => Sha1::digest(b).to_vec(),
        Transform::ToSha256 => Sha256::digest(b).to_vec(),
        Transform::UrlDecode => bytes::url_decode(b),
        Transform::Xor { key, offset } => xor::apply(b, key, *offset)?,
        Transform::HeaderLowercase => header::lowercase_names(b),
        Transform::StripPseudoHeaders => header::strip_pseudo(b),
        Transform::FromBase64 { bytes, offset, mode } => {
            let part = base64::limited(b.get(usize::try_from(*offset).ok()?..)?, *bytes);
            let decoded = base64::decode(part, mode.unwrap_or(Base64Mode::Rfc4648))?;
            return (!decoded.is_empty()).then_some(decoded);
        }
        Transform::Domain => return psl::domain(b).map(|d| d.as_bytes().to_vec()),
        Transform::Tld => return psl::suffix(b).map(|s| s.as_bytes().to_vec()),
        Transform::Subslice { offset, length, truncate } => {
            subslice::apply(b, *offset, *length, *truncate).to_vec()
        }
        Transform::Gunzip { max_bytes } => return inflate::gunzip(b, *max_bytes),
        Transform::ZlibDeflate { max_bytes } => return inflate::zlib(b, *max_bytes),
        // Compiled apart.
        Transform::PcreXform(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_rules::XorKey;

    fn apply(transforms: &[Transform], text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(CompiledTransforms::compile(transforms).unwrap().apply(text.as_bytes(), &mut out));
        out
    }

    #[test]
    fn each_does_what_it_says() {
        use Transform as T;
        for (t, text, want) in [
            (T::DotPrefix, "a.b", ".a.b"),
            (T::StripWhitespace, " a \t\x0b b\r\n", "ab"),
            (T::CompressWhitespace, "a  b \n c", "a b c"),
            (T::ToUppercase, "aB", "AB"),
            (T::UrlDecode, "a%20b+c%zz%4", "a b c%zz%4"),
            (T::HeaderLowercase, "Host: A\r\nUser-Agent: B\r\n", "host: A\r\nuser-agent: B\r\n"),
            (T::StripPseudoHeaders, ":method: GET\r\nHost: a\r\n:x: y\r\n", "Host: a\r\n"),
            (T::Domain, "www.mail.example.co.jp", "example.co.jp"),
            (T::Tld, "www.mail.example.co.jp", "co.jp"),
            (T::PcreXform("[a-z]+ (.*) HTTP".into()), "get /x HTTP/1", "/x"),
            (T::PcreXform("(nope)".into()), "as it was", "as it was"),
            (T::Xor { key: XorKey::Extract { length: 1, at: 0 }, offset: 1 }, "\x01abc", "\x01`cb"),
            (T::FromBase64 { bytes: None, offset: 2, mode: None }, "??Zm9v", "foo"),
        ] {
            assert_eq!(apply(std::slice::from_ref(&t), text), want.as_bytes(), "{t:?}");
        }
        assert_eq!(apply(&[T::ToMd5], "").len(), 16);
        assert_eq!(apply(&[T::ToLowercase, T::DotPrefix], "AB"), b".ab");
    }
}
