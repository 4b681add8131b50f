//! Transformations of a buffer before it is matched.

use super::bytes::Base64Mode;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum XorKey {
    Fixed(Box<[u8]>),
    /// The key is so many bytes of the buffer itself from `at`.
    Extract {
        length: u8,
        at: u32,
    },
}

/// In the order of the rule.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Transform {
    DotPrefix,
    StripWhitespace,
    CompressWhitespace,
    ToLowercase,
    ToUppercase,
    ToMd5,
    ToSha1,
    ToSha256,
    UrlDecode,
    Xor {
        key: XorKey,
        offset: u32,
    },
    HeaderLowercase,
    StripPseudoHeaders,
    /// The first capture replaces the buffer.
    PcreXform(Box<str>),
    FromBase64 {
        bytes: Option<u32>,
        offset: u32,
        mode: Option<Base64Mode>,
    },
    Domain,
    Tld,
    /// Part of the buffer; negative counts from the end. `truncate`: cut to fit where too long.
    /// `gunzip`: what the gzip stream holds, cut at so many bytes.
    Gunzip {
        max_bytes: u32,
    },
    /// `zlib_deflate`: the same of a zlib stream.
    ZlibDeflate {
        max_bytes: u32,
    },
    Subslice {
        offset: i64,
        length: Option<i64>,
        truncate: bool,
    },
}
