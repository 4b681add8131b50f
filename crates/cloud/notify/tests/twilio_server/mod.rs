//! An HTTP server that speaks Twilio's Messages resource as far as we use it, well or badly.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub const ACCOUNT: &str = "AC0123456789abcdef";
pub const TOKEN: &str = "himitsu";
pub const FROM: &str = "+815000000000";

/// What the server does with one request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Takes it: `201` with an id.
    Take,
    /// Takes it and says so in pieces that break off after the status.
    TakeAndBreakOff,
    /// Answers this status and body.
    Say(u16, &'static str),
    /// Reads the request and closes.
    Drop,
    /// Reads the request and says nothing for this long.
    Hang(Duration),
}

/// A message that the provider took.
#[derive(Clone, Debug)]
pub struct Taken {
    pub to: String,
    pub from: String,
    pub text: String,
}

#[derive(Default)]
struct State {
    acts: VecDeque<Act>,
    taken: Vec<Taken>,
    requests: usize,
}

/// The running server; does what it is told, one request after the other, and then takes all.
pub struct Provider {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Provider {
    pub async fn start(acts: Vec<Act>) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { acts: acts.into(), ..State::default() }));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Provider { address, state, task }
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    pub fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some((head, body)) = read(&mut stream).await else { return };
    let act = {
        let mut state = state.lock().unwrap();
        state.requests += 1;
        state.acts.pop_front().unwrap_or(Act::Take)
    };
    let (status, answer) = match act {
        Act::Drop => return,
        Act::Hang(time) => {
            tokio::time::sleep(time).await;
            return;
        }
        Act::Say(status, body) => (status, body.to_owned()),
        Act::Take | Act::TakeAndBreakOff => take(&head, &body, &state),
    };
    let promised = if matches!(act, Act::TakeAndBreakOff) { answer.len() + 100 } else { answer.len() };
    let text = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {promised}\r\n\
         Connection: close\r\n\r\n{answer}"
    );
    let _ = stream.write_all(text.as_bytes()).await;
}

/// Checks the request as the provider does: path, login, form.
fn take(head: &str, body: &str, state: &Mutex<State>) -> (u16, String) {
    let wanted = format!("POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1");
    if head.lines().next() != Some(wanted.as_str()) {
        return (404, r#"{"code":20404,"message":"The requested resource was not found"}"#.to_owned());
    }
    let login = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
    if header(head, "authorization") != Some(login.as_str()) {
        return (401, r#"{"code":20003,"message":"Authenticate"}"#.to_owned());
    }
    let form: BTreeMap<String, String> = serde_urlencoded::from_str(body).unwrap();
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    if !field("To").starts_with('+') {
        return (400, r#"{"code":21211,"message":"Invalid 'To' Phone Number"}"#.to_owned());
    }
    if field("Body").is_empty() || field("Body").chars().count() > 1_600 {
        return (400, r#"{"code":21617,"message":"The message body is not acceptable"}"#.to_owned());
    }
    let mut state = state.lock().unwrap();
    state.taken.push(Taken { to: field("To"), from: field("From"), text: field("Body") });
    let id = state.taken.len();
    (201, format!(r#"{{"sid":"SM{id:032}","status":"queued","error_code":null}}"#))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (n, value) = line.split_once(':')?;
        n.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Head and body of one request.
async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length: usize = header(&head, "content-length")?.parse().ok()?;
        if bytes.len() >= end + 4 + length {
            let body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
            return Some((head, body));
        }
    }
}
