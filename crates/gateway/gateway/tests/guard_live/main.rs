//! Names and addresses that are listed, tried by real clients (Linux, root): DNS over UDP, TCP and
//! IPv6, plain HTTP, TLS, QUIC, addresses. Nothing hangs: each client is told at once. Then sets
//! that change while traffic flows.

mod exceptions;
mod refused;
mod sets;

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
    minato.example:8080\tc2\tPort\n\
    203.0.113.77:8080\tc2\tPort\n\
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
        self.told_again(word, 0);
    }

    /// Waits until it has told of it more often than before.
    fn told_again(&mut self, word: &str, before: usize) {
        let found = (0..150).any(|_| {
            std::thread::sleep(Duration::from_millis(200));
            self.log().matches(word).count() > before
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
    // HTTP/2 without TLS: names are in compressed headers.
    let nginx = format!(
        "daemon off; user root; worker_processes 1; pid {d}/h2.pid; error_log {d}/h2-error.log;\n\
         events {{}}\n\
         http {{ access_log off; server {{ listen {CLEAN_IP}:8082 http2; root {d}/www; }} }}\n",
        d = dir.display()
    );
    fs::write(dir.join("h2.conf"), nginx).unwrap();
    let h2 = dir.join("h2.conf").to_string_lossy().into_owned();
    lab.start("inet", &["nginx", "-c", &h2]).unwrap();
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

fn curl<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["curl", "-sSk", "-m", "15"].iter().chain(more).copied().collect()
}
