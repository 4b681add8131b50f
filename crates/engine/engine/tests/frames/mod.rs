//! Frames with right checksums, for tests: a client 192.168.1.5 and a server 198.51.100.9.

pub const CLIENT: [u8; 4] = [192, 168, 1, 5];
pub const SERVER: [u8; 4] = [198, 51, 100, 9];

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

fn sum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let mut total = 0u32;
    for pair in bytes.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

pub fn ipv4(protocol: u8, ttl: u8, from_client: bool, payload: &[u8]) -> Vec<u8> {
    fragment(protocol, ttl, from_client, 1, 0, payload)
}

/// `place`: the fragment field with its flags.
pub fn fragment(protocol: u8, ttl: u8, from_client: bool, id: u16, place: u16, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = if from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let total = u16::try_from(20 + payload.len()).expect("short");
    let mut p = vec![0x45, 0];
    p.extend(total.to_be_bytes());
    p.extend(id.to_be_bytes());
    p.extend(place.to_be_bytes());
    p.extend([ttl, protocol, 0, 0]);
    p.extend(src);
    p.extend(dst);
    let check = sum(&[&p]);
    p[10..12].copy_from_slice(&check.to_be_bytes());
    p.extend(payload);
    let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    f.extend(p);
    f
}

fn sealed(protocol: u8, at: usize, from_client: bool, mut t: Vec<u8>) -> Vec<u8> {
    let (src, dst) = if from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let len = u16::try_from(t.len()).expect("short").to_be_bytes();
    let check = if protocol == 1 { sum(&[&t]) } else { sum(&[&src, &dst, &[0, protocol], &len, &t]) };
    t[at..at + 2].copy_from_slice(&check.to_be_bytes());
    t
}

pub fn tcp_at(
    port: u16,
    ttl: u8,
    from_client: bool,
    flags: u8,
    seq: u32,
    ack: u32,
    payload: &[u8],
) -> Vec<u8> {
    let (sport, dport) = if from_client { (port, 80u16) } else { (80, port) };
    let mut t = Vec::new();
    t.extend(sport.to_be_bytes());
    t.extend(dport.to_be_bytes());
    t.extend(seq.to_be_bytes());
    t.extend(ack.to_be_bytes());
    t.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    t.extend(payload);
    ipv4(6, ttl, from_client, &sealed(6, 16, from_client, t))
}

pub fn tcp(from_client: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    tcp_at(40_000, 64, from_client, flags, seq, ack, payload)
}

/// The datagram without its IP header.
pub fn udp_bytes(from_client: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    let (sport, dport) = if from_client { (40_000, port) } else { (port, 40_000) };
    let mut t = Vec::new();
    t.extend(sport.to_be_bytes());
    t.extend(dport.to_be_bytes());
    t.extend(u16::try_from(8 + payload.len()).expect("short").to_be_bytes());
    t.extend([0, 0]);
    t.extend(payload);
    sealed(17, 6, from_client, t)
}

pub fn udp(from_client: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    ipv4(17, 64, from_client, &udp_bytes(from_client, port, payload))
}

pub fn ping(from_client: bool, payload: &[u8]) -> Vec<u8> {
    let kind = if from_client { 8 } else { 0 };
    let mut t = vec![kind, 0, 0, 0, 0, 7, 0, 1];
    t.extend(payload);
    ipv4(1, 64, from_client, &sealed(1, 2, from_client, t))
}
