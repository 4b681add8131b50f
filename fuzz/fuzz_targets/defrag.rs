//! Many small fragments of a few packets: memory stays within its cap, nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_base::Timestamp;
use mimamori_packet::{DecodeConfig, Decoder, DefragConfig, LinkType};

fuzz_target!(|data: &[u8]| {
    let defrag = DefragConfig { memcap_bytes: 2048, max_trackers: 4, ..DefragConfig::default() };
    let mut decoder = Decoder::new(DecodeConfig { defrag, ..DecodeConfig::default() });
    for (n, piece) in (0i64..).zip(data.chunks(24)) {
        let [id, offset, body @ ..] = piece else { return };
        let total = u8::try_from(20 + body.len()).unwrap_or(20);
        // Three bits of identity, one of version and "more", the rest says where.
        let mut frame = if id & 8 == 0 {
            let more = if id & 16 == 0 { 0 } else { 0x20 };
            vec![0x45, 0, 0, total, 0, id & 7, more, *offset, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
        } else {
            let mut f = vec![0x60, 0, 0, 0, 0, 8 + total - 20, 44, 64];
            f.extend([0u8; 32]);
            f.extend([17, 0, offset >> 5, (offset << 3) | u8::from(id & 16 != 0), 0, 0, 0, id & 7]);
            f
        };
        frame.extend(body);
        decoder.decode(Timestamp::from_secs(n), LinkType::RAW, &frame, &mut |_| ());
        assert!(decoder.defrag().held_bytes() <= 2048);
    }
});
