//! A small WebDriver client: just what the browser test needs, on std and serde_json.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Widest answer: a screenshot of a long page.
const ANSWER_MAX_BYTES: u64 = 64 << 20;

pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// What the pages are found to do wrong, gathered to be told at once.
    pub faults: RefCell<Vec<String>>,
}

impl Browser {
    /// Starts chromedriver and a headless Chromium; `None` (with a printed reason) without them.
    pub fn start() -> Option<Self> {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let driver = match driver {
            Ok(driver) => driver,
            Err(e) => {
                println!("SKIPPED: chromedriver cannot be started ({e}); install Debian's chromium-driver");
                return None;
            }
        };
        let mut browser = Browser { driver, port, session: String::new(), faults: RefCell::default() };
        let options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=ja", "--hide-scrollbars"]
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" }
        } } });
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match browser.call("POST", "/session", Some(&wanted)) {
                Ok(answer) => {
                    browser.session = text(&answer["sessionId"]);
                    return Some(browser);
                }
                Err(e) if Instant::now() > deadline => {
                    println!("SKIPPED: chromedriver gives no session ({e})");
                    return None;
                }
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let fault = |e: std::io::Error| e.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(fault)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(fault)?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).map_err(fault)?;
        stream.write_all(body.as_bytes()).map_err(fault)?;
        let json = read_answer(stream)?;
        let value: Value = serde_json::from_str(&json).map_err(|e| e.to_string())?;
        match value["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", value["value"]["message"])),
            None => Ok(value["value"].clone()),
        }
    }

    fn session(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.call(method, &path, body).unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    pub fn open(&self, url: &str) {
        self.session("POST", "/url", Some(&json!({ "url": url })));
    }

    /// Forgets the cookies of the page that is open.
    pub fn forget(&self) {
        self.session("DELETE", "/cookie", None);
    }

    pub fn url(&self) -> String {
        text(&self.session("GET", "/url", None))
    }

    pub fn run(&self, script: &str) -> Value {
        self.session("POST", "/execute/sync", Some(&json!({ "script": script, "args": [] })))
    }

    pub fn run_async(&self, script: &str) -> Value {
        self.session("POST", "/execute/async", Some(&json!({ "script": script, "args": [] })))
    }

    /// All that a reader sees.
    pub fn page_text(&self) -> String {
        text(&self.run("return document.body.innerText"))
    }

    pub fn element(&self, css: &str) -> String {
        let found = self.session("POST", "/element", Some(&json!({ "using": "css selector", "value": css })));
        found.as_object().and_then(|o| o.values().next()).map(text).unwrap_or_default()
    }

    pub fn click(&self, css: &str) {
        let id = self.element(css);
        self.session("POST", &format!("/element/{id}/click"), Some(&json!({})));
    }

    pub fn fill(&self, css: &str, value: &str) {
        let id = self.element(css);
        self.session("POST", &format!("/element/{id}/clear"), Some(&json!({})));
        self.session("POST", &format!("/element/{id}/value"), Some(&json!({ "text": value })));
    }

    /// A virtual authenticator (WebAuthn, 11.3); answers its id.
    pub fn add_authenticator(&self, kind: &Value) -> String {
        text(&self.session("POST", "/webauthn/authenticator", Some(kind)))
    }

    pub fn remove_authenticator(&self, id: &str) {
        self.session("DELETE", &format!("/webauthn/authenticator/{id}"), None);
    }

    /// How many passkeys it keeps.
    pub fn credentials(&self, id: &str) -> usize {
        let all = self.session("GET", &format!("/webauthn/authenticator/{id}/credentials"), None);
        all.as_array().map_or(0, Vec::len)
    }

    /// Whether its owner is verified from now on.
    pub fn verifies_owner(&self, id: &str, yes: bool) {
        let body = json!({ "isUserVerified": yes });
        self.session("POST", &format!("/webauthn/authenticator/{id}/uv"), Some(&body));
    }

    fn devtools(&self, command: &str, params: &Value) -> Value {
        self.session("POST", "/goog/cdp/execute", Some(&json!({ "cmd": command, "params": params })))
    }

    pub fn size(&self, width: u32, height: u32) {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &params);
    }

    pub fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let params = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", &params);
    }

    /// The whole page as PNG, in base64.
    pub fn screenshot(&self) -> String {
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        text(&self.devtools("Page.captureScreenshot", &params)["data"])
    }

    /// The upper part of the page as PNG, in base64.
    pub fn screenshot_of_top(&self, width: u32, height: u32) -> String {
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        text(&self.devtools("Page.captureScreenshot", &params)["data"])
    }

    /// Errors on the console since the last call.
    pub fn console_errors(&self) -> Vec<String> {
        let log = self.session("POST", "/se/log", Some(&json!({ "type": "browser" })));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().filter(|e| e["level"] == "SEVERE").map(|e| text(&e["message"])).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call("DELETE", &format!("/session/{}", self.session), None);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The body; chromedriver keeps the connection open, so its length decides.
fn read_answer(stream: TcpStream) -> Result<String, String> {
    let mut reader = BufReader::new(stream.take(ANSWER_MAX_BYTES));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|e| e.to_string())?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(|_| "no length")?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).map_err(|e| e.to_string())?;
    String::from_utf8(body).map_err(|e| e.to_string())
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
