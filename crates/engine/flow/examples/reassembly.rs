//! How fast decoding, flows and reassembly are: `reassembly [--inline] CAPTURE...`, each read once into
//! memory, then played without detection.

use std::time::{Duration, Instant};

use mimamori_base::{Direction, Timestamp};
use mimamori_flow::{Association, Chunk, FlowConfig, FlowTable};
use mimamori_packet::{DecodeConfig, Decoder, LinkType};

fn main() {
    let (mut packets, mut bytes, mut stream_bytes, mut flows) = (0u64, 0u64, 0u64, 0u64);
    let mut took = Duration::ZERO;
    let (files, options): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|a| !a.starts_with("--"));
    for path in files {
        let Ok(file) = std::fs::read(&path) else {
            eprintln!("{path}: cannot be read");
            continue;
        };
        let Some((link, frames)) = little_endian_pcap(&file) else { continue };
        let mut config = FlowConfig::default();
        config.stream.inline = options.iter().any(|o| o == "--inline");
        config.stream.check_checksums = options.iter().any(|o| o == "--checksums");
        let mut decoder = Decoder::new(DecodeConfig::default());
        let mut table: FlowTable<()> = FlowTable::new(config);
        let begin = Instant::now();
        for (now, frame) in frames {
            packets += 1;
            bytes += frame.len() as u64;
            decoder.decode(now, link, frame, &mut |p| {
                let Association::Flow { handle, direction, .. } = table.associate(now, p, |_| ()) else {
                    return;
                };
                let Some(outcome) = table.handle_tcp(handle, direction, now, p) else { return };
                let Some(tcp) = table.get_mut(handle).and_then(|f| f.tcp.as_mut()) else { return };
                for (direction, pending) in Direction::BOTH.into_iter().zip(outcome.pending) {
                    if !pending {
                        continue;
                    }
                    let stream = tcp.stream_mut(direction);
                    while let Some(chunk) = stream.next_chunk() {
                        if let Chunk::Data { bytes, .. } = chunk {
                            stream_bytes += bytes.len() as u64;
                        }
                    }
                    let all = stream.released();
                    stream.set_raw_progress(all);
                }
            });
            table.expire(now, 16);
            while table.take_ended().is_some() {}
        }
        table.end_all();
        took += begin.elapsed();
        flows += table.stats().created;
    }
    let seconds = took.as_secs_f64().max(1e-9);
    println!(
        "{packets} packets, {bytes} bytes, {flows} flows, {stream_bytes} stream bytes in {seconds:.3} s: {:.0} MB/s, {:.0} ns a packet",
        bytes as f64 / 1e6 / seconds,
        seconds * 1e9 / packets.max(1) as f64
    );
}

type Capture<'f> = (LinkType, Vec<(Timestamp, &'f [u8])>);

/// Link type and frames of a pcap file as most machines write it.
fn little_endian_pcap(file: &[u8]) -> Option<Capture<'_>> {
    if file.first_chunk::<4>()? != &[0xd4, 0xc3, 0xb2, 0xa1] {
        return None;
    }
    let number = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
    let link = LinkType(i32::try_from(number(20)? & 0xffff).ok()?);
    let mut frames = Vec::new();
    let mut at = 24;
    while let (Some(secs), Some(micros), Some(len)) = (number(at), number(at + 4), number(at + 8)) {
        let Some(frame) = file.get(at + 16..at + 16 + usize::try_from(len).ok()?) else { break };
        frames.push((Timestamp(i64::from(secs) * 1_000_000 + i64::from(micros)), frame));
        at += 16 + frame.len();
    }
    Some((link, frames))
}
