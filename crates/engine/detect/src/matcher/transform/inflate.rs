//! Streams of gzip and zlib in a buffer.
//!
//! Holds always: no more comes out than the rule allows; what is no such stream stays as it is,
//! and a broken one gives what could be read.

use mimamori_files::decode::{Coding, Decoder, Limits};

/// What the gzip stream in `b` holds.
pub(super) fn gunzip(b: &[u8], max_bytes: u32) -> Option<Vec<u8>> {
    b.starts_with(&[0x1f, 0x8b, 8]).then(|| inflate(b, max_bytes))
}

/// What the zlib stream in `b` holds.
pub(super) fn zlib(b: &[u8], max_bytes: u32) -> Option<Vec<u8>> {
    let (first, second) = (*b.first()?, *b.get(1)?);
    let right = first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
    right.then(|| inflate(b, max_bytes))
}

fn inflate(b: &[u8], max_bytes: u32) -> Vec<u8> {
    let max = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let limits = Limits { output_bytes: u64::from(max_bytes), ..Limits::default() };
    let mut out = Vec::new();
    let mut keep = |bytes: &[u8]| {
        let room = max.saturating_sub(out.len());
        out.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    };
    let mut decoder = Decoder::new(&[Coding::Inflate], limits);
    decoder.push(b, &mut keep);
    decoder.finish(&mut keep);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
    const ZLIB: &[u8] = b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15";

    #[test]
    fn reads_its_own_kind_only() {
        assert_eq!(gunzip(GZIP, 100).as_deref(), Some(&b"hello"[..]));
        assert_eq!(zlib(ZLIB, 100).as_deref(), Some(&b"hello"[..]));
        assert_eq!(zlib(ZLIB, 3).as_deref(), Some(&b"hel"[..]));
        assert_eq!((gunzip(ZLIB, 100), zlib(GZIP, 100), zlib(b"", 9)), (None, None, None));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = gunzip(&[&[0x1f, 0x8b, 8][..], &bytes].concat(), 50);
            let _ = zlib(&[&[0x78, 0x9c][..], &bytes].concat(), 50);
        }
    }
}
