//! An office in namespaces: servers outside, a PC inside, a gateway between them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mimamori_gateway::lab::{Lab, obstacle};

use crate::clean;
use crate::scanner::worker_pids;
use crate::servers;
use crate::wrap::{self, is_harmful};

pub const GATEWAY: &str = env!("CARGO_BIN_EXE_mimamori-gateway");
pub const SERVER: &str = "203.0.113.10";

pub fn missing() -> Option<String> {
    if let Some(obstacle) = obstacle() {
        return Some(obstacle);
    }
    let tools = [
        ("7z", "p7zip-full"),
        ("exim4", "exim4-daemon-light"),
        ("swaks", "swaks"),
        ("dovecot", "dovecot-imapd dovecot-pop3d"),
        ("vsftpd", "vsftpd"),
        ("smbd", "samba"),
        ("smbclient", "smbclient"),
        ("brotli", "brotli"),
        ("uuencode", "sharutils"),
        ("bzip2", "bzip2"),
        ("xz", "xz-utils"),
        ("python3", "python3"),
    ];
    let absent: Vec<_> = tools
        .iter()
        .filter(|(tool, _)| {
            !["/usr/bin", "/usr/sbin", "/bin"].iter().any(|d| Path::new(d).join(tool).exists())
        })
        .map(|(_, package)| *package)
        .collect();
    (!absent.is_empty()).then(|| absent.join(" "))
}

pub struct Office {
    pub lab: Lab,
    pub work: PathBuf,
    failed: Vec<String>,
    tried: usize,
    /// The process of clamd, if it is installed, and of the gateway.
    pub clamd: Option<u32>,
    pub gateway: u32,
}

impl Office {
    pub fn build(prefix: &str, dir: &Path, scan: &str) -> Office {
        // Servers drop their privileges and still have to come here.
        Command::new("chmod").arg("755").arg(dir).status().unwrap();
        let mut lab = Lab::build(prefix, dir).unwrap();
        let work = lab.work().to_path_buf();
        for folder in [
            "files/bad",
            "files/good",
            "files/clean",
            "pc",
            "up",
            "ftp/up",
            "ftp-empty",
            "smb",
            "maildir",
            "spool",
            "samba",
        ] {
            fs::create_dir_all(work.join(folder)).unwrap();
        }
        wrap::make(&work);
        clean::make(&work);
        servers::start(&mut lab, &work);
        let clamd = servers::clamd(&mut lab, &work);
        let key = keygen(&work);
        definitions(&work, 1, &[], &[]);
        let scan = format!(
            "[scan]\n{scan}{}",
            if clamd.is_some() {
                format!("clamd = \"{}/clamd.sock\"\n", work.display())
            } else {
                String::new()
            }
        );
        let config = format!(
            "state_dir = \"{w}/state\"\n\
             [[port]]\ninterface = \"wan0\"\nzone = \"wan\"\n\
             [[port]]\ninterface = \"lan0\"\nzone = \"lan\"\n\
             [[port]]\ninterface = \"lan1\"\nzone = \"lan\"\n\
             [inspection]\nhang_milliseconds = 10000\nset = \"{w}/set.mds\"\nset_keys = [\"{key}\"]\n{scan}\
             [eve]\npath = \"{w}/eve.json\"\n",
            w = work.display()
        );
        let path = work.join("gateway.toml");
        fs::write(&path, config).unwrap();
        let gateway = lab.start("gw", &[GATEWAY, "run", "--config", &path.to_string_lossy()]).unwrap();
        assert!(lab.wait_for_gateway(Duration::from_secs(20)));
        let office = Office { lab, work, failed: Vec::new(), tried: 0, clamd, gateway };
        let ready = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(200));
            !worker_pids(&office.work).is_empty()
                && [8081, 8082, 40123, 25, 21, 445, 110, 143].iter().all(|port| {
                    office
                        .pc(&format!("curl -s --max-time 2 -o /dev/null telnet://{SERVER}:{port} </dev/null"))
                        .0
                        || office.pc(&format!("timeout 2 bash -c '</dev/tcp/{SERVER}/{port}'")).0
                })
        });
        assert!(ready, "servers and scanner stand");
        office
    }

    /// Runs a shell script on a PC.
    pub fn pc(&self, script: &str) -> (bool, Vec<u8>) {
        let script = format!("cd {}/pc; {script}", self.work.display());
        let out = self.lab.on("pc1", &["timeout", "40", "sh", "-c", &script]).unwrap();
        (out.status.success(), out.stdout)
    }

    pub fn file(&self, kind: &str, name: &str) -> Vec<u8> {
        fs::read(self.work.join("files").join(kind).join(name)).unwrap()
    }

    pub fn check(&mut self, what: String, passed: bool, detail: &str) {
        self.tried += 1;
        if !passed {
            println!("FAILED {what}: {detail}");
            self.failed.push(format!("{what}: {detail}"));
        }
    }

    /// Fetches a file of each kind with a script that leaves it in `got`.
    pub fn fetch(&mut self, how: &str, name: &str, script: &str) {
        for kind in ["good", "bad"] {
            let (ok, said) = self.pc(&format!("rm -f got; {}", script.replace("KIND", kind)));
            let got = fs::read(self.work.join("pc/got")).unwrap_or_default();
            let whole = self.file(kind, name);
            if kind == "good" {
                let fine = ok && got == whole;
                self.check(
                    format!("{how} {name} clean"),
                    fine,
                    &format!("{} of {} bytes", got.len(), whole.len()),
                );
            } else {
                // Neither the whole of it, nor anything that is still the test file.
                let stopped = got != whole && !is_harmful(&got);
                let detail = format!("{} {}", String::from_utf8_lossy(&said), self.lately());
                self.check(format!("{how} {name} harmful"), stopped, &detail);
            }
        }
    }

    /// Sends a file of each kind; it must arrive at `place` whole or not at all.
    pub fn send(&mut self, how: &str, name: &str, script: &str, place: &str) {
        for kind in ["good", "bad"] {
            let at = self.work.join(place.replace("KIND", kind));
            let _ = fs::remove_file(&at);
            self.pc(&script.replace("KIND", kind));
            // The server writes what it has when the connection ends.
            std::thread::sleep(Duration::from_millis(150));
            let (got, whole) = (fs::read(&at).unwrap_or_default(), self.file(kind, name));
            if kind == "good" {
                self.check(format!("{how} {name} clean"), got == whole, &format!("{} bytes", got.len()));
            } else {
                let stopped = got != whole && !is_harmful(&got);
                let detail = format!("{} bytes; {}", got.len(), self.lately());
                self.check(format!("{how} {name} harmful"), stopped, &detail);
            }
        }
    }

    /// Waits for a line of the event log with both words.
    pub fn told(&mut self, one: &str, other: &str) {
        let found = (0..30).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            let eve = fs::read_to_string(self.work.join("eve.json")).unwrap_or_default();
            eve.lines().any(|line| line.contains(one) && line.contains(other))
        });
        self.check(format!("told: {one} {other}"), found, "no such event");
    }

    /// What the gateway last said of files.
    pub fn lately(&self) -> String {
        let eve = fs::read_to_string(self.work.join("eve.json")).unwrap_or_default();
        let of_files = |l: &&str| l.contains("file_unjudged") || l.contains("\"malware\"");
        eve.lines().rev().filter(of_files).take(2).collect::<Vec<_>>().join("\n")
    }

    /// What the running gateway says of itself.
    pub fn status(&self) -> serde_json::Value {
        let config = self.work.join("gateway.toml");
        let args = [GATEWAY, "status", "--json", "--config", &config.to_string_lossy()];
        let out = self.lab.on("gw", &args).unwrap();
        serde_json::from_slice(&out.stdout).unwrap_or_default()
    }

    /// Waits until a number of the status is larger than it was.
    pub fn counted(&mut self, what: &str, pointer: &str, before: Option<u64>) {
        // A flow is told of a minute after its end.
        let grown = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(500));
            self.status().pointer(pointer).and_then(serde_json::Value::as_u64) > before
        });
        self.check(format!("{what} counted in {pointer}"), grown, &self.status().to_string());
    }

    /// All checks are done: what failed, and what was logged.
    pub fn settle(&self) -> String {
        let log = self.log();
        println!("{} checks", self.tried);
        assert!(self.failed.is_empty(), "{:#?}\n{log}", self.failed);
        fs::read_to_string(self.work.join("eve.json")).unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.work.join("mimamori-gateway.log")).unwrap_or_default()
    }
}

fn run(work: &Path, args: &[&str]) {
    let out = Command::new(GATEWAY).arg("definitions").args(args).current_dir(work).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// The public key of those that sets are signed with.
fn keygen(work: &Path) -> String {
    run(work, &["keygen", "set.key"]);
    fs::read_to_string(work.join("set.key.pub")).unwrap().trim().to_owned()
}

/// Makes and signs a set as an operator does; `hashes`: lines of one more hash list, `yara`: more
/// files or folders of rules.
pub fn definitions(work: &Path, version: u64, hashes: &[String], yara: &[&str]) {
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../definitions/starter");
    for name in ["hashes.txt", "mimamori.yar"] {
        fs::copy(starter.join(name), work.join(name)).unwrap();
    }
    // No rule for packets may do the scanner's work.
    let nothing = "alert tcp any any -> any 9 (msg:\"nothing\"; content:\"nothing-of-the-kind\"; sid:1;)\n";
    fs::write(work.join("none.rules"), nothing).unwrap();
    fs::write(work.join("own.yar"), wrap::YARA).unwrap();
    fs::write(work.join("more.txt"), hashes.join("\n")).unwrap();
    let sources = [
        ("rules", "none.rules"),
        ("hashes", "hashes.txt"),
        ("hashes", "more.txt"),
        ("yara", "mimamori.yar"),
        ("yara", "own.yar"),
    ];
    let mut recipe = format!("channel = \"lab\"\nversion = {version}\n");
    for (format, path) in sources.into_iter().chain(yara.iter().map(|path| ("yara", *path))) {
        recipe.push_str(&format!("[[source]]\nformat = \"{format}\"\npath = \"{path}\"\n"));
    }
    fs::write(work.join("set.toml"), recipe).unwrap();
    run(work, &["build", "--recipe", "set.toml", "--key", "set.key", "--out", "set.new"]);
    run(work, &["verify", "set.new", "--key", "set.key.pub"]);
    fs::rename(work.join("set.new"), work.join("set.mds")).unwrap();
}
