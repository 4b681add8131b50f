//! Cutting the payload of captured TCP segments into smaller ones.

/// The frames that carry the same as `frame` (Ethernet, IPv4, TCP) in pieces of `piece` bytes.
/// What is anything else stays as it is. Checksums are left wrong.
pub fn cut(frame: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let Some((header, payload, tcp)) = parts(frame) else { return vec![frame.to_vec()] };
    let seq = u32::from_be_bytes([frame[tcp + 4], frame[tcp + 5], frame[tcp + 6], frame[tcp + 7]]);
    let count = payload.len().div_ceil(piece);
    let one = |(i, bytes): (usize, &[u8])| {
        let mut out = header.to_vec();
        out.extend_from_slice(bytes);
        let ip_len = u16::try_from(out.len() - 14).expect("fits");
        out[16..18].copy_from_slice(&ip_len.to_be_bytes());
        let at = u32::try_from(i * piece).expect("fits");
        out[tcp + 4..tcp + 8].copy_from_slice(&seq.wrapping_add(at).to_be_bytes());
        if i + 1 < count {
            // The end comes with the last piece.
            out[tcp + 13] &= !0x01;
        }
        out
    };
    payload.chunks(piece).enumerate().map(one).collect()
}

/// Headers, payload, and where TCP begins; none for what is not to be cut.
fn parts(frame: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let is_ip = frame.get(12..14)? == [8, 0] && frame.get(14)? >> 4 == 4 && *frame.get(23)? == 6;
    let whole = frame.get(20)? & 0x3f == 0 && *frame.get(21)? == 0;
    let tcp = 14 + usize::from(frame.get(14)? & 0xf) * 4;
    let end = 14 + usize::from(u16::from_be_bytes([*frame.get(16)?, *frame.get(17)?]));
    let data = tcp + usize::from(frame.get(tcp + 12)? >> 4) * 4;
    // SYN, RST, URG: their bytes mean something of their own.
    let plain = frame.get(tcp + 13)? & 0x26 == 0;
    let payload = frame.get(data..end)?;
    (is_ip && whole && plain && payload.len() > 1).then(|| (&frame[..data], payload, tcp))
}

#[test]
fn pieces_join_to_the_whole() {
    // Ethernet, IPv4 of 48 bytes, TCP with PSH and FIN, eight bytes.
    let mut frame = vec![0; 12];
    frame.extend_from_slice(&[8, 0, 0x45, 0, 0, 48, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2, 0x10, 0, 0, 80]);
    frame.extend_from_slice(&[0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0, 0x50, 0x19, 0, 0, 0, 0, 0, 0]);
    frame.extend_from_slice(b"abcdefgh");
    let pieces = cut(&frame, 3);
    let payload: Vec<u8> = pieces.iter().flat_map(|p| p[54..].to_vec()).collect();
    assert_eq!(payload, b"abcdefgh");
    assert_eq!(pieces.iter().map(|p| p[41]).collect::<Vec<_>>(), [0xfe, 1, 4]);
    assert_eq!(pieces.iter().map(|p| p[47] & 1).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(cut(&frame[..40], 3), [frame[..40].to_vec()]);
}
