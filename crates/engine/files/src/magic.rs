//! What a file is, by its first bytes, in the words of the field's `file` program.
//!
//! Deliberately not here: the whole of libmagic. Types that matter to an office are told
//! apart; the texts begin as libmagic's do, so that `filemagic:"PE32 executable"` matches.

/// Bytes of a file that [`magic`] looks at.
pub const MAGIC_HEAD_BYTES: usize = 512;

/// Prefix, text.
const PREFIXES: &[(&[u8], &str)] = &[
    (b"%PDF-1.0", "PDF document, version 1.0"),
    (b"%PDF-1.1", "PDF document, version 1.1"),
    (b"%PDF-1.2", "PDF document, version 1.2"),
    (b"%PDF-1.3", "PDF document, version 1.3"),
    (b"%PDF-1.4", "PDF document, version 1.4"),
    (b"%PDF-1.5", "PDF document, version 1.5"),
    (b"%PDF-1.6", "PDF document, version 1.6"),
    (b"%PDF-1.7", "PDF document, version 1.7"),
    (b"%PDF-", "PDF document"),
    (b"\x89PNG\r\n\x1a\n", "PNG image data"),
    (b"\xff\xd8\xff", "JPEG image data"),
    (b"GIF87a", "GIF image data, version 87a"),
    (b"GIF89a", "GIF image data, version 89a"),
    (b"PK\x03\x04", "Zip archive data"),
    (b"PK\x05\x06", "Zip archive data (empty)"),
    (b"\x1f\x8b", "gzip compressed data"),
    (b"BZh", "bzip2 compressed data"),
    (b"\xfd7zXZ\0", "XZ compressed data"),
    (b"7z\xbc\xaf\x27\x1c", "7-zip archive data"),
    (b"Rar!\x1a\x07", "RAR archive data"),
    (b"MSCF", "Microsoft Cabinet archive data"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Composite Document File V2 Document"),
    (b"{\\rtf", "Rich Text Format data"),
    (b"CWS", "Macromedia Flash data (compressed)"),
    (b"FWS", "Macromedia Flash data"),
    (b"ZWS", "Macromedia Flash data (lzma compressed)"),
    (b"\xca\xfe\xba\xbe", "compiled Java class data"),
    (b"\x7fELF\x01", "ELF 32-bit"),
    (b"\x7fELF\x02", "ELF 64-bit"),
    (b"\xcf\xfa\xed\xfe", "Mach-O 64-bit executable"),
    (b"\xce\xfa\xed\xfe", "Mach-O executable"),
    (b"L\0\0\0\x01\x14\x02\0", "MS Windows shortcut"),
    (b"ITSF\x03\0\0\0", "MS Windows HtmlHelp Data"),
    (b"#!/bin/sh", "POSIX shell script, ASCII text executable"),
    (b"#!/bin/bash", "Bourne-Again shell script, ASCII text executable"),
    (b"OggS", "Ogg data"),
    (b"ID3", "Audio file with ID3"),
    (b"\xef\xbb\xbf", "UTF-8 Unicode (with BOM) text"),
];

/// The type of a file that begins with `head`; `"data"` where nothing is recognised.
#[must_use]
pub fn magic(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "empty";
    }
    if head.starts_with(b"MZ") {
        return executable(head);
    }
    if let Some((_, text)) = PREFIXES.iter().find(|(prefix, _)| head.starts_with(prefix)) {
        return text;
    }
    if head.get(257..262) == Some(b"ustar") {
        return "POSIX tar archive";
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return "RIFF (little-endian) data, Web/P image";
    }
    text(head)
}

fn executable(head: &[u8]) -> &'static str {
    let at = head.get(0x3c..0x40).and_then(|b| <[u8; 4]>::try_from(b).ok()).map(u32::from_le_bytes);
    let header = at.and_then(|a| usize::try_from(a).ok()).and_then(|a| head.get(a..));
    match header {
        Some(h) if h.starts_with(b"PE\0\0") => match h.get(24..26) {
            Some([0x0b, 0x02]) => "PE32+ executable (GUI) x86-64, for MS Windows",
            _ => "PE32 executable (GUI) Intel 80386, for MS Windows",
        },
        _ => "MS-DOS executable",
    }
}

fn text(head: &[u8]) -> &'static str {
    let trimmed = head.trim_ascii_start();
    let starts = |tag: &[u8]| trimmed.get(..tag.len()).is_some_and(|t| t.eq_ignore_ascii_case(tag));
    if starts(b"<!doctype html") || starts(b"<html") {
        return "HTML document";
    }
    if starts(b"<?xml") {
        return "XML document";
    }
    let printable = |b: &u8| matches!(b, 0x20..=0x7e | b'\t' | b'\r' | b'\n' | 0x0c | 0x1b);
    if !head.iter().all(printable) {
        return if std::str::from_utf8(head).is_ok() && !head.iter().any(|b| *b < 9) {
            "UTF-8 Unicode text"
        } else {
            "data"
        };
    }
    if head.windows(2).any(|w| w == b"\r\n") {
        "ASCII text, with CRLF line terminators"
    } else if head.contains(&b'\n') {
        "ASCII text"
    } else {
        "ASCII text, with no line terminators"
    }
}

#[cfg(test)]
mod tests {
    use super::magic;

    #[test]
    fn tells_common_types() {
        let mut pe = vec![0_u8; 128];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x40;
        pe[0x40..0x44].copy_from_slice(b"PE\0\0");
        for (bytes, want) in [
            (&b""[..], "empty"),
            (b"%PDF-1.4\n", "PDF document, version 1.4"),
            (&pe, "PE32 executable (GUI) Intel 80386, for MS Windows"),
            (b"MZ", "MS-DOS executable"),
            (b" <HTML><body>", "HTML document"),
            (b"hello\nworld", "ASCII text"),
            (b"hello", "ASCII text, with no line terminators"),
            (b"\x00\x01", "data"),
        ] {
            assert_eq!(magic(bytes), want, "{bytes:?}");
        }
    }
}
