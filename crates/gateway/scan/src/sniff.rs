//! What kind of container the first bytes say.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Zip,
    Gzip,
    Bzip2,
    Xz,
    SevenZip,
    Tar,
    Rar,
    /// Microsoft's compound file: Office documents before 2007, and macros in later ones.
    Ole,
    /// Several parts of one file in one answer of a web server.
    ByteRanges,
    Plain,
}

#[must_use]
pub fn sniff(bytes: &[u8]) -> Kind {
    const MAGIC: [(&[u8], Kind); 9] = [
        (b"PK\x03\x04", Kind::Zip),
        (b"PK\x05\x06", Kind::Zip),
        (b"PK00PK\x03\x04", Kind::Zip),
        (b"\x1f\x8b\x08", Kind::Gzip),
        (b"BZh", Kind::Bzip2),
        (b"\xfd7zXZ\0", Kind::Xz),
        (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
        (b"Rar!\x1a\x07", Kind::Rar),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole),
    ];
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return *kind;
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Kind::Tar;
    }
    if crate::unpack::byteranges::begins(bytes) {
        return Kind::ByteRanges;
    }
    // Other things stand before the archive's start, which is found from its end.
    if ends_as_zip(bytes) { Kind::Zip } else { Kind::Plain }
}

fn ends_as_zip(bytes: &[u8]) -> bool {
    let tail = bytes.len().saturating_sub(22 + 1024);
    bytes.get(tail..).is_some_and(|t| memchr::memmem::rfind(t, b"PK\x05\x06").is_some())
}
