//! Packets of one session, wild: nothing panics, memory is given back, offsets only grow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_base::{Direction, Timestamp};
use mimamori_flow::{Association, Chunk, FlowConfig, FlowTable, TcpSession};
use mimamori_packet::{DecodeConfig, Decoder, LinkType};

fuzz_target!(|data: &[u8]| {
    let Some((options, rest)) = data.split_first() else { return };
    let mut config = FlowConfig::default();
    config.stream.check_checksums = false;
    config.stream.inline = options & 1 != 0;
    config.stream.midstream = options & 2 != 0;
    config.stream.async_oneside = options & 4 != 0;
    config.stream.memcap_bytes = if options & 8 != 0 { 64 } else { 1 << 20 };
    config.stream.depth_bytes = if options & 16 != 0 { 40 } else { 0 };
    let mut table: FlowTable<[u64; 2]> = FlowTable::new(config);
    let mut decoder = Decoder::new(DecodeConfig::default());
    for (n, piece) in (0i64..).zip(rest.chunks(12)) {
        let Some(frame) = segment(piece) else { break };
        let now = Timestamp::from_millis(n);
        decoder.decode(now, LinkType::RAW, &frame, &mut |p| {
            let found = table.associate(now, p, |_| [0; 2]);
            let Association::Flow { handle, direction, .. } = found else { return };
            let outcome = table.handle_tcp(handle, direction, now, p);
            let turned = outcome.as_ref().is_some_and(|o| o.direction.is_some());
            if let Some(rewritten) = outcome.and_then(|o| o.rewrite_payload) {
                assert_eq!(rewritten.len(), p.payload.len());
            }
            if let Some(flow) = table.get_mut(handle) {
                if turned {
                    flow.data.swap(0, 1);
                }
                if let Some(tcp) = &mut flow.tcp {
                    drain(tcp, &mut flow.data);
                }
            }
        });
    }
    table.end_all();
    while let Some(mut flow) = table.take_ended() {
        if let Some(tcp) = &mut flow.tcp {
            drain(tcp, &mut flow.data);
        }
    }
    assert_eq!(table.stats().stream_memory_bytes, 0);
});

fn drain(tcp: &mut TcpSession, at: &mut [u64; 2]) {
    for direction in Direction::BOTH {
        let next = &mut at[direction.index()];
        let stream = tcp.stream_mut(direction);
        while let Some(chunk) = stream.next_chunk() {
            match chunk {
                Chunk::Data { offset, bytes } => {
                    assert!(offset >= *next && !bytes.is_empty(), "{direction:?} {offset} +{} after {next}", bytes.len());
                    *next = offset + bytes.len() as u64;
                }
                Chunk::Gap { offset, len } => *next = offset + len,
                Chunk::DepthReached | Chunk::End => {}
            }
        }
        let all = stream.released();
        stream.set_raw_progress(all);
    }
}

/// Direction and lengths, flags, sequence, acknowledgement, urgent pointer, then the payload.
fn segment(piece: &[u8]) -> Option<Vec<u8>> {
    let [how, flags, seq, ack, urgent, payload @ ..] = piece else { return None };
    let ends = [[10, 0, 0, 1], [10, 0, 0, 2]];
    let ports = [[0x90, 1], [0, 80]];
    let (src, dst) = if how & 1 == 0 { (0, 1) } else { (1, 0) };
    let mut f = vec![0x45, 0, 0, u8::try_from(40 + payload.len()).ok()?, 0, 0, 0, 0, 64, 6, 0, 0];
    f.extend(ends[src]);
    f.extend(ends[dst]);
    f.extend(ports[src]);
    f.extend(ports[dst]);
    f.extend(u32::from(*seq).wrapping_sub(60).to_be_bytes());
    f.extend(u32::from(*ack).wrapping_sub(60).to_be_bytes());
    f.extend([0x50, *flags, 1, 0, 0, 0, 0, urgent & 15]);
    f.extend(payload);
    Some(f)
}
