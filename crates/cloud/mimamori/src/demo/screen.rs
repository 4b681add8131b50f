//! What the demonstration prints: one line a thing, in Japanese.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Different lines that are remembered, so that none is repeated.
const REMEMBERED: usize = 500;

/// The terminal. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    said: Arc<Mutex<BTreeSet<String>>>,
}

impl Screen {
    pub fn new() -> Self {
        Screen::default()
    }

    pub fn title(&self) {
        print("みまもり 体験版 — 竹原商店（UTM装置3台）を、この1台の中で動かします。\n");
    }

    /// One line: who, what.
    pub fn say(&self, who: &str, what: &str) {
        print(&format!("  {}  {what}", pad(who, 10)));
    }

    /// The same line only once.
    pub fn say_once(&self, who: &str, what: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < REMEMBERED && said.insert(format!("{who}\n{what}")) {
            self.say(who, what);
        }
    }

    /// Where something listens; says so when the wished port was taken.
    pub fn port(&self, what: &str, at: SocketAddr, wished: u16) {
        if at.port() == wished || wished == 0 {
            self.say("準備", &format!("{what}: {at}"));
        } else {
            self.say("準備", &format!("{what}: {at}（{wished} は使われていたので、次の番号にしました）"));
        }
    }

    /// Where to look, and how to get in.
    pub fn invitation(&self, url: &str, user: &str, password: &str) {
        print(&format!(
            "
  ブラウザーで開いてください:  {url}
    ユーザーID   {user}
    パスワード   {password}
  届いたメールは「受信箱」（{url}/mailbox）で読めます。
  終わるときは Ctrl-C を押してください。
"
        ));
    }
}

/// One line on stdout. A closed pipe is no reason to stop the demonstration.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Pads to a width in terminal columns; a Japanese letter takes two.
fn pad(text: &str, columns: usize) -> String {
    let used: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    format!("{text}{}", " ".repeat(columns.saturating_sub(used)))
}
