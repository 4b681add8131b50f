//! Frames with right checksums between a client 192.168.1.5 and a server 198.51.100.9.

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;
pub const URG: u8 = 32;

pub const CLIENT: [u8; 4] = [192, 168, 1, 5];
pub const SERVER: [u8; 4] = [198, 51, 100, 9];
pub const CLIENT6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
pub const SERVER6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

fn sum(parts: &[&[u8]]) -> [u8; 2] {
    let bytes: Vec<u8> = parts.concat();
    let mut total = 0u32;
    for pair in bytes.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    (!(total as u16)).to_be_bytes()
}

pub fn len16(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("short").to_be_bytes()
}

pub fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    f.extend(kind.to_be_bytes());
    f.extend(payload);
    f
}

/// The fields of an IPv4 header that tests change.
#[derive(Clone)]
pub struct Ip4 {
    pub id: u16,
    /// Offset in units of eight bytes, with the flags.
    pub place: u16,
    pub ttl: u8,
    pub options: Vec<u8>,
}

impl Default for Ip4 {
    fn default() -> Self {
        Ip4 { id: 1, place: 0, ttl: 64, options: Vec::new() }
    }
}

impl Ip4 {
    pub fn packet(&self, protocol: u8, from_client: bool, payload: &[u8]) -> Vec<u8> {
        let (src, dst) = if from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let header = 20 + self.options.len();
        let mut p = vec![0x40 | u8::try_from(header / 4).expect("short"), 0];
        p.extend(len16(header + payload.len()));
        p.extend(self.id.to_be_bytes());
        p.extend(self.place.to_be_bytes());
        p.extend([self.ttl, protocol, 0, 0]);
        p.extend(src);
        p.extend(dst);
        p.extend(&self.options);
        let check = sum(&[&p]);
        p[10..12].copy_from_slice(&check);
        p.extend(payload);
        p
    }

    pub fn frame(&self, protocol: u8, from_client: bool, payload: &[u8]) -> Vec<u8> {
        ethernet(0x800, &self.packet(protocol, from_client, payload))
    }
}

pub fn ip4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    Ip4::default().packet(protocol, true, payload)
}

pub fn ip6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut p = vec![0x60, 0, 0, 0];
    p.extend(len16(payload.len()));
    p.extend([next, 64]);
    p.extend(CLIENT6);
    p.extend(SERVER6);
    p.extend(payload);
    p
}

/// A datagram from the client over IPv4.
pub fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    datagram(true, 40_000, port, payload)
}

pub fn datagram(from_client: bool, client_port: u16, port: u16, payload: &[u8]) -> Vec<u8> {
    let (sport, dport) = if from_client { (client_port, port) } else { (port, client_port) };
    let mut t = [sport.to_be_bytes(), dport.to_be_bytes(), len16(8 + payload.len()), [0, 0]].concat();
    t.extend(payload);
    let len = len16(t.len());
    let check = sum(&[&CLIENT, &SERVER, &[0, 17], &len, &t]);
    t[6..8].copy_from_slice(&check);
    t
}

/// A datagram from the client over IPv6.
pub fn udp6(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut t = [40_000u16.to_be_bytes(), port.to_be_bytes(), len16(8 + payload.len()), [0, 0]].concat();
    t.extend(payload);
    let len = len16(t.len());
    let check = sum(&[&CLIENT6, &SERVER6, &[0, 17], &len, &t]);
    t[6..8].copy_from_slice(&check);
    t
}

/// A TCP segment.
#[derive(Clone)]
pub struct Segment {
    pub client_port: u16,
    pub port: u16,
    pub from_client: bool,
    pub flags: u8,
    pub seq: u32,
    pub ack: u32,
    pub window: u16,
    pub urgent: u16,
    pub options: Vec<u8>,
    pub data: Vec<u8>,
}

impl Segment {
    pub fn new(from_client: bool, flags: u8, seq: u32, ack: u32, data: &[u8]) -> Self {
        Segment {
            client_port: 40_000,
            port: 80,
            from_client,
            flags,
            seq,
            ack,
            window: 0x2000,
            urgent: 0,
            options: Vec::new(),
            data: data.to_vec(),
        }
    }

    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// The bytes after the IP header.
    pub fn bytes(&self) -> Vec<u8> {
        let ports = [self.client_port.to_be_bytes(), self.port.to_be_bytes()];
        let mut t = if self.from_client { ports.concat() } else { [ports[1], ports[0]].concat() };
        t.extend(self.seq.to_be_bytes());
        t.extend(self.ack.to_be_bytes());
        let header = 20 + self.options.len();
        assert!(header.is_multiple_of(4) && header <= 60);
        t.extend([u8::try_from(header / 4).expect("short") << 4, self.flags]);
        t.extend(self.window.to_be_bytes());
        t.extend([0, 0]);
        t.extend(self.urgent.to_be_bytes());
        t.extend(&self.options);
        t.extend(&self.data);
        let len = len16(t.len());
        let check = sum(&[&CLIENT, &SERVER, &[0, 6], &len, &t]);
        t[16..18].copy_from_slice(&check);
        t
    }

    pub fn frame(&self) -> Vec<u8> {
        Ip4::default().frame(6, self.from_client, &self.bytes())
    }
}

/// Options of a segment: time stamps after two no-ops.
pub fn stamps(value: u32, echo: u32) -> Vec<u8> {
    [&[1, 1, 8, 10][..], &value.to_be_bytes(), &echo.to_be_bytes()].concat()
}
