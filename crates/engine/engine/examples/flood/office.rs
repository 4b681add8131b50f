//! The honest traffic that has to be served meanwhile, and the bad things in it that have to be
//! found meanwhile.

use mimamori_base::{Rng, SeededRng};

use crate::frames::{End, Frame, OFFICE, Talk, udp};

/// Conversations at a time; as many are of people who read between their frames.
const AT_A_TIME: usize = 64;
pub const MARK: &[u8] = b"FLOOD-BENCH-EVIL-FILE";
pub const RULES: &str = "\
drop http any any -> any any (msg:\"bench\"; flow:established,to_client; file.data; content:\"FLOOD-BENCH-EVIL-FILE\"; sid:9900001;)
alert dns any any -> any any (msg:\"bench\"; dns.query; content:\"flood-bench-evil\"; sid:9900002;)
";

/// What became of the conversations so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Every frame passed unchanged.
    pub served: u64,
    /// A frame was stopped or changed.
    pub hurt: u64,
    pub evil_found: u64,
    pub evil_missed: u64,
}

pub struct Office {
    rng: SeededRng,
    talks: Vec<Conversation>,
    serial: u32,
    pub tally: Tally,
}

struct Conversation {
    frames: std::collections::VecDeque<Frame>,
    evil: bool,
    hurt: bool,
    found: bool,
    /// Not before this frame of the whole run: a person reads.
    wait_until: u64,
}

impl Office {
    pub fn new(seed: u64) -> Office {
        Office { rng: SeededRng::new(seed), talks: Vec::new(), serial: 0, tally: Tally::default() }
    }

    /// The next frame of one of the conversations, with its place for [`Office::passed`].
    pub fn next(&mut self, count: u64) -> Option<(usize, Frame)> {
        while self.talks.len() < 2 * AT_A_TIME {
            // The first half of the places are quick, the second slow.
            let new = self.begin(self.talks.len() >= AT_A_TIME);
            self.talks.push(new);
        }
        let at = usize::try_from(self.rng.next_u64() % (2 * AT_A_TIME as u64)).ok()?;
        let talk = self.talks.get_mut(at)?;
        if count < talk.wait_until {
            return None;
        }
        if at >= AT_A_TIME {
            // At 200,000 frames a second: three seconds.
            talk.wait_until = count + 600_000;
        }
        talk.frames.pop_front().map(|f| (at, f))
    }

    /// What became of the frame.
    pub fn passed(&mut self, at: usize, forwarded: bool, alerted: bool) {
        let Some(talk) = self.talks.get_mut(at) else { return };
        talk.hurt |= !forwarded;
        talk.found |= alerted;
        if !(talk.frames.is_empty() || talk.hurt || talk.found) {
            return;
        }
        let new = self.begin(at >= AT_A_TIME);
        let Some(place) = self.talks.get_mut(at) else { return };
        let talk = std::mem::replace(place, new);
        let t = &mut self.tally;
        match (talk.evil, talk.found, talk.hurt) {
            (true, true, _) => t.evil_found += 1,
            (true, false, _) => t.evil_missed += 1,
            (false, _, true) => t.hurt += 1,
            (false, _, false) => t.served += 1,
        }
    }

    fn begin(&mut self, slow: bool) -> Conversation {
        self.serial = self.serial.wrapping_add(1);
        let n = self.serial;
        let client =
            End { ip: OFFICE + 210 + n % 40, port: u16::try_from(2_000 + n / 40 % 60_000).unwrap_or(1) };
        let evil = n.is_multiple_of(16);
        let mut frames = Vec::new();
        if !slow && (n % 4 == 1 || n.is_multiple_of(32)) {
            dns(client, n, evil, &mut frames);
        } else {
            web(client, n, evil, &mut frames);
        }
        Conversation { frames: frames.into(), evil, hurt: false, found: false, wait_until: 0 }
    }
}

fn dns(client: End, n: u32, evil: bool, out: &mut Vec<Frame>) {
    let server = End { ip: 0x0808_0808, port: 53 };
    let name: &[u8] = if evil { b"\x10flood-bench-evil\x07example\0" } else { b"\x03www\x07example\0" };
    let [a, b] = u16::try_from(n & 0xffff).unwrap_or(0).to_be_bytes();
    let question = [&[a, b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], name, &[0, 1, 0, 1]].concat();
    let mut answer = question.clone();
    answer[2] = 0x81;
    answer[3] = 0x80;
    answer[7] = 1;
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 10]);
    out.push(udp(client, server, &question));
    out.push(udp(server, client, &answer));
}

fn web(client: End, n: u32, evil: bool, out: &mut Vec<Frame>) {
    let server = End { ip: 0xcb00_710a, port: 80 };
    let mut talk = Talk::new(client, server, n.wrapping_mul(0x9e37_79b9));
    talk.handshake(out);
    out.push(talk.ask(format!("GET /page/{n} HTTP/1.1\r\nHost: www.example\r\n\r\n").as_bytes()));
    let mut body = vec![b'.'; 14_000];
    if evil {
        body[9000..9000 + MARK.len()].copy_from_slice(MARK);
    }
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", body.len());
    out.push(talk.answer(head.as_bytes()));
    for piece in body.chunks(1400) {
        out.push(talk.answer(piece));
        out.push(talk.ask(b""));
    }
    talk.bye(out);
}
