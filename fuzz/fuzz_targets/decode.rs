//! One frame of any link type: decoding never panics and views stay inside the frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_base::Timestamp;
use mimamori_packet::{DecodeConfig, Decoder, LinkType};

const LINKS: [i32; 12] = [1, 1, 1, 0, 9, 12, 101, 104, 108, 113, 204, 276];

fuzz_target!(|data: &[u8]| {
    let Some((first, frame)) = data.split_first() else { return };
    let link = LinkType(LINKS[usize::from(*first) % LINKS.len()]);
    let mut decoder = Decoder::new(DecodeConfig::default());
    decoder.decode(Timestamp::EPOCH, link, frame, &mut |p| {
        assert!(p.payload.is_empty() || p.payload_offset + p.payload.len() <= p.data.len());
        let _ = (p.transport_checksum_ok(), p.ipv4_checksum_ok(), p.ports(), p.ttl());
    });
});
