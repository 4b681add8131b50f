//! TCP flows out of the shared captures, put together the simple way.

use std::collections::BTreeMap;
use std::path::Path;

use mimamori_base::Direction;

use crate::Turn;

pub struct Flow {
    pub name: String,
    pub ports: [u16; 2],
    pub turns: Vec<Turn>,
}

const MAX_CAPTURE_BYTES: u64 = 60_000;

pub fn flows() -> Option<Vec<Flow>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance/pcaps");
    let mut paths: Vec<_> = std::fs::read_dir(folder).ok()?.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    let mut flows = Vec::new();
    for path in paths {
        let small = path.metadata().is_ok_and(|m| m.len() < MAX_CAPTURE_BYTES);
        if let Some(bytes) = small.then(|| std::fs::read(&path).ok()).flatten() {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            flows.extend(read(&name, &bytes));
        }
    }
    Some(flows)
}

struct State {
    client: (u32, u16),
    server: (u32, u16),
    next: [Option<u32>; 2],
    turns: Vec<Turn>,
}

fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(b.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(b.get(at..at + 4)?.try_into().ok()?))
}

fn read(name: &str, file: &[u8]) -> Vec<Flow> {
    let mut states: Vec<State> = Vec::new();
    let little = file.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]);
    let number = |at: usize| {
        let b: [u8; 4] = file.get(at..at + 4)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(b) } else { u32::from_be_bytes(b) } as usize)
    };
    let link = number(20).unwrap_or(0);
    let skip = match link {
        1 => 14,
        101 | 12 | 228 => 0,
        0 => 4,
        _ => return Vec::new(),
    };
    let mut at = 24;
    while let Some(length) = number(at + 8) {
        let Some(frame) = file.get(at + 16..at + 16 + length) else { break };
        at += 16 + length;
        if let Some(ip) = frame.get(skip..) {
            let _ = segment(ip, &mut states);
        }
    }
    let mut by_ports = BTreeMap::new();
    for (i, s) in states.into_iter().enumerate() {
        if !s.turns.is_empty() {
            let ports = [s.client.1, s.server.1];
            by_ports.insert(i, Flow { name: format!("{name} {ports:?}"), ports, turns: s.turns });
        }
    }
    by_ports.into_values().collect()
}

fn segment(ip: &[u8], states: &mut Vec<State>) -> Option<()> {
    if ip.first()? >> 4 != 4 || *ip.get(9)? != 6 {
        return None;
    }
    let header = usize::from(ip[0] & 15) * 4;
    let total = usize::from(u16_at(ip, 2)?);
    let ip = if total >= header && total <= ip.len() { &ip[..total] } else { ip };
    let tcp = ip.get(header..)?;
    let from = (u32_at(ip, 12)?, u16_at(tcp, 0)?);
    let to = (u32_at(ip, 16)?, u16_at(tcp, 2)?);
    let sequence = u32_at(tcp, 4)?;
    let flags = *tcp.get(13)?;
    let payload = tcp.get(usize::from(tcp.get(12)? >> 4) * 4..)?;
    let known = |s: &State| (s.client, s.server) == (from, to) || (s.client, s.server) == (to, from);
    if flags & 0x12 == 2 || !states.iter().any(known) {
        states.push(State { client: from, server: to, next: [None, None], turns: Vec::new() });
    }
    let state = states.iter_mut().rev().find(|s| known(s))?;
    let dir = if state.client == from { Direction::ToServer } else { Direction::ToClient };
    let start = sequence.wrapping_add(u32::from(flags & 2 != 0));
    let next = state.next[dir.index()].get_or_insert(start);
    let ahead = start.wrapping_sub(*next) as i32;
    if payload.is_empty() || (ahead < 0 && (-ahead) as usize >= payload.len()) {
        return Some(());
    }
    let fresh = if ahead < 0 { &payload[(-ahead) as usize..] } else { payload };
    if ahead > 0 {
        state.turns.push(Turn::Gap(dir, ahead as u64));
    }
    *next = start.wrapping_add(payload.len() as u32);
    state.turns.push(Turn::Bytes(dir, fresh.to_vec()));
    Some(())
}
