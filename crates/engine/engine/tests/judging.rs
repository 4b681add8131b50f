//! Files in transit, with a judge that knows the word "virus": no receiver gets the whole of a
//! harmful file, what is clean goes on bit for bit, and what waits does not wait for ever.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{
    Engine, EngineConfig, Event, EventKind, FileId, FileJudge, FileOutcome, FrameAction, Harm, Judgement,
    NotInspected, Opinion, ReleaseAction, Reputation, Ruleset, Unjudged,
};

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<FileId, Vec<u8>>,
    answers: VecDeque<Judgement>,
    /// Answers wait until this is false.
    slow: bool,
}

#[derive(Debug, Clone, Default)]
struct Judge(Arc<Mutex<Inner>>);

impl FileJudge for Judge {
    fn open(&mut self, id: FileId, _name: &[u8]) -> Result<(), NotInspected> {
        self.0.lock().unwrap().files.insert(id, Vec::new());
        Ok(())
    }

    fn bytes(&mut self, id: FileId, bytes: &[u8]) -> Result<(), NotInspected> {
        self.0.lock().unwrap().files.get_mut(&id).expect("open").extend_from_slice(bytes);
        Ok(())
    }

    fn ask(&mut self, id: FileId, end: bool) -> Result<(), NotInspected> {
        let mut inner = self.0.lock().unwrap();
        let bytes = inner.files[&id].clone();
        let harmful = bytes.windows(5).any(|w| w == b"virus");
        let opinion = if harmful {
            Opinion::Harmful(Box::new(Harm {
                family: "Test".into(),
                found_by: "yara".into(),
                member: None,
                sha256: String::new(),
            }))
        } else if bytes.starts_with(b"locked") {
            Opinion::Unknown(NotInspected::Encrypted)
        } else {
            Opinion::Clean
        };
        inner.answers.push_back(Judgement { id, bytes: bytes.len() as u64, end, opinion });
        Ok(())
    }

    fn forget(&mut self, id: FileId) {
        self.0.lock().unwrap().files.remove(&id);
    }

    fn next(&mut self) -> Option<Judgement> {
        let mut inner = self.0.lock().unwrap();
        if inner.slow { None } else { inner.answers.pop_front() }
    }
}

/// A gateway with its kept frames, and what the two ends got.
struct Gateway {
    engine: Engine,
    judge: Judge,
    events: Vec<Event>,
    now: i64,
    port: u16,
    client_port: u16,
    kept: BTreeMap<u64, (bool, Vec<u8>)>,
    /// Payload that reached the server and the client, and resets to each.
    got: [Vec<u8>; 2],
    resets: [usize; 2],
    seq: [u32; 2],
}

impl Gateway {
    fn new(port: u16, change: impl FnOnce(&mut EngineConfig)) -> Gateway {
        let mut config = EngineConfig::default();
        for (key, value) in [("simulate-ips", "yes"), ("stream.midstream", "yes")] {
            config.set(key, value).expect("an option");
        }
        config.skip_past_depth = true;
        change(&mut config);
        let rules = Ruleset::compile("", &config);
        let mut engine = Engine::new(config, rules, Arc::new(Reputation::default()));
        let judge = Judge::default();
        engine.judge_files(Box::new(judge.clone()));
        let mut g = Gateway {
            engine,
            judge,
            events: Vec::new(),
            now: 1_000_000,
            port,
            client_port: 40_000,
            kept: BTreeMap::new(),
            got: [Vec::new(), Vec::new()],
            resets: [0; 2],
            seq: [1_000, 5_000],
        };
        g.tcp(true, 2, &[]);
        g.tcp(false, 18, &[]);
        g.tcp(true, 16, &[]);
        g
    }

    fn http() -> Gateway {
        Gateway::new(80, |_| {})
    }

    fn frame(&self, up: bool, flags: u8, seq: u32, payload: &[u8]) -> Vec<u8> {
        let (client, server) = ([192, 168, 1, 5], [198, 51, 100, 9]);
        let (src, dst) = if up { (client, server) } else { (server, client) };
        let (sport, dport) = if up { (self.client_port, self.port) } else { (self.port, self.client_port) };
        let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        f.extend(u16::try_from(40 + payload.len()).expect("short").to_be_bytes());
        f.extend([0, 1, 0, 0, 64, 6, 0, 0]);
        f.extend(src);
        f.extend(dst);
        let sum = checksum(&f[14..34]);
        f[24..26].copy_from_slice(&sum);
        f.extend(sport.to_be_bytes());
        f.extend(dport.to_be_bytes());
        f.extend(seq.to_be_bytes());
        f.extend(self.seq[usize::from(up)].to_be_bytes());
        f.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        f.extend(payload);
        let length = u16::try_from(f.len() - 34).expect("short").to_be_bytes();
        let mut pseudo = [&src[..], &dst[..], &[0, 6], &length[..]].concat();
        pseudo.extend(&f[34..]);
        let sum = checksum(&pseudo);
        f[50..52].copy_from_slice(&sum);
        f
    }

    /// The next bytes of one side.
    fn tcp(&mut self, up: bool, flags: u8, payload: &[u8]) -> FrameAction {
        let side = usize::from(!up);
        let frame = self.frame(up, flags, self.seq[side], payload);
        let length = u32::try_from(payload.len()).expect("short") + u32::from(flags & 3 != 0);
        self.seq[side] = self.seq[side].wrapping_add(length);
        self.put(up, frame)
    }

    fn up(&mut self, payload: &[u8]) -> FrameAction {
        self.tcp(true, 24, payload)
    }

    fn down(&mut self, payload: &[u8]) -> FrameAction {
        self.tcp(false, 24, payload)
    }

    fn put(&mut self, up: bool, frame: Vec<u8>) -> FrameAction {
        self.now += 1_000;
        let zones = if up { (Zone::Lan, Zone::Wan) } else { (Zone::Wan, Zone::Lan) };
        let verdict =
            self.engine.process(Timestamp(self.now), zones.0, Some(zones.1), &frame, &mut self.events);
        self.release();
        match verdict.action.clone() {
            FrameAction::Forward => self.arrive(up, &frame),
            FrameAction::Replace(frame) => self.arrive(up, &frame),
            FrameAction::Hold { token, instead } => {
                self.kept.insert(token, (up, instead.unwrap_or(frame)));
            }
            FrameAction::Drop => {}
        }
        for injected in verdict.inject {
            self.arrive(up != injected.towards_sender, &injected.frame);
        }
        verdict.action
    }

    fn release(&mut self) {
        for release in self.engine.take_releases() {
            let (up, frame) = self.kept.remove(&release.token).expect("kept");
            match release.action {
                ReleaseAction::Send => self.arrive(up, &frame),
                ReleaseAction::Replace(new) => {
                    assert_eq!(new.len(), frame.len());
                    self.arrive(up, &new);
                }
                ReleaseAction::Discard => {}
            }
            for injected in release.inject {
                self.arrive(up != injected.towards_sender, &injected.frame);
            }
        }
    }

    fn wait(&mut self, ms: i64) {
        self.now += ms * 1_000;
        self.engine.tend_files(Timestamp(self.now), &mut self.events);
        self.release();
    }

    fn arrive(&mut self, up: bool, frame: &[u8]) {
        let side = usize::from(!up);
        assert_eq!(checksum(&frame[14..34]), [0, 0], "the header's checksum");
        let length = u16::try_from(frame.len() - 34).expect("short").to_be_bytes();
        let pseudo = [&frame[26..34], &[0, 6], &length[..], &frame[34..]].concat();
        assert_eq!(checksum(&pseudo), [0, 0], "the segment's checksum");
        self.resets[side] += usize::from(frame[47] & 4 != 0);
        self.got[side].extend_from_slice(&frame[54..]);
    }

    fn malware(&self) -> Vec<FileOutcome> {
        self.events.iter().filter_map(|e| e.malware.as_deref()).map(|m| m.outcome).collect()
    }

    fn server_got(&self) -> String {
        String::from_utf8_lossy(&self.got[0]).into_owned()
    }

    fn client_got(&self) -> String {
        String::from_utf8_lossy(&self.got[1]).into_owned()
    }
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).expect("folded")).to_be_bytes()
}

const GET: &[u8] = b"GET /f.exe HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn a_clean_answer_goes_on_as_it_is() {
    let mut g = Gateway::http();
    g.up(GET);
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nharmless";
    assert_eq!(g.down(answer), FrameAction::Forward);
    assert_eq!(g.got[1], answer);
    assert_eq!(g.engine.judge_stats().clean, 1);
}

#[test]
fn a_harmful_answer_of_which_nothing_went_out_becomes_a_page() {
    let mut g = Gateway::http();
    g.up(GET);
    g.down(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\na virus!");
    assert!(g.client_got().contains("403 Forbidden") && g.client_got().contains("危険なファイル"));
    assert!(!g.client_got().contains("virus"));
    assert_eq!((g.malware(), g.resets), (vec![FileOutcome::Stopped], [1, 0]));
    assert_eq!(g.down(b"more"), FrameAction::Drop);
}

#[test]
fn the_last_part_never_arrives() {
    let mut g = Gateway::http();
    g.up(GET);
    g.down(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
    g.down(b"some ");
    g.down(b"vir");
    g.down(b"us!!");
    assert!(g.client_got().ends_with("some vir"), "{}", g.client_got());
    assert_eq!((g.malware(), g.resets), (vec![FileOutcome::Stopped], [1, 1]));
}

#[test]
fn a_chunked_file_is_not_out_before_its_end_is_known() {
    for slow in [false, true] {
        let mut g = Gateway::http();
        g.up(GET);
        g.down(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        g.judge.0.lock().unwrap().slow = slow;
        g.down(b"5\r\nvirus\r\n");
        g.down(b"0\r\n\r\n");
        assert!(!g.client_got().contains("virus"));
        g.judge.0.lock().unwrap().slow = false;
        g.wait(10);
        assert_eq!(g.malware(), [FileOutcome::Stopped]);
        assert!(!g.client_got().contains("virus"));
    }
}

#[test]
fn ranges_are_judged_together() {
    let mut g = Gateway::http();
    for (from, to, part) in [(0, 2, "vir"), (3, 4, "us")] {
        g.up(format!("GET /f HTTP/1.1\r\nHost: a.example\r\nRange: bytes={from}-{to}\r\n\r\n").as_bytes());
        g.down(
            format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{to}/5\r\n\
                 Content-Length: {}\r\n\r\n{part}",
                part.len()
            )
            .as_bytes(),
        );
    }
    assert!(g.client_got().contains("\r\n\r\nvir"));
    assert!(!g.client_got().ends_with("us"));
    assert_eq!(g.malware(), [FileOutcome::Stopped]);
}

#[test]
fn an_upload_is_answered_with_the_page() {
    let mut g = Gateway::http();
    g.up(b"POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: 8\r\n\r\na virus!");
    assert!(g.client_got().contains("危険なファイル") && !g.server_got().contains("virus"));
    assert_eq!(g.resets, [1, 0]);
}

#[test]
fn what_waits_too_long_passes_or_stops_by_policy() {
    for (policy, arrives) in [(Unjudged::Pass, true), (Unjudged::Stop, false)] {
        let mut g = Gateway::new(80, |c| c.judging.no_scanner = policy);
        g.judge.0.lock().unwrap().slow = true;
        g.up(GET);
        assert!(matches!(
            g.down(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
            FrameAction::Hold { .. }
        ));
        g.wait(1_000);
        assert!(g.got[1].is_empty());
        // Its sender repeats it meanwhile: nothing is sent twice.
        g.seq[1] -= 43;
        assert_eq!(g.down(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), FrameAction::Drop);
        g.wait(4_000);
        assert_eq!(g.client_got().ends_with("hello"), arrives);
        assert_eq!(g.engine.judge_stats().not_inspected(NotInspected::Slow), 1);
        assert_eq!(g.events.iter().filter(|e| e.kind == EventKind::FileUnjudged).count(), 1);
        assert_eq!(g.engine.judge_stats().held_frames, 0);
    }
}

#[test]
fn what_cannot_be_looked_into_passes_or_stops_by_policy() {
    for (policy, arrives) in [(Unjudged::Pass, true), (Unjudged::Stop, false)] {
        let mut g = Gateway::new(80, |c| c.judging.uninspectable = policy);
        g.up(GET);
        g.down(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nlocked zip");
        assert_eq!(g.client_got().ends_with("locked zip"), arrives);
        assert_eq!(g.engine.judge_stats().not_inspected(NotInspected::Encrypted), 1);
    }
}

#[test]
fn files_beyond_the_depth_of_streams_are_judged_too() {
    let mut g = Gateway::new(80, |c| c.set("stream.reassembly.depth", "4kb").expect("an option"));
    g.up(GET);
    g.down(b"HTTP/1.1 200 OK\r\nContent-Length: 20005\r\n\r\n");
    for _ in 0..20 {
        g.down(&[b'.'; 1_000]);
    }
    assert_eq!(g.got[1].len(), 20_042);
    g.down(b"virus");
    assert_eq!((g.malware(), g.got[1].len()), (vec![FileOutcome::Stopped], 20_042));
}

#[test]
fn an_upload_in_active_mode_is_judged_beyond_the_depth_of_streams() {
    let mut g = Gateway::new(21, |c| c.set("stream.reassembly.depth", "4kb").expect("an option"));
    g.down(b"220 ready\r\n");
    for (command, answer) in [
        ("USER a\r\n", "331 password\r\n"),
        ("PASS b\r\n", "230 in\r\n"),
        ("EPRT |1|192.168.1.5|40001|\r\n", "200 ok\r\n"),
        ("STOR f.exe\r\n", "150 go\r\n"),
    ] {
        g.up(command.as_bytes());
        g.down(answer.as_bytes());
    }
    // The server opens the connection; the client, who answers its SYN, sends the file.
    (g.port, g.client_port, g.seq) = (20, 40_001, [9_000, 7_000]);
    g.tcp(false, 2, &[]);
    g.tcp(true, 18, &[]);
    g.tcp(false, 16, &[]);
    for _ in 0..20 {
        g.up(&[b'.'; 1_000]);
        g.tcp(false, 16, &[]);
    }
    g.up(b"virus");
    g.tcp(true, 17, &[]);
    assert_eq!(g.malware(), [FileOutcome::Stopped]);
    assert!(!g.server_got().contains("virus"));
}

fn mail(attachment: &str) -> Vec<String> {
    vec![
        "From: a@a.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n".into(),
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
            .into(),
        format!(
            "--b\r\nContent-Type: application/octet-stream; name=f.exe\r\n\
             Content-Disposition: attachment; filename=f.exe\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{attachment}\r\n--b--\r\n"
        ),
        ".\r\n".into(),
    ]
}

#[test]
fn a_mail_is_neutralised_and_the_session_goes_on() {
    // "this is a virus", twenty times.
    let harmful = "dGhpcyBpcyBhIHZpcnVzdGhpcyBpcyBhIHZpcnVzdGhpcyBpcyBhIHZpcnVzdGhpcyBpcyBhIHZpcnVz";
    let clean = "dGhpcyBpcyBub25ldGhpcyBpcyBub25l";
    let mut g = Gateway::new(25, |_| {});
    g.down(b"220 mx ESMTP\r\n");
    g.up(b"EHLO a\r\n");
    g.down(b"250 mx\r\n");
    let mut sent = Vec::from(&b"EHLO a\r\n"[..]);
    for text in [harmful, clean] {
        for line in ["MAIL FROM:<a@a.example>\r\n", "RCPT TO:<b@b.example>\r\n", "DATA\r\n"] {
            g.up(line.as_bytes());
            sent.extend_from_slice(line.as_bytes());
            g.down(if line.starts_with("DATA") { b"354 go\r\n" } else { b"250 ok\r\n" });
        }
        for part in mail(text) {
            g.up(part.as_bytes());
            sent.extend_from_slice(part.as_bytes());
        }
        g.down(b"250 queued\r\n");
    }
    let got = g.server_got();
    assert!(!got.contains(harmful), "{got}");
    assert!(got.contains(clean) && got.contains("\r\n--b--\r\n.\r\n"), "{got}");
    assert_eq!(got.len(), sent.len());
    let expected = String::from_utf8(sent).expect("text");
    // Everything but the attachment is as it was sent.
    let at = expected.find(harmful).expect("sent");
    assert_eq!((&got[..at], &got[at + harmful.len()..]), (&expected[..at], &expected[at + harmful.len()..]));
    assert_eq!((g.malware(), g.resets), (vec![FileOutcome::Neutralised], [0, 0]));
    // Sent again, it is overwritten the same way.
    let part = mail(harmful).remove(2);
    let from = u32::try_from(expected.find(&part).expect("sent")).expect("short");
    let again = g.frame(true, 24, 1_001 + from, part.as_bytes());
    g.put(true, again);
    assert!(!g.server_got().contains(harmful));
}
