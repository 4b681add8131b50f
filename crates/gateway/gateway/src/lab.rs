//! A small office and a small Internet in network namespaces, with real servers and clients.
//!
//! ```text
//!  pc1 192.168.1.23 ── lan0 ┐
//!                           ├─ gateway (ours) ── wan0 ── internet: router 192.168.1.1,
//!  pc2 192.168.1.31 ── lan1 ┘       │                    web servers, DNS server
//!                                   └ up0 169.254.77.2 ── 169.254.77.1 this machine (cloud)
//! ```
//!
//! For `demo --live` and for tests. Needs Linux and root. Holds always: everything made here has
//! the laboratory's prefix in its name and is taken away again, also what an earlier run left.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

pub const CLEAN_HOST: &str = "www.bunbougu.example";
pub const BAD_HOST: &str = "login.nisemono-bank.example";
pub const CONTROL_HOST: &str = "update-check.badcdn.example";
const CLEAN_IP: &str = "203.0.113.10";
const BAD_IP: &str = "203.0.113.77";
const CONTROL_IP: &str = "203.0.113.66";
/// Where the gateway reaches the cloud, and from where.
pub const CLOUD_IP: &str = "169.254.77.1";
const GATEWAY_IP: &str = "169.254.77.2";
const DOWNLOAD_BYTES: usize = 20_000_000;

/// The standard harmless test file, in two pieces so that no scanner takes this source for it.
const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];

#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("次のものが要ります: {0}")]
    Missing(String),
    #[error("{command}: {words}")]
    Command { command: String, words: String },
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What is in the way of a laboratory on this machine; `None`: nothing.
#[must_use]
pub fn obstacle() -> Option<String> {
    let uid = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = uid.lines().any(|l| l.starts_with("Uid:\t0\t") || l.starts_with("Uid:\t0 "));
    if !root {
        return Some("root の権限（sudo を付けて実行してください）".to_owned());
    }
    let needed = [
        ("ip", "iproute2"),
        ("nginx", "nginx-light"),
        ("dnsmasq", "dnsmasq"),
        ("curl", "curl"),
        ("dig", "bind9-dnsutils"),
        ("openssl", "openssl"),
    ];
    let missing: Vec<&str> =
        needed.iter().filter(|(tool, _)| !found(tool)).map(|(_, package)| *package).collect();
    (!missing.is_empty())
        .then(|| format!("パッケージ {}（apt-get install {}）", missing.join("、"), missing.join(" ")))
}

fn found(tool: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"]
        .iter()
        .any(|dir| Path::new(dir).join(tool).exists())
}

/// One thing that was tried, and whether it went as it must.
#[derive(Clone, Debug)]
pub struct Check {
    pub what: &'static str,
    pub passed: bool,
    pub detail: String,
}

/// The laboratory; taken down when dropped.
#[derive(Debug)]
pub struct Lab {
    prefix: String,
    work: PathBuf,
    children: Vec<Child>,
}

impl Lab {
    /// Builds namespaces and cables and starts the servers. `work` is a folder of its own.
    pub fn build(prefix: &str, work: &Path) -> Result<Self, LabError> {
        if let Some(obstacle) = obstacle() {
            return Err(LabError::Missing(obstacle));
        }
        fs::create_dir_all(work.join("www"))?;
        // Servers resolve a relative path against folders of their own.
        let mut lab = Lab { prefix: prefix.to_owned(), work: work.canonicalize()?, children: Vec::new() };
        lab.take_down();
        lab.cable()?;
        lab.serve()?;
        Ok(lab)
    }

    #[must_use]
    pub fn work(&self) -> &Path {
        &self.work
    }

    fn ns(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn cable(&self) -> Result<(), LabError> {
        for name in ["pc1", "pc2", "gw", "inet"] {
            run(&["ip", "netns", "add", &self.ns(name)])?;
            run(&["ip", "-n", &self.ns(name), "link", "set", "lo", "up"])?;
        }
        self.wire("lan0", "pc1", "00:0b:5d:12:34:56")?;
        self.wire("lan1", "pc2", "00:1b:8b:65:43:21")?;
        self.wire("wan0", "inet", "00:00:5e:00:53:01")?;
        for (ns, address) in
            [("pc1", "192.168.1.23/24"), ("pc2", "192.168.1.31/24"), ("inet", "192.168.1.1/24")]
        {
            run(&["ip", "-n", &self.ns(ns), "addr", "add", address, "dev", "eth0"])?;
        }
        for ns in ["pc1", "pc2"] {
            run(&["ip", "-n", &self.ns(ns), "route", "add", "default", "via", "192.168.1.1"])?;
        }
        for ip in [CLEAN_IP, BAD_IP, CONTROL_IP] {
            run(&["ip", "-n", &self.ns("inet"), "addr", "add", &format!("{ip}/32"), "dev", "lo"])?;
        }
        let (up, gw) = (self.ns("up"), self.ns("gw"));
        run(&["ip", "link", "add", &up, "type", "veth", "peer", "name", "up0", "netns", &gw])?;
        run(&["ip", "addr", "add", &format!("{CLOUD_IP}/30"), "dev", &up])?;
        run(&["ip", "link", "set", &up, "up"])?;
        run(&["ip", "-n", &gw, "addr", "add", &format!("{GATEWAY_IP}/30"), "dev", "up0"])?;
        run(&["ip", "-n", &gw, "link", "set", "up0", "up"])
    }

    /// A cable from a port of the gateway to the only interface of a namespace.
    fn wire(&self, port: &str, ns: &str, mac: &str) -> Result<(), LabError> {
        let (gw, far) = (self.ns("gw"), self.ns(ns));
        run(&[
            "ip", "link", "add", port, "netns", &gw, "type", "veth", "peer", "name", "eth0", "netns", &far,
        ])?;
        run(&["ip", "-n", &far, "link", "set", "eth0", "address", mac])?;
        run(&["ip", "-n", &far, "link", "set", "eth0", "up"])?;
        // The gateway's kernel itself must not speak on the ports.
        let quiet = format!("/proc/sys/net/ipv6/conf/{port}/disable_ipv6");
        run(&["ip", "netns", "exec", &gw, "sh", "-c", &format!("echo 1 > {quiet}")])?;
        run(&["ip", "-n", &gw, "link", "set", port, "up"])
    }

    fn serve(&mut self) -> Result<(), LabError> {
        let www = self.work.join("www");
        fs::write(www.join("index.html"), "<h1>文房具の店</h1>")?;
        fs::write(www.join("download.bin"), noise(DOWNLOAD_BYTES))?;
        fs::write(www.join("eicar.com"), EICAR.concat())?;
        let (key, certificate) = (self.work.join("site.key"), self.work.join("site.pem"));
        run(&[
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            &format!("/O=Mimamori Lab/CN={CLEAN_HOST}"),
            "-keyout",
            &text(&key),
            "-out",
            &text(&certificate),
        ])?;
        let config = self.work.join("nginx.conf");
        fs::write(&config, nginx(&self.work, &www, &key, &certificate))?;
        self.start("inet", &["nginx", "-c", &text(&config)])?;
        let clean = format!("--address=/bunbougu.example/{CLEAN_IP}");
        let bad = format!("--address=/nisemono-bank.example/{BAD_IP}");
        let leases = format!("--dhcp-leasefile={}", self.work.join("leases").display());
        let control = format!("--address=/badcdn.example/{CONTROL_IP}");
        self.start(
            "inet",
            &[
                "dnsmasq",
                "--keep-in-foreground",
                "--no-resolv",
                "--no-hosts",
                "--pid-file=",
                "--user=root",
                "--listen-address=192.168.1.1",
                "--bind-interfaces",
                &clean,
                &bad,
                &control,
                "--dhcp-range=192.168.1.20,192.168.1.99,1h",
                "--dhcp-host=00:0b:5d:12:34:56,192.168.1.23",
                "--dhcp-host=00:1b:8b:65:43:21,192.168.1.31",
                &leases,
            ],
        )?;
        for (server, address) in [("nginx", (CLEAN_IP, "443")), ("dnsmasq", ("192.168.1.1", "53"))] {
            self.wait_for_server(server, address)?;
        }
        Ok(())
    }

    /// Waits until a server takes connections; where it does not, says what it wrote.
    fn wait_for_server(&self, server: &str, (ip, port): (&str, &str)) -> Result<(), LabError> {
        let probe = format!("exec 3<>/dev/tcp/{ip}/{port}");
        for _ in 0..100 {
            if self.on("inet", &["timeout", "1", "bash", "-c", &probe])?.status.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let words = fs::read_to_string(self.work.join(format!("{server}.log"))).unwrap_or_default();
        Err(LabError::Command { command: server.to_owned(), words })
    }

    /// Starts a program in a namespace; it ends with the laboratory.
    pub fn start(&mut self, ns: &str, command: &[&str]) -> Result<u32, LabError> {
        let log =
            fs::File::create(self.work.join(format!("{}.log", command.first().map_or("x", |c| name_of(c)))))?;
        // A group of its own: some servers end by a signal to their whole group.
        let child = Command::new("ip")
            .process_group(0)
            .args(["netns", "exec", &self.ns(ns)])
            .args(command)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let id = child.id();
        self.children.push(child);
        Ok(id)
    }

    /// Runs a program in a namespace to its end.
    pub fn on(&self, ns: &str, command: &[&str]) -> Result<Output, LabError> {
        Ok(Command::new("ip").args(["netns", "exec", &self.ns(ns)]).args(command).output()?)
    }

    /// Waits until packets pass from a device to the router.
    #[must_use]
    pub fn wait_for_gateway(&self, for_at_most: Duration) -> bool {
        let tries = for_at_most.as_millis() / 500;
        (0..tries.max(1)).any(|_| {
            std::thread::sleep(Duration::from_millis(200));
            self.on("pc1", &["ping", "-c1", "-W1", "192.168.1.1"]).is_ok_and(|o| o.status.success())
        })
    }

    /// Clean traffic passes bit for bit, and what is bad is stopped: with real clients.
    pub fn checks(&self) -> Result<Vec<Check>, LabError> {
        let mut all = Vec::new();
        for (what, url, port) in [
            ("普通のダウンロード（HTTP）が1ビットも変わらずに届く", "http", "80"),
            ("普通のダウンロード（HTTPS）が1ビットも変わらずに届く", "https", "443"),
        ] {
            all.push(self.clean_download(what, url, port)?);
        }
        let page = self.curl("pc2", BAD_HOST, BAD_IP, "80", &format!("http://{BAD_HOST}/"))?;
        let shown = String::from_utf8_lossy(&page.stdout).into_owned();
        let stopped = shown.contains("接続を止めました");
        all.push(check("偽サイト（HTTP）が止まり、理由のページが出る", stopped, &shown));
        let tls = self.curl("pc2", BAD_HOST, BAD_IP, "443", &format!("https://{BAD_HOST}/"))?;
        all.push(check(
            "偽サイト（HTTPS、TLSのサーバー名）が止まる",
            was_cut(&tls) && tls.stdout.is_empty(),
            &words(&tls),
        ));
        let name = self.dig("pc1", BAD_HOST)?;
        all.push(check(
            "偽サイトの名前（DNS）が止まる",
            name.contains("NXDOMAIN") && !name.contains(BAD_IP),
            &name,
        ));
        let fine = self.dig("pc1", CLEAN_HOST)?;
        all.push(check("普通の名前（DNS）は引ける", fine.contains(CLEAN_IP), &fine));
        let file = self.curl("pc1", CLEAN_HOST, CLEAN_IP, "80", &format!("http://{CLEAN_HOST}/eicar.com"))?;
        let got_it = file.stdout.windows(20).any(|w| w == EICAR[1].as_bytes().get(..20).unwrap_or_default());
        let page = String::from_utf8_lossy(&file.stdout).contains("危険なファイルを止めました");
        all.push(check("危険なファイルが届かず、理由のページが出る", page && !got_it, &words(&file)));
        let beacon = format!("http://{CONTROL_HOST}/gate.php");
        let called = self.curl("pc1", CONTROL_HOST, CONTROL_IP, "80", &beacon)?;
        let stopped = String::from_utf8_lossy(&called.stdout).contains("接続を止めました");
        all.push(check("攻撃者の指令サーバーへの接続が止まる", stopped, &words(&called)));
        Ok(all)
    }

    /// Both devices ask for an address and tell their names on the way, as office devices do.
    /// Without `udhcpc` they stay nameless.
    pub fn lease(&self) -> Result<(), LabError> {
        if !found("udhcpc") {
            return Ok(());
        }
        for (ns, name) in [("pc1", "KEIRI-PC"), ("pc2", "EIGYO-PC")] {
            // The address is set already; what counts is the request that crosses the gateway.
            let hello = format!("hostname:{name}");
            self.on(
                ns,
                &["udhcpc", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0", "-s", "/bin/true", "-x", &hello],
            )?;
        }
        Ok(())
    }

    fn clean_download(&self, what: &'static str, scheme: &str, port: &str) -> Result<Check, LabError> {
        let got =
            self.curl("pc1", CLEAN_HOST, CLEAN_IP, port, &format!("{scheme}://{CLEAN_HOST}/download.bin"))?;
        let same = got.stdout == fs::read(self.work.join("www/download.bin"))?;
        Ok(check(what, same, &format!("{} bytes {}", got.stdout.len(), String::from_utf8_lossy(&got.stderr))))
    }

    fn curl(&self, ns: &str, host: &str, ip: &str, port: &str, url: &str) -> Result<Output, LabError> {
        let resolve = format!("{host}:{port}:{ip}");
        self.on(ns, &["curl", "-sSk", "-m", "10", "--connect-timeout", "5", "--resolve", &resolve, url])
    }

    fn dig(&self, ns: &str, name: &str) -> Result<String, LabError> {
        let out = self.on(ns, &["dig", "+tries=1", "+time=3", "@192.168.1.1", name])?;
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// Ends programs and removes namespaces, also those of an earlier run.
    fn take_down(&mut self) {
        for child in &mut self.children {
            let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        }
        for child in &mut self.children {
            wait_or_kill(child);
        }
        self.children.clear();
        for name in ["pc1", "pc2", "gw", "inet"] {
            self.end_leftovers(name);
            let _ = Command::new("ip").args(["netns", "del", &self.ns(name)]).stderr(Stdio::null()).status();
        }
        let _ = Command::new("ip").args(["link", "del", &self.ns("up")]).stderr(Stdio::null()).status();
    }

    /// What an earlier run that was killed left running inside its namespace.
    fn end_leftovers(&self, name: &str) {
        let Ok(out) =
            Command::new("ip").args(["netns", "pids", &self.ns(name)]).stderr(Stdio::null()).output()
        else {
            return;
        };
        for pid in String::from_utf8_lossy(&out.stdout).split_ascii_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.take_down();
    }
}

fn wait_or_kill(child: &mut Child) {
    for _ in 0..100 {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn check(what: &'static str, passed: bool, detail: &str) -> Check {
    Check { what, passed, detail: detail.chars().take(400).collect() }
}

fn words(out: &Output) -> String {
    format!("{} {}", out.status, String::from_utf8_lossy(&out.stderr).trim())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn run(command: &[&str]) -> Result<(), LabError> {
    let (program, args) = command.split_first().unwrap_or((&"true", &[]));
    let out = Command::new(program).args(args).stdin(Stdio::null()).output()?;
    if out.status.success() {
        return Ok(());
    }
    Err(LabError::Command {
        command: command.join(" "),
        words: String::from_utf8_lossy(&out.stderr).trim().to_owned(),
    })
}

/// Bytes that neither compress nor repeat.
fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    mimamori_base::Rng::fill(&mimamori_base::SeededRng::new(7), &mut bytes);
    bytes
}

/// The connection was made and then ended by somebody on the way: not refused by the server's
/// machine (curl's 7), which would say nothing about the gateway, nor waited for in vain (28).
fn was_cut(out: &Output) -> bool {
    !out.status.success() && !matches!(out.status.code(), Some(7 | 28))
}

fn nginx(work: &Path, www: &Path, key: &Path, certificate: &Path) -> String {
    format!(
        "daemon off; user root; worker_processes 1; pid {work}/nginx.pid; error_log {work}/nginx-error.log;\n\
         events {{}}\n\
         http {{ access_log off; default_type application/octet-stream; client_body_temp_path {work}/body;\n\
           proxy_temp_path {work}/proxy; fastcgi_temp_path {work}/fcgi; uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;\n\
           server {{ listen {CLEAN_IP}:80; listen {BAD_IP}:80; listen {CONTROL_IP}:80; listen {CLEAN_IP}:443 ssl; listen {BAD_IP}:443 ssl;\n\
             ssl_certificate {certificate}; ssl_certificate_key {key}; root {www}; }} }}\n",
        work = work.display(),
        www = www.display(),
        key = key.display(),
        certificate = certificate.display(),
    )
}
