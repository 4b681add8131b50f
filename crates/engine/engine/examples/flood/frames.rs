//! Ethernet frames with right checksums.

/// An address and a port.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub ip: u32,
    pub port: u16,
}

/// A frame and the side it comes from.
#[derive(Clone, Debug)]
pub struct Frame {
    pub bytes: Vec<u8>,
    pub from_wan: bool,
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// Where the office's own addresses are: 192.168.1.0/24.
pub const OFFICE: u32 = 0xc0a8_0100;

pub fn is_office(ip: u32) -> bool {
    ip & 0xffff_ff00 == OFFICE
}

fn sum(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let whole: u64 = pairs.iter().map(|p| u64::from(u16::from_be_bytes(*p))).sum();
    whole + rest.first().map_or(0, |b| u64::from(*b) << 8)
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// `place`: the fragment field with its flags.
pub fn ip(src: u32, dst: u32, protocol: u8, id: u16, place: u16, payload: &[u8]) -> Frame {
    let mut f = Vec::with_capacity(34 + payload.len());
    f.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0]);
    f.extend(u16::try_from(20 + payload.len()).unwrap_or(u16::MAX).to_be_bytes());
    f.extend(id.to_be_bytes());
    f.extend(place.to_be_bytes());
    f.extend([64, protocol, 0, 0]);
    f.extend(src.to_be_bytes());
    f.extend(dst.to_be_bytes());
    let check = fold(sum(&f[14..34]));
    f[24..26].copy_from_slice(&check.to_be_bytes());
    f.extend(payload);
    Frame { bytes: f, from_wan: !is_office(src) }
}

fn sealed(src: u32, dst: u32, protocol: u8, at: usize, t: &mut [u8]) {
    let total =
        sum(&src.to_be_bytes()) + sum(&dst.to_be_bytes()) + u64::from(protocol) + t.len() as u64 + sum(t);
    let check = fold(total).to_be_bytes();
    t[at..at + 2].copy_from_slice(&check);
}

pub fn tcp(src: End, dst: End, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Frame {
    let mut t = Vec::with_capacity(20 + payload.len());
    t.extend(src.port.to_be_bytes());
    t.extend(dst.port.to_be_bytes());
    t.extend(seq.to_be_bytes());
    t.extend(ack.to_be_bytes());
    t.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    t.extend(payload);
    sealed(src.ip, dst.ip, 6, 16, &mut t);
    ip(src.ip, dst.ip, 6, 1, 0x4000, &t)
}

pub fn udp(src: End, dst: End, payload: &[u8]) -> Frame {
    let mut t = Vec::with_capacity(8 + payload.len());
    t.extend(src.port.to_be_bytes());
    t.extend(dst.port.to_be_bytes());
    t.extend(u16::try_from(8 + payload.len()).unwrap_or(u16::MAX).to_be_bytes());
    t.extend([0, 0]);
    t.extend(payload);
    sealed(src.ip, dst.ip, 17, 6, &mut t);
    ip(src.ip, dst.ip, 17, 1, 0x4000, &t)
}

/// Both ends of a TCP session that is made up here.
#[derive(Clone, Debug)]
pub struct Talk {
    pub client: End,
    pub server: End,
    pub client_next: u32,
    pub server_next: u32,
}

impl Talk {
    pub fn new(client: End, server: End, isn: u32) -> Talk {
        Talk { client, server, client_next: isn, server_next: isn ^ 0x5a5a_5a5a }
    }

    pub fn handshake(&mut self, out: &mut Vec<Frame>) {
        out.push(tcp(self.client, self.server, SYN, self.client_next, 0, &[]));
        self.client_next = self.client_next.wrapping_add(1);
        out.push(tcp(self.server, self.client, SYN | ACK, self.server_next, self.client_next, &[]));
        self.server_next = self.server_next.wrapping_add(1);
        out.push(tcp(self.client, self.server, ACK, self.client_next, self.server_next, &[]));
    }

    /// The client says something.
    pub fn ask(&mut self, payload: &[u8]) -> Frame {
        let frame = tcp(self.client, self.server, ACK, self.client_next, self.server_next, payload);
        self.client_next = self.client_next.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
        frame
    }

    /// The server says something.
    pub fn answer(&mut self, payload: &[u8]) -> Frame {
        let frame = tcp(self.server, self.client, ACK, self.server_next, self.client_next, payload);
        self.server_next = self.server_next.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
        frame
    }

    /// Both sides end.
    pub fn bye(&mut self, out: &mut Vec<Frame>) {
        out.push(tcp(self.client, self.server, FIN | ACK, self.client_next, self.server_next, &[]));
        self.client_next = self.client_next.wrapping_add(1);
        out.push(tcp(self.server, self.client, FIN | ACK, self.server_next, self.client_next, &[]));
        self.server_next = self.server_next.wrapping_add(1);
        out.push(tcp(self.client, self.server, ACK, self.client_next, self.server_next, &[]));
    }
}
