//! One SMTP conversation (RFC 5321, STARTTLS of RFC 3207, AUTH PLAIN and LOGIN of RFC 4954).

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_base::Clock;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::mailbox::{Envelope, Mailbox};
use super::{ReceiverConfig, Temper};

const LINE_MAX_BYTES: usize = 4_096;
const MESSAGE_MAX_BYTES: usize = 2 * 1024 * 1024;
const RECIPIENTS_MAX: usize = 100;
const COMMANDS_MAX: usize = 10_000;

/// Where in the conversation a [`Temper`] is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Greeting,
    Auth,
    From,
    Recipient,
    Data,
    /// After the final dot, before the message is kept.
    Dot,
    /// After the message is kept, before the answer.
    Kept,
    /// After the answer that it is kept.
    Answered,
}

/// What the server does at a stage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    Go,
    /// Answers this instead, e.g. `451 later`.
    Say(String),
    /// Closes the connection without a word.
    Drop,
    /// Says nothing for this long, then goes on.
    Hang(Duration),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The conversation is over.
enum End {
    Quit,
    StartTls,
}

struct Session<'a> {
    config: &'a ReceiverConfig,
    mailbox: &'a Mailbox,
    clock: &'a dyn Clock,
    stream: BufReader<Box<dyn Stream>>,
    encrypted: bool,
    authenticated: bool,
    from: Option<String>,
    to: Vec<String>,
}

pub(super) async fn run(
    stream: TcpStream,
    config: &ReceiverConfig,
    acceptor: Option<TlsAcceptor>,
    mailbox: &Mailbox,
    clock: &dyn Clock,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (stream, encrypted): (Box<dyn Stream>, bool) = match &acceptor {
        Some(tls) if config.implicit_tls => (Box::new(tls.accept(stream).await?), true),
        _ => (Box::new(stream), false),
    };
    let mut session = Session {
        config,
        mailbox,
        clock,
        stream: BufReader::new(stream),
        encrypted,
        authenticated: false,
        from: None,
        to: Vec::new(),
    };
    if !session.go(Stage::Greeting, "").await? {
        return Ok(());
    }
    session.say("220 mailbox.mimamori.invalid ESMTP").await?;
    loop {
        match session.commands(acceptor.is_some()).await? {
            End::Quit => return Ok(()),
            End::StartTls => {
                let Some(tls) = &acceptor else { return Ok(()) };
                // Whatever was sent before the handshake is thrown away with the buffer.
                let plain = session.stream.into_inner();
                let stream: Box<dyn Stream> = Box::new(tls.accept(plain).await?);
                session = Session {
                    stream: BufReader::new(stream),
                    encrypted: true,
                    authenticated: false,
                    from: None,
                    to: Vec::new(),
                    config,
                    mailbox,
                    clock,
                };
            }
        }
    }
}

impl Session<'_> {
    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.get_mut().flush().await
    }

    /// Asks the temper. `false`: it answered or will not go on.
    async fn go(&mut self, stage: Stage, argument: &str) -> io::Result<bool> {
        let act = match &self.config.temper {
            Some(temper) => {
                let temper: &Temper = temper;
                temper(stage, argument)
            }
            None => Act::Go,
        };
        match act {
            Act::Go => Ok(true),
            Act::Say(line) => {
                self.say(&line).await?;
                Ok(false)
            }
            Act::Drop => Err(io::Error::other("dropped on purpose")),
            Act::Hang(time) => {
                tokio::time::sleep(time).await;
                Ok(true)
            }
        }
    }

    /// One line without its end; too long a line ends the conversation.
    async fn line(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let read = async {
            let mut line = Vec::new();
            loop {
                let byte = self.stream.read_u8().await?;
                if byte == b'\n' {
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                    return Ok(line);
                }
                if line.len() >= max {
                    return Err(io::Error::other("line too long"));
                }
                line.push(byte);
            }
        };
        tokio::time::timeout(self.config.idle, read)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn commands(&mut self, can_tls: bool) -> io::Result<End> {
        for _ in 0..COMMANDS_MAX {
            let line = self.line(LINE_MAX_BYTES).await?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.ehlo(can_tls).await?,
                "HELO" => self.say("250 mailbox.mimamori.invalid").await?,
                "STARTTLS" if can_tls && !self.encrypted => {
                    self.say("220 go ahead").await?;
                    return Ok(End::StartTls);
                }
                "AUTH" => self.auth(rest).await?,
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.forget();
                    self.say("250 ok").await?;
                }
                "NOOP" => self.say("250 ok").await?,
                "QUIT" => {
                    self.say("221 bye").await?;
                    return Ok(End::Quit);
                }
                _ => self.say("502 unknown command").await?,
            }
        }
        Ok(End::Quit)
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn ehlo(&mut self, can_tls: bool) -> io::Result<()> {
        self.forget();
        self.say("250-mailbox.mimamori.invalid").await?;
        self.say(&format!("250-SIZE {MESSAGE_MAX_BYTES}")).await?;
        if can_tls && !self.encrypted {
            self.say("250-STARTTLS").await?;
        }
        if self.config.login.is_some() {
            self.say("250-AUTH PLAIN LOGIN").await?;
        }
        self.say("250 8BITMIME").await
    }

    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        if !self.go(Stage::Auth, rest).await? {
            return Ok(());
        }
        let Some((user, password)) = self.config.login.clone() else {
            return self.say("502 not offered").await;
        };
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let response = if initial.is_empty() {
                    self.ask("334 ").await?
                } else {
                    STANDARD.decode(initial).unwrap_or_default()
                };
                let mut parts = response.split(|b| *b == 0).skip(1).map(<[u8]>::to_vec);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            "LOGIN" => {
                let name = self.ask("334 VXNlcm5hbWU6").await?;
                (name, self.ask("334 UGFzc3dvcmQ6").await?)
            }
            _ => return self.say("504 unknown mechanism").await,
        };
        if given == (user.into_bytes(), password.into_bytes()) {
            self.authenticated = true;
            self.say("235 welcome").await
        } else {
            self.say("535 5.7.8 authentication failed").await
        }
    }

    async fn ask(&mut self, question: &str) -> io::Result<Vec<u8>> {
        self.say(question).await?;
        let line = self.line(LINE_MAX_BYTES).await?;
        Ok(STANDARD.decode(line).unwrap_or_default())
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        if !self.go(Stage::From, rest).await? {
            return Ok(());
        }
        if self.config.login.is_some() && !self.authenticated {
            return self.say("530 5.7.0 authentication required").await;
        }
        self.forget();
        self.from = Some(path(rest));
        self.say("250 ok").await
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        if !self.go(Stage::Recipient, &path(rest)).await? {
            return Ok(());
        }
        if self.from.is_none() {
            return self.say("503 MAIL first").await;
        }
        if self.to.len() >= RECIPIENTS_MAX {
            return self.say("452 too many recipients").await;
        }
        self.to.push(path(rest));
        self.say("250 ok").await
    }

    async fn data(&mut self) -> io::Result<()> {
        if !self.go(Stage::Data, "").await? {
            return Ok(());
        }
        let Some(from) = self.from.clone().filter(|_| !self.to.is_empty()) else {
            return self.say("503 RCPT first").await;
        };
        self.say("354 end with a dot").await?;
        let mut raw = Vec::new();
        loop {
            let line = self.line(MESSAGE_MAX_BYTES).await?;
            if line == b"." {
                break;
            }
            // RFC 5321 4.5.2: a leading dot was doubled.
            raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            raw.extend_from_slice(b"\r\n");
            if raw.len() > MESSAGE_MAX_BYTES {
                self.say("552 message too large").await?;
                return Err(io::Error::other("message too large"));
            }
        }
        let message = String::from_utf8_lossy(&raw).into_owned();
        if !self.go(Stage::Dot, &message).await? {
            self.forget();
            return Ok(());
        }
        let envelope = Envelope { from, to: std::mem::take(&mut self.to), encrypted: self.encrypted };
        self.mailbox.keep(self.clock.now(), envelope, raw);
        self.forget();
        if !self.go(Stage::Kept, &message).await? {
            return Ok(());
        }
        self.say("250 2.0.0 kept").await?;
        self.go(Stage::Answered, &message).await.map(drop)
    }
}

/// The address between the angle brackets.
fn path(rest: &str) -> String {
    let inner = rest.split_once('<').map_or(rest, |(_, r)| r);
    inner.split_once('>').map_or(inner, |(l, _)| l).trim().chars().take(320).collect()
}
