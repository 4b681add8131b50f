//! The program from outside: it serves, ends cleanly, and says what is wrong in one message.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn mimamori(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mimamori")).args(args).output().expect("the program runs")
}

/// What it says when it refuses: one message, in Japanese, on stderr.
fn refusal(args: &[&str]) -> String {
    let out = mimamori(args);
    assert!(!out.status.success(), "{args:?} is refused");
    String::from_utf8_lossy(&out.stderr).into_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

struct Ports {
    portal: u16,
    gateways: u16,
    metrics: u16,
}

fn ports() -> Ports {
    Ports { portal: free_port(), gateways: free_port(), metrics: free_port() }
}

fn config(folder: &Path, database: &str, ports: &Ports) -> PathBuf {
    let text = format!(
        r#"database = "{database}"
state_dir = "state"
[portal]
listen = "127.0.0.1:{}"
public_url = "http://localhost:{}"
contact = {{ phone = "0120-000-000", hours = "平日" }}
[gateways]
listen = "127.0.0.1:{}"
names = ["localhost"]
[mail]
server = "localhost"
security = "none"
port = 1
from = "a@example.jp"
[metrics]
listen = "127.0.0.1:{}"
"#,
        ports.portal, ports.portal, ports.gateways, ports.metrics
    );
    let path = folder.join("m.toml");
    std::fs::write(&path, text).expect("written");
    path
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.take(1 << 20).read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn wait_for(port: u16, path: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = get(port, path) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path} answers within 30 seconds");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn end(mut process: Child) {
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = process.try_wait().expect("its state") {
            assert!(status.success(), "ends cleanly: {status}");
            return;
        }
        assert!(Instant::now() < deadline, "ends within 20 seconds");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs `mimamori admin` and gives back what it printed.
fn admin(file: &str, args: &[&str]) -> String {
    let out = mimamori(&[&["admin", "--config", file], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn it_serves_a_customer_made_on_the_command_line_and_ends_cleanly() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = ports();
    let path = config(folder.path(), "sqlite:m.db", &ports);
    let file = path.to_str().expect("a path");
    let id = |said: &str| {
        said.split("番号: ").nth(1).and_then(|s| s.split_whitespace().next()).expect("a number").to_owned()
    };
    let reseller = id(&admin(file, &["add-reseller", "--name", "販売店", "--phone", "0120-000-000"]));
    let mail = ["--mail", "a@example.jp"];
    let args = ["add-customer", "--reseller", &reseller, "--name", "乙川物産"];
    let customer = id(&admin(file, &[&args[..], &mail].concat()));
    let args = ["add-gateway", "--customer", &customer, "--serial", "S-0001", "--name", "本店"];
    assert!(admin(file, &args).contains("1回だけ使えます"));
    let args =
        ["add-account", "--user", "otokawa", "--name", "乙川", "--role", "customer-admin", "--customer"];
    assert!(admin(file, &[&args[..], &[&customer], &mail].concat()).contains("仮のパスワード"));
    assert!(admin(file, &["list"]).contains("乙川物産"));

    let process = Command::new(env!("CARGO_BIN_EXE_mimamori"))
        .args(["serve", "--config", file])
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    assert!(wait_for(ports.portal, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(wait_for(ports.portal, "/").contains("/login"));
    assert!(wait_for(ports.metrics, "/metrics").contains("mimamori_database_up 1"));
    let taken = refusal(&["serve", "--config", file]);
    assert!(taken.contains("ほかのプログラムが使っています"), "{taken}");
    end(process);
}

#[test]
fn what_is_wrong_is_said_in_one_message_that_tells_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = ports();
    let nothing = refusal(&["serve", "--config", "/nowhere/m.toml"]);
    assert!(nothing.contains("/nowhere/m.toml") && nothing.contains("見本"), "{nothing}");

    let path = config(folder.path(), "sqlite:m.db", &ports);
    let text = std::fs::read_to_string(&path).expect("read").replace("names =", "name =");
    std::fs::write(&path, text).expect("written");
    let key = refusal(&["serve", "--config", path.to_str().expect("a path")]);
    assert!(key.contains("9 行目") && key.contains("name"), "{key}");

    let down = format!("postgres://nobody@127.0.0.1:{}/none", free_port());
    let path = config(folder.path(), &down, &ports);
    let database = refusal(&["serve", "--config", path.to_str().expect("a path")]);
    assert!(database.contains("データベース") && database.contains("動いているか"), "{database}");

    let path = config(folder.path(), "sqlite:/dev/null/m.db", &ports);
    let file = refusal(&["serve", "--config", path.to_str().expect("a path")]);
    assert!(file.contains("フォルダー"), "{file}");

    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/mimamori.example.toml");
    let checked = mimamori(&["serve", "--check", "--config", example]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn two_demonstrations_do_not_share_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let lock = std::fs::File::create(folder.path().join("demo.lock")).expect("a lock");
    lock.try_lock().expect("locked");
    let said = refusal(&["demo", "--data", folder.path().to_str().expect("a path")]);
    assert!(said.contains("もう動いています"), "{said}");
}

/// Everything that the demonstration tries with real traffic is stopped or let through as it says.
#[test]
fn the_live_demonstration_shows_what_it_says() {
    if let Some(obstacle) = mimamori_gateway::lab::obstacle() {
        eprintln!("skipped: needs {obstacle}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_mimamori"))
        .args(["demo", "--live", "--data", folder.path().to_str().expect("a path")])
        .args(["--port", &free_port().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let (line, lines) = std::sync::mpsc::sync_channel(64);
    let out = std::io::BufReader::new(demo.stdout.take().expect("piped"));
    std::thread::spawn(move || {
        std::io::BufRead::lines(out).map_while(Result::ok).try_for_each(|l| line.send(l))
    });
    let (mut tried, mut said) = (Vec::new(), Vec::new());
    while let Ok(line) = lines.recv_timeout(Duration::from_secs(120)) {
        if line.contains("5分ごとにくり返します") {
            break;
        }
        if line.contains("実通信") && (line.contains('○') || line.contains('×')) {
            tried.push(line);
        } else {
            said.push(line);
        }
    }
    end(demo);
    assert!(tried.len() == 8 && tried.iter().all(|line| line.contains('○')), "{tried:#?} {said:#?}");
}
