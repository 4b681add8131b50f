//! Capture files: both formats, every byte order, cut and damaged ones.

use mimamori_base::Timestamp;
use mimamori_capture::{CaptureError, CaptureReader, PcapWriter};
use proptest::prelude::*;

type Read = (Vec<(Timestamp, u32, Vec<u8>)>, Option<CaptureError>);

fn read_all(bytes: &[u8]) -> Read {
    let mut frames = Vec::new();
    let mut reader = match CaptureReader::new(bytes) {
        Ok(reader) => reader,
        Err(e) => return (frames, Some(e)),
    };
    loop {
        match reader.next_frame() {
            Ok(Some(f)) => frames.push((f.at, f.link_type, f.bytes.to_vec())),
            Ok(None) => return (frames, None),
            Err(e) => return (frames, Some(e)),
        }
    }
}

fn two_frames() -> Vec<u8> {
    let mut w = PcapWriter::new(Vec::new(), 1).unwrap();
    w.write(Timestamp(1_700_000_000_123_456), b"first frame").unwrap();
    w.write(Timestamp(1_700_000_001_000_001), b"second").unwrap();
    w.into_inner()
}

fn expected() -> Vec<(Timestamp, u32, Vec<u8>)> {
    vec![
        (Timestamp(1_700_000_000_123_456), 1, b"first frame".to_vec()),
        (Timestamp(1_700_000_001_000_001), 1, b"second".to_vec()),
    ]
}

/// A big-endian pcapng with nanoseconds, an unknown block and a simple packet.
fn ng_big_endian() -> Vec<u8> {
    let mut out = Vec::new();
    let block = |out: &mut Vec<u8>, kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let total = u32::try_from(body.len() + 12).unwrap().to_be_bytes();
        out.extend(kind.to_be_bytes());
        out.extend(total);
        out.extend(&body);
        out.extend(total);
    };
    let mut shb = vec![0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0];
    shb.extend([0xff; 8]);
    block(&mut out, 0x0a0d_0d0a, &shb);
    block(&mut out, 1, &[0, 113, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0]);
    block(&mut out, 0x0bad, b"whatever");
    let ticks = 1_700_000_000_123_456_789u64.to_be_bytes();
    let mut epb = vec![0, 0, 0, 0];
    epb.extend(ticks);
    epb.extend([0, 0, 0, 5, 0, 0, 0, 9]);
    epb.extend(b"hello");
    block(&mut out, 6, &epb);
    block(&mut out, 3, &[0, 0, 0, 2, b'h', b'i']);
    out
}

#[test]
fn pcap_round_trips() {
    let (frames, error) = read_all(&two_frames());
    assert!(error.is_none());
    assert_eq!(frames, expected());
}

#[test]
fn pcapng_of_the_other_byte_order_in_nanoseconds() {
    let (frames, error) = read_all(&ng_big_endian());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        frames,
        [(Timestamp(1_700_000_000_123_456), 113, b"hello".to_vec()), (Timestamp(0), 113, b"hi".to_vec())]
    );
}

#[test]
fn a_capture_cut_anywhere_gives_the_frames_before_the_cut_and_says_so() {
    let whole = two_frames();
    for len in 24..whole.len() {
        let (frames, error) = read_all(whole.get(..len).unwrap());
        assert_eq!(frames, expected().get(..frames.len()).unwrap());
        let clean = len == 24 || len == 24 + 16 + 11;
        match error {
            None => assert!(clean, "cut at {len} went unnoticed"),
            Some(CaptureError::Truncated { frames_before }) => {
                assert_eq!(frames_before, frames.len() as u64);
            }
            Some(other) => panic!("{other}"),
        }
    }
}

#[test]
fn what_is_no_capture_is_told_from_what_is_damaged() {
    assert!(matches!(read_all(b"").1, Some(CaptureError::NotACapture { .. })));
    assert!(matches!(read_all(b"GIF89a").1, Some(CaptureError::NotACapture { .. })));
    assert!(matches!(read_all(&[0x1f, 0x8b, 8, 0]).1, Some(CaptureError::Compressed)));
    let mut huge = two_frames();
    huge.splice(24 + 16 + 11 + 8..24 + 16 + 11 + 12, [0xff; 4]);
    let (frames, error) = read_all(&huge);
    assert_eq!(frames.len(), 1);
    assert!(matches!(error, Some(CaptureError::Damaged { frames_before: 1, .. })));
}

proptest! {
    #[test]
    fn no_bytes_panic(mut tail in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..200, value: u8) {
        let _ = read_all(&tail);
        let mut ng = ng_big_endian();
        let at = at % ng.len();
        if let Some(b) = ng.get_mut(at) { *b = value; }
        let _ = read_all(&ng);
        ng.append(&mut tail);
        let _ = read_all(&ng);
    }
}
