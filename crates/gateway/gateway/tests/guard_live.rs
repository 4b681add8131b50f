//! Names and addresses that are listed, tried by real clients (Linux, root): DNS over UDP, TCP and
//! IPv6, plain HTTP, TLS, QUIC, addresses. Nothing hangs: each client is told at once. Then sets
//! that change while traffic flows.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use mimamori_gateway::lab::{Lab, obstacle};

const GATEWAY: &str = env!("CARGO_BIN_EXE_mimamori-gateway");
const BAD: &str = "login.nisemono-bank.example";
const BAD_IP: &str = "203.0.113.77";
const CLEAN: &str = "www.bunbougu.example";
const CLEAN_IP: &str = "203.0.113.10";
/// Of this host, one path is listed.
const SHARED: &str = "www.koukoku.example";
/// Listed as an address.
const LISTED_IP: &str = "203.0.113.66";

const LIST: &str = "nisemono-bank.example\tphishing\tNisemonoBank\n\
    badcdn.example\tc2\tTestBot\n\
    日本語.example\tphishing\tIdn\n\
    www.koukoku.example/warui/\tmalware\tTestDropper\n\
    203.0.113.66\tc2\tTestBot\n\
    2001:db8:77::66\tc2\tTestBot\n\
    2001:db8:77::/64\tmalware\tNet\n";

/// Sends a datagram and says what becomes of it.
const SEND: &str = r#"
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(8)
s.connect((sys.argv[1], int(sys.argv[2])))
try:
    s.send(open(sys.argv[3], "rb").read())
    print(s.recv(2000).decode())
except OSError as e:
    print("timeout" if isinstance(e, TimeoutError) else "refused")
"#;

const ECHO: &str = r#"
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 443))
while True:
    data, who = s.recvfrom(2000)
    s.sendto(b"arrived", who)
"#;

struct Guard {
    lab: Lab,
    failed: Vec<String>,
}

impl Guard {
    fn on(&self, ns: &str, command: &[&str]) -> Output {
        let command: Vec<&str> = ["timeout", "30"].iter().chain(command).copied().collect();
        self.lab.on(ns, &command).unwrap()
    }

    /// What a client on the PC says, its complaints included.
    fn pc(&self, command: &[&str]) -> (Option<i32>, String) {
        let out = self.on("pc1", command);
        let said = [out.stdout, out.stderr].concat();
        (out.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    fn check(&mut self, what: &str, passed: bool, said: &str) {
        println!("{} {what}", if passed { "ok    " } else { "FAILED" });
        if !passed {
            self.failed.push(format!("{what}: {said}"));
        }
    }

    fn work(&self, name: &str) -> String {
        self.lab.work().join(name).to_string_lossy().into_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.lab.work().join("mimamori-gateway.log")).unwrap_or_default()
    }

    /// Waits until the gateway has told of something.
    fn told(&mut self, word: &str) {
        let found = (0..150).any(|_| {
            std::thread::sleep(Duration::from_millis(200));
            self.log().contains(word)
        });
        let log = self.log();
        self.check(&format!("told: {word}"), found, &log);
    }

    fn reload(&self, gateway: u32) {
        assert!(Command::new("kill").args(["-HUP", &gateway.to_string()]).status().unwrap().success());
    }
}

/// Makes a signed set; `list` beside one rule.
fn set(work: &Path, version: u64, list: &str) {
    fs::write(
        work.join("none.rules"),
        "alert tcp any any -> any 9 (msg:\"nothing\"; content:\"no-such\"; sid:1;)\n",
    )
    .unwrap();
    fs::write(work.join("list.tsv"), list).unwrap();
    let recipe = format!(
        "channel = \"lab\"\nversion = {version}\n[[source]]\nformat = \"rules\"\npath = \"none.rules\"\n\
         [[source]]\nformat = \"mimamori\"\npath = \"list.tsv\"\n"
    );
    fs::write(work.join("set.toml"), recipe).unwrap();
    let build = ["build", "--recipe", "set.toml", "--key", "set.key", "--out", "new.mds"];
    if !work.join("set.key").exists() {
        definitions(work, &["keygen", "set.key"]);
    }
    definitions(work, &build);
}

fn definitions(work: &Path, args: &[&str]) {
    let out = Command::new(GATEWAY).arg("definitions").args(args).current_dir(work).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn offer(work: &Path) {
    fs::rename(work.join("new.mds"), work.join("set.mds")).unwrap();
}

fn start(guard: &mut Guard, extra: &str) -> u32 {
    let work = guard.lab.work().display().to_string();
    let key = fs::read_to_string(guard.work("set.key.pub")).unwrap();
    let text = format!(
        "state_dir = \"{work}/state\"\n\
         [[port]]\ninterface = \"wan0\"\nzone = \"wan\"\n\
         [[port]]\ninterface = \"lan0\"\nzone = \"lan\"\n\
         [[port]]\ninterface = \"lan1\"\nzone = \"lan\"\n\
         [eve]\npath = \"{work}/eve.json\"\n\
         [inspection]\nset = \"{work}/set.mds\"\nset_keys = [\"{}\"]\n{extra}",
        key.trim()
    );
    let path = guard.work("gateway.toml");
    fs::write(&path, text).unwrap();
    let pid = guard.lab.start("gw", &[GATEWAY, "run", "--config", &path]).unwrap();
    assert!(guard.lab.wait_for_gateway(Duration::from_secs(20)), "{}", guard.log());
    pid
}

fn build(prefix: &str, dir: &Path) -> Option<Guard> {
    if let Some(obstacle) = obstacle() {
        println!("skipped: needs {obstacle}");
        return None;
    }
    if !Path::new("/usr/bin/python3").exists() {
        println!("skipped: needs python3");
        return None;
    }
    let mut lab = Lab::build(prefix, dir).unwrap();
    set(dir, 1, LIST);
    offer(dir);
    fs::write(dir.join("send.py"), SEND).unwrap();
    fs::write(dir.join("echo.py"), ECHO).unwrap();
    let ip = |ns: &str, args: &[&str]| {
        let args: Vec<&str> = ["ip"].iter().chain(args).copied().collect();
        assert!(lab.on(ns, &args).unwrap().status.success(), "{args:?}");
    };
    ip("pc1", &["-6", "addr", "add", "2001:db8:1::23/64", "dev", "eth0", "nodad"]);
    ip("inet", &["-6", "addr", "add", "2001:db8:1::1/64", "dev", "eth0", "nodad"]);
    ip("pc1", &["-6", "route", "add", "default", "via", "2001:db8:1::1"]);
    for address in ["2001:db8:77::66/128", "2001:db8:77::99/128", "2001:db8:10::10/128"] {
        ip("inet", &["-6", "addr", "add", address, "dev", "lo", "nodad"]);
    }
    let echo = dir.join("echo.py").to_string_lossy().into_owned();
    lab.start("inet", &["python3", &echo, CLEAN_IP]).unwrap();
    let www = dir.join("www").to_string_lossy().into_owned();
    lab.start("inet", &["python3", "-m", "http.server", "--bind", "::", "--directory", &www, "8080"])
        .unwrap();
    lab.start(
        "inet",
        &[
            "dnsmasq",
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--pid-file=",
            "--user=root",
            "--listen-address=2001:db8:1::1",
            "--bind-interfaces",
            "--port=53",
            "--address=/bunbougu.example/203.0.113.10",
            "--address=/nisemono-bank.example/203.0.113.77",
        ],
    )
    .unwrap();
    Some(Guard { lab, failed: Vec::new() })
}

#[test]
fn gw_14_listed_names_and_addresses_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut guard) = build("mmn", dir.path()) else { return };
    start(&mut guard, "");
    names(&mut guard);
    pages(&mut guard);
    encrypted(&mut guard);
    browser(&mut guard);
    addresses(&mut guard);
    assert!(guard.failed.is_empty(), "{:#?}\n{}", guard.failed, guard.log());
}

fn names(guard: &mut Guard) {
    let dig = |guard: &Guard, server: &str, more: &[&str]| {
        let args: Vec<&str> = ["dig", "+tries=1", "+time=8", server].iter().chain(more).copied().collect();
        guard.pc(&args).1
    };
    for name in [
        BAD,
        "nisemono-bank.example.",
        "WWW.Nisemono-Bank.EXAMPLE",
        "a.b.c.badcdn.example",
        "xn--wgv71a119e.example",
    ] {
        let said = dig(guard, "@192.168.1.1", &[name]);
        guard.check(&format!("DNS {name}"), said.contains("NXDOMAIN") && !said.contains(BAD_IP), &said);
    }
    for kind in ["AAAA", "MX", "HTTPS", "TXT"] {
        let said = dig(guard, "@192.168.1.1", &[BAD, kind]);
        guard.check(&format!("DNS {kind}"), said.contains("NXDOMAIN"), &said);
    }
    let said = dig(guard, "@192.168.1.1", &["+tcp", BAD]);
    guard.check("DNS over TCP", !said.contains(BAD_IP) && !said.contains("timed out"), &said);
    let said = dig(guard, "@2001:db8:1::1", &[BAD]);
    guard.check("DNS over IPv6", said.contains("NXDOMAIN"), &said);
    for (server, how) in [("@192.168.1.1", "+notcp"), ("@192.168.1.1", "+tcp"), ("@2001:db8:1::1", "+notcp")]
    {
        let said = dig(guard, server, &[how, CLEAN]);
        guard.check(&format!("DNS clean {server} {how}"), said.contains(CLEAN_IP), &said);
    }
    // A name that only ends like a listed one.
    let said = dig(guard, "@192.168.1.1", &["xnisemono-bank.example"]);
    guard.check("DNS no suffix of a label", !said.contains("status: NOERROR, id: 0"), &said);
}

fn curl<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["curl", "-sSk", "-m", "15"].iter().chain(more).copied().collect()
}

fn pages(guard: &mut Guard) {
    let resolve = format!("{BAD}:80:{BAD_IP}");
    let (_, said) = guard.pc(&curl(&["-i", "--resolve", &resolve, &format!("http://{BAD}/")]));
    let page = said.contains("403 Forbidden") && said.contains("このページへの接続を止めました");
    guard.check("HTTP page", page, &said);
    let resolve = format!("{SHARED}:80:{CLEAN_IP}");
    let (_, said) = guard.pc(&curl(&["--resolve", &resolve, &format!("http://{SHARED}/warui/x?y=1")]));
    guard.check("HTTP path", said.contains("接続を止めました"), &said);
    let (_, said) = guard.pc(&curl(&["--resolve", &resolve, &format!("http://{SHARED}/")]));
    guard.check("HTTP clean path of the same host", said.contains("文房具の店"), &said);
    let host = format!("Host: {BAD}");
    let (_, said) = guard.pc(&curl(&["-H", &host, "http://[2001:db8:10::10]:8080/"]));
    guard.check("HTTP over IPv6, another port", said.contains("接続を止めました"), &said);
    let (_, said) = guard.pc(&curl(&["http://[2001:db8:10::10]:8080/"]));
    guard.check("HTTP over IPv6 clean", said.contains("文房具の店"), &said);
}

fn encrypted(guard: &mut Guard) {
    // Cut, not waited for in vain (28), nor refused by the server's machine (7).
    let resolve = format!("{BAD}:443:{BAD_IP}");
    let (code, said) = guard.pc(&curl(&["--resolve", &resolve, &format!("https://{BAD}/")]));
    guard.check("TLS by curl", !matches!(code, Some(0 | 7 | 28 | 124)), &said);
    let at = format!("{BAD_IP}:443");
    let (code, said) = guard.pc(&["openssl", "s_client", "-connect", &at, "-servername", BAD]);
    guard.check("TLS by openssl", code != Some(124) && !said.contains("BEGIN CERTIFICATE"), &said);
    let resolve = format!("{CLEAN}:443:{CLEAN_IP}");
    let (_, said) = guard.pc(&curl(&["--resolve", &resolve, &format!("https://{CLEAN}/")]));
    guard.check("TLS clean", said.contains("文房具の店"), &said);
    for kind in ["bad", "clean"] {
        let datagram =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/quic-initial-{kind}.bin"));
        let (send, datagram) = (guard.work("send.py"), datagram.to_string_lossy().into_owned());
        let (_, said) = guard.pc(&["python3", &send, CLEAN_IP, "443", &datagram]);
        let expected = if kind == "bad" { "refused" } else { "arrived" };
        guard.check(&format!("QUIC {kind}"), said.trim() == expected, &said);
    }
}

/// A real browser: it shows the page, and gives up at once where there can be none.
fn browser(guard: &mut Guard) {
    if !Path::new("/usr/bin/chromium").exists() {
        println!("the browser is left out: needs chromium");
        return;
    }
    let (profile, map) = (guard.work("profile"), format!("--host-resolver-rules=MAP {BAD} {BAD_IP}"));
    let profile = format!("--user-data-dir={profile}");
    let show = |guard: &Guard, more: &[&str], url: &str| {
        let args: Vec<&str> = [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            &profile,
            &map,
            "--ignore-certificate-errors",
            "--dump-dom",
        ]
        .iter()
        .chain(more)
        .copied()
        .chain([url])
        .collect();
        guard.pc(&args)
    };
    let (_, said) = show(guard, &[], &format!("http://{BAD}/"));
    guard.check("browser: page", said.contains("このページへの接続を止めました"), &said);
    let (code, said) = show(guard, &[], &format!("https://{BAD}/"));
    guard.check("browser: TLS ends", code != Some(124) && said.contains("ERR_CONNECTION_RESET"), &said);
    let force = format!("--origin-to-force-quic-on={BAD}:443");
    let (code, said) = show(guard, &["--enable-quic", &force], &format!("https://{BAD}/"));
    guard.check("browser: QUIC ends", code != Some(124) && said.contains("ERR_"), &said);
}

fn addresses(guard: &mut Guard) {
    for url in [
        format!("http://{LISTED_IP}/"),
        "http://[2001:db8:77::66]:8080/".to_owned(),
        "http://[2001:db8:77::99]:8080/".to_owned(),
    ] {
        let (code, said) = guard.pc(&curl(&[&url]));
        guard.check(
            &format!("address {url}"),
            !matches!(code, Some(28 | 124)) && !said.contains("文房具"),
            &said,
        );
    }
    let send = guard.work("send.py");
    let (_, said) = guard.pc(&["python3", &send, LISTED_IP, "4444", &send]);
    guard.check("address over UDP", said.trim() == "refused", &said);
}

#[test]
fn gw_14_listed_names_get_the_block_pages_address_where_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut guard) = build("mmp", dir.path()) else { return };
    start(&mut guard, "block_page = [\"192.0.2.80\", \"2001:db8:80::80\"]\n");
    for (kind, expected) in [("A", "192.0.2.80"), ("AAAA", "2001:db8:80::80")] {
        let (_, said) = guard.pc(&["dig", "+tries=1", "+time=8", "@192.168.1.1", BAD, kind]);
        guard.check(kind, said.contains("NOERROR") && said.contains(expected), &said);
    }
    let (_, said) = guard.pc(&["dig", "+tries=1", "+time=8", "@192.168.1.1", BAD, "MX"]);
    guard.check("MX", said.contains("ANSWER: 0") && !said.contains("timed out"), &said);
    assert!(guard.failed.is_empty(), "{:#?}", guard.failed);
}

/// Sets change under a download and pings: nothing is lost, bad ones are told and left out.
#[test]
fn gw_07_a_set_is_swapped_under_traffic_and_a_bad_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut guard) = build("mmd", dir.path()) else { return };
    let gateway = start(&mut guard, "");
    let work = dir.path().to_path_buf();
    let (download, pings) = std::thread::scope(|s| {
        let lab = &guard.lab;
        let url = format!("http://{CLEAN_IP}/download.bin");
        let download = s.spawn(move || {
            lab.on("pc1", &["curl", "-s", "-m", "60", "--limit-rate", "2M", &url]).unwrap().stdout
        });
        let pings = s.spawn(move || {
            let out = lab.on("pc1", &["ping", "-q", "-i", "0.02", "-w", "9", "192.168.1.1"]).unwrap();
            String::from_utf8_lossy(&out.stdout).into_owned()
        });
        for version in 2..6 {
            std::thread::sleep(Duration::from_millis(1_200));
            set(&work, version, &format!("{LIST}new{version}.example\tmalware\tNew\n"));
            offer(&work);
            guard.reload(gateway);
        }
        (download.join().unwrap(), pings.join().unwrap())
    });
    let whole = fs::read(dir.path().join("www/download.bin")).unwrap();
    guard.check("the download goes on", download == whole, &format!("{} bytes", download.len()));
    guard.check("no packet is lost", pings.contains(" 0% packet loss"), &pings);
    let (_, said) = guard.pc(&["dig", "+tries=1", "+time=8", "@192.168.1.1", "new5.example"]);
    guard.check("the last set is in force", said.contains("NXDOMAIN"), &said);
    let loaded = guard.log().matches("definitions_loaded").count();
    guard.check("each is told", loaded >= 3, &guard.log());

    // Tampered, cut, old, of another channel, signed by somebody else: told, and the last good one stays.
    let good = fs::read(work.join("set.mds")).unwrap();
    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let cases = [
        (tampered, "壊れています"),
        (good.iter().copied().take(good.len() / 2).collect(), "壊れています"),
        (b"MIMADEF1".to_vec(), "短すぎます"),
    ];
    for (bytes, words) in cases {
        fs::write(work.join("new.mds"), bytes).unwrap();
        offer(&work);
        guard.reload(gateway);
        guard.told(words);
    }
    set(&work, 3, LIST);
    offer(&work);
    guard.reload(gateway);
    guard.told("古いため使いません");
    fs::remove_file(work.join("set.key")).unwrap();
    fs::remove_file(work.join("set.key.pub")).unwrap();
    set(&work, 9, LIST);
    offer(&work);
    guard.reload(gateway);
    guard.told("署名が正しくありません");
    let (_, said) = guard.pc(&["dig", "+tries=1", "+time=8", "@192.168.1.1", "new5.example"]);
    guard.check("the last good set stays in force", said.contains("NXDOMAIN"), &said);
    assert!(guard.failed.is_empty(), "{:#?}", guard.failed);
}
