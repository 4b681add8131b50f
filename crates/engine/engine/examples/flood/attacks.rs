//! The flood: what strangers send to fill tables and burn time.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use mimamori_base::{Rng, SeededRng};

use crate::frames::{ACK, End, FIN, Frame, OFFICE, RST, SYN, Talk, ip, tcp, udp};

/// Sessions of the attacks that are under way at a time.
const SESSIONS: usize = 3000;

pub struct Attacks {
    rng: SeededRng,
    sessions: Vec<Session>,
    bomb: Vec<u8>,
    serial: u32,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    OneByte,
    Headers,
    Hpack,
    Bomb,
    Mail,
    Records,
    Conflicts,
}

struct Session {
    kind: Kind,
    talk: Talk,
    step: u32,
    steps: u32,
}

impl Attacks {
    pub fn new(seed: u64) -> Attacks {
        Attacks { rng: SeededRng::new(seed), sessions: Vec::new(), bomb: bomb(), serial: 0 }
    }

    fn below(&self, n: u32) -> u32 {
        u32::try_from(self.rng.next_u64() % u64::from(n.max(1))).unwrap_or(0)
    }

    fn port(&self) -> u16 {
        u16::try_from(1 + self.below(65_535)).unwrap_or(1)
    }

    /// Somebody in the Internet.
    fn stranger(&self) -> End {
        End { ip: 0x0100_0000 + self.below(0x7000_0000), port: self.port() }
    }

    fn device(&self, port: u16) -> End {
        End { ip: OFFICE + 1 + self.below(200), port }
    }

    /// The next few frames of the flood.
    pub fn next(&mut self, out: &mut Vec<Frame>) {
        match self.below(12) {
            0 | 1 => {
                let (from, to) = (self.stranger(), self.device(self.port()));
                out.push(tcp(from, to, SYN, self.below(u32::MAX), 0, &[]));
            }
            2 => self.fragments(out),
            3 => self.scan(out),
            4 => self.spray(out),
            5 => self.churn(out),
            6 => self.collide(out),
            _ => self.session(out),
        }
    }

    /// Packets that never become whole, pieces that lie over each other, ends that contradict.
    fn fragments(&mut self, out: &mut Vec<Frame>) {
        let (from, to) = (self.stranger(), self.device(0));
        let id = self.port();
        for _ in 0..=self.below(4) {
            let place =
                u16::try_from(self.below(200)).unwrap_or(0) | if self.below(3) == 0 { 0 } else { 0x2000 };
            let len = 8 * (1 + self.below(20));
            let fill = u8::try_from(self.below(256)).unwrap_or(0);
            out.push(ip(from.ip, to.ip, 17, id, place, &vec![fill; len as usize]));
        }
    }

    /// One stranger asks every port; the device says no.
    fn scan(&mut self, out: &mut Vec<Frame>) {
        self.serial = self.serial.wrapping_add(1);
        let from = End { ip: 0x2d00_0001 + self.serial / 60_000, port: 44_444 };
        let to = self.device(u16::try_from(self.serial % 65_536).unwrap_or(0));
        out.push(tcp(from, to, SYN, 7, 0, &[]));
        out.push(tcp(to, from, RST | ACK, 0, 8, &[]));
    }

    /// Datagrams everywhere, some of them shaped like DNS, QUIC, SNMP or SIP.
    fn spray(&mut self, out: &mut Vec<Frame>) {
        let mut payload = vec![0u8; 12 + self.below(500) as usize];
        self.rng.fill(&mut payload);
        let port = match self.below(6) {
            0 => {
                payload[2..12].copy_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
                53
            }
            1 => {
                payload[0] = 0xc3;
                payload[1..5].copy_from_slice(&[0, 0, 0, 1]);
                443
            }
            2 => {
                payload[0] = 0x30;
                161
            }
            3 => {
                payload[..12].copy_from_slice(b"OPTIONS sip:");
                5060
            }
            _ => self.port(),
        };
        let (from, to) = (self.stranger(), self.device(port));
        out.push(udp(from, to, &payload));
    }

    /// A session that is over before it has begun.
    fn churn(&mut self, out: &mut Vec<Frame>) {
        let mut talk =
            Talk::new(self.device(self.port()), End { port: 80, ..self.stranger() }, self.below(u32::MAX));
        talk.handshake(out);
        out.push(talk.ask(b"GET / HTTP/1.0\r\n\r\n"));
        out.push(talk.answer(b"HTTP/1.0 204 No\r\n\r\n"));
        if self.below(2) == 0 {
            talk.bye(out);
        } else {
            out.push(tcp(talk.client, talk.server, RST | ACK, talk.client_next, talk.server_next, &[]));
        }
    }

    /// Addresses and ports that weak hashes put into one bucket: equal sums, equal exclusive ors.
    fn collide(&mut self, out: &mut Vec<Frame>) {
        self.serial = self.serial.wrapping_add(1);
        let n = self.serial & 0xffff;
        let low = u16::try_from(n).unwrap_or(0);
        let from = End { ip: 0x0a00_0000 | n, port: !low };
        let to = End { ip: OFFICE + 7, port: low ^ 0x1234 };
        if self.below(2) == 0 {
            out.push(tcp(from, to, SYN, 0, 0, &[]));
        } else {
            out.push(udp(from, to, b"................"));
        }
    }

    /// A step of one of the sessions under way.
    fn session(&mut self, out: &mut Vec<Frame>) {
        if self.sessions.len() < SESSIONS {
            let begun = self.begin(out);
            self.sessions.push(begun);
            return;
        }
        let at = self.below(u32::try_from(SESSIONS).unwrap_or(1)) as usize;
        let mut session = self.sessions.swap_remove(at);
        self.step(&mut session, out);
        session.step += 1;
        if session.step < session.steps {
            self.sessions.push(session);
        } else if self.below(2) == 0 {
            session.talk.bye(out);
        }
    }

    fn begin(&mut self, out: &mut Vec<Frame>) -> Session {
        let (kind, port, steps) = match self.below(7) {
            0 => (Kind::OneByte, 80, 1500),
            1 => (Kind::Headers, 80, 300),
            2 => (Kind::Hpack, 80, 200),
            3 => (Kind::Bomb, 80, 200),
            4 => (Kind::Mail, 25, 400),
            5 => (Kind::Records, 443, 600),
            _ => (Kind::Conflicts, 80, 300),
        };
        let mut talk =
            Talk::new(self.device(self.port()), End { port, ..self.stranger() }, self.below(u32::MAX));
        talk.handshake(out);
        match kind {
            Kind::Headers => out.push(talk.ask(b"GET /h HTTP/1.1\r\nHost: a\r\n")),
            Kind::Hpack => out.push(talk.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")),
            Kind::Bomb => {
                out.push(talk.ask(b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"));
                out.push(talk.answer(
                    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 900000000\r\n\r\n",
                ));
            }
            Kind::Mail => {
                out.push(talk.answer(b"220 a\r\n"));
                out.push(talk.ask(b"EHLO a\r\n"));
                out.push(talk.answer(b"250 a\r\n"));
                out.push(talk.ask(b"MAIL FROM:<a@a>\r\n"));
                out.push(talk.answer(b"250 a\r\n"));
                out.push(talk.ask(b"RCPT TO:<a@a>\r\n"));
                out.push(talk.answer(b"250 a\r\n"));
                out.push(talk.ask(b"DATA\r\n"));
                out.push(talk.answer(b"354 a\r\n"));
            }
            Kind::OneByte | Kind::Records | Kind::Conflicts => {}
        }
        Session { kind, talk, step: 0, steps }
    }

    fn step(&mut self, s: &mut Session, out: &mut Vec<Frame>) {
        let n = s.step;
        let (client, server) = (s.talk.client, s.talk.server);
        match s.kind {
            Kind::OneByte => {
                // Ahead of a hole that is never filled, now and then in order.
                let ahead = if n.is_multiple_of(16) { 0 } else { 1 + self.below(60_000) };
                let seq = s.talk.client_next.wrapping_add(ahead);
                out.push(tcp(client, server, ACK, seq, s.talk.server_next, b"x"));
                s.talk.client_next = s.talk.client_next.wrapping_add(u32::from(ahead == 0));
            }
            Kind::Headers => {
                let line = match n % 3 {
                    0 => format!("X-{n}: {}\r\n", "a".repeat(1200)),
                    1 => format!(" {}\r\n", "folded ".repeat(150)),
                    _ => format!("A{n}:b\r\n").repeat(150),
                };
                out.push(s.talk.ask(line.as_bytes()));
            }
            Kind::Hpack => out.push(s.talk.ask(&hpack(n))),
            Kind::Bomb => {
                let at = n as usize * 1400 % self.bomb.len().max(1);
                let piece = self.bomb.get(at..).unwrap_or(&[]);
                out.push(s.talk.answer(&piece[..piece.len().min(1400)]));
                out.push(s.talk.ask(b""));
            }
            Kind::Mail => {
                let part = format!(
                    "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n{}",
                    "Content-Transfer-Encoding: base64\r\n\r\nAAAA====QUFB\r\n".repeat(10)
                );
                out.push(s.talk.ask(part.as_bytes()));
            }
            Kind::Records => {
                // A hello of 64 kB, a byte in each record.
                let mut record = vec![22, 3, 1, 0, 1];
                record.push(*[1, 0, 0xff, 0xff, 3, 3].get(n as usize).unwrap_or(&7));
                out.push(s.talk.ask(&record));
            }
            Kind::Conflicts => {
                let text = b"GET /one-and-the-same HTTP/1.1\r\n";
                let other = b"GET /something-else-! HTTP/1.1\r\n";
                let seq = s.talk.client_next.wrapping_add(self.below(64));
                let bytes: &[u8] = if n.is_multiple_of(2) { text } else { other };
                out.push(tcp(client, server, ACK, seq, s.talk.server_next, bytes));
                if self.below(40) == 0 {
                    out.push(tcp(client, server, FIN | ACK, seq, s.talk.server_next, &[]));
                }
            }
        }
    }
}

/// Frames of HTTP/2: big entries for the table, then references to them without end.
fn hpack(n: u32) -> Vec<u8> {
    let mut block = Vec::new();
    if n.is_multiple_of(10) {
        // A literal with indexing, a new name of 4 bytes, a value of 1000.
        block.extend([0x40, 4]);
        block.extend(b"bomb");
        block.extend([0x7f, 0xe9, 6]);
        block.extend([b'v'; 1000]);
    }
    block.resize(1300, 0xbe);
    let kind = if n == 0 { 1 } else { 9 };
    let mut frame = vec![0];
    frame.extend(u16::try_from(block.len()).unwrap_or(0).to_be_bytes());
    frame.extend([kind, 0, 0, 0, 0, 1]);
    frame.extend(block);
    frame
}

/// Zeros packed twice: 64 MB in less than a kilobyte, then more of the same.
fn bomb() -> Vec<u8> {
    let zeros = vec![0u8; 64 << 20];
    pack(&pack(&zeros)).repeat(64)
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
