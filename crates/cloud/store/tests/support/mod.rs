//! A PostgreSQL of one's own: Debian's package on a unix socket in a temporary folder, run as an
//! unprivileged user. One server for all tests of the process, a database for each test.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Runs the server until our end of the pipe closes, which it does however we end.
const SUPERVISE: &str = "\"$0\" -c listen_addresses= -c max_connections=200 -c shared_buffers=256MB \
     -k \"$1\" -D \"$2\" & p=$!; cat >/dev/null; kill -QUIT $p; wait $p; rm -rf \"$1\"";

pub struct Server {
    socket: PathBuf,
    lifeline: Mutex<Option<ChildStdin>>,
    supervisor: Mutex<Child>,
}

static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

/// The server, started on first use; `None` with a printed reason where it cannot run.
pub fn server() -> Option<&'static Server> {
    match SERVER.get_or_init(start) {
        Ok(server) => Some(server),
        Err(reason) => {
            println!("skipped: PostgreSQL cannot be started here: {reason}");
            None
        }
    }
}

impl Server {
    /// Makes an empty database and says how to reach it.
    pub fn database(&self, name: &str) -> String {
        let made = self.psql("postgres", &format!("CREATE DATABASE \"{name}\""));
        assert!(made.is_ok(), "{made:?}");
        self.url(name)
    }

    pub fn url(&self, name: &str) -> String {
        format!("postgres://postgres@localhost/{name}?host={}", self.socket.display())
    }

    pub fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let bin = binaries().ok_or("no psql")?;
        let out = Command::new(bin.join("psql"))
            .args(["-h", &self.socket.display().to_string(), "-U", "postgres", "-d", database, "-Atqc", sql])
            .output()
            .map_err(|e| e.to_string())?;
        if out.status.success() {
            Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&out.stderr).into_owned())
        }
    }
}

fn binaries() -> Option<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|e| Some(e.ok()?.path().join("bin")))
        .filter(|p| p.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"))
}

/// A command that runs as `postgres` when we are root: PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    if is_root() {
        let mut c = Command::new("setpriv");
        c.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        c
    } else {
        Command::new(program)
    }
}

fn start() -> Result<Server, String> {
    let bin = binaries().ok_or("Debian's package postgresql is not installed")?;
    let dir = tempfile::Builder::new().prefix("mimamori-pg-").tempdir().map_err(|e| e.to_string())?.keep();
    if is_root() {
        let owned = Command::new("chown").arg("postgres").arg(&dir).status();
        if !owned.is_ok_and(|s| s.success()) {
            return Err("no user postgres".to_owned());
        }
    }
    let data = dir.join("data");
    let made = unprivileged(&bin.join("initdb"))
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D"])
        .arg(&data)
        .current_dir(&dir)
        .output()
        .map_err(|e| e.to_string())?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned());
    }
    let mut child = unprivileged(Path::new("/bin/sh"))
        .args(["-c", SUPERVISE])
        .arg(bin.join("postgres"))
        .arg(&dir)
        .arg(&data)
        .current_dir(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let lifeline = child.stdin.take();
    let server = Server { socket: dir, lifeline: Mutex::new(lifeline), supervisor: Mutex::new(child) };
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.psql("postgres", "SELECT 1").is_err() {
        if Instant::now() > deadline {
            return Err("it does not answer after a minute".to_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(server)
}

impl Server {
    /// Ends the server at once, and waits until it is gone.
    pub fn stop(&self) {
        drop(self.lifeline.lock().unwrap().take());
        let _ = self.supervisor.lock().unwrap().wait();
    }
}
