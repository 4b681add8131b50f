//! clamd as a second opinion, over its socket (`zINSTREAM`).
//!
//! Holds always: a scan takes [`WAIT`] at most, an answer is read to [`MAX_ANSWER`] bytes; after a
//! failure nobody waits for clamd before [`REST`] is over: files are told as not judged at once.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

const WAIT: Duration = Duration::from_secs(3);
const REST: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 4_096;
const CHUNK_BYTES: usize = 64 << 10;

/// Where clamd listens: a path, or an address with a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClamdAddress {
    Path(PathBuf),
    Address(SocketAddr),
}

impl FromStr for ClamdAddress {
    type Err = ClamdError;

    fn from_str(text: &str) -> Result<Self, ClamdError> {
        if text.starts_with('/') {
            return Ok(ClamdAddress::Path(text.into()));
        }
        text.parse().map(ClamdAddress::Address).map_err(|_| ClamdError::Address(text.to_owned()))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ClamdError {
    #[error("{0:?} is neither a path nor an address with a port")]
    Address(String),
    #[error("clamd cannot be reached: {0}")]
    Io(#[from] io::Error),
    #[error("clamd did not answer within {WAIT:?}")]
    Slow,
    #[error("clamd failed a moment ago and is left alone for {REST:?}")]
    Rests,
    #[error("clamd says: {0}")]
    Answer(String),
}

/// clamd as several threads ask it.
#[derive(Clone, Debug)]
pub(crate) struct Clamd {
    address: ClamdAddress,
    rests_until: Arc<Mutex<Option<Instant>>>,
}

impl Clamd {
    pub(crate) fn new(address: ClamdAddress) -> Self {
        Clamd { address, rests_until: Arc::default() }
    }

    /// What clamd finds in the bytes.
    pub(crate) fn scan(&self, bytes: &[u8]) -> Result<Option<String>, ClamdError> {
        let now = Instant::now();
        let rests_until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if rests_until.is_some_and(|until| now < until) {
            return Err(ClamdError::Rests);
        }
        let result = ask(&self.address, bytes, now + WAIT);
        // An answer that is an error is about this file, not about clamd.
        let failed = matches!(result, Err(ClamdError::Io(_) | ClamdError::Slow));
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) =
            failed.then(|| Instant::now() + REST);
        result
    }
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn connect(address: &ClamdAddress) -> io::Result<Stream> {
        Ok(match address {
            ClamdAddress::Path(path) => Stream::Unix(UnixStream::connect(path)?),
            ClamdAddress::Address(address) => Stream::Tcp(TcpStream::connect_timeout(address, WAIT)?),
        })
    }

    /// Every further read and write takes no longer than what is left.
    fn hurry(&self, until: Instant) -> Result<(), ClamdError> {
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        let left = Some(left.ok_or(ClamdError::Slow)?);
        match self {
            Stream::Unix(s) => s.set_read_timeout(left).and_then(|()| s.set_write_timeout(left))?,
            Stream::Tcp(s) => s.set_read_timeout(left).and_then(|()| s.set_write_timeout(left))?,
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), ClamdError> {
        match self {
            Stream::Unix(s) => s.write_all(bytes),
            Stream::Tcp(s) => s.write_all(bytes),
        }
        .map_err(or_slow)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ClamdError> {
        match self {
            Stream::Unix(s) => s.read(bytes),
            Stream::Tcp(s) => s.read(bytes),
        }
        .map_err(or_slow)
    }
}

fn or_slow(error: io::Error) -> ClamdError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClamdError::Slow,
        _ => ClamdError::Io(error),
    }
}

fn send(stream: &mut Stream, bytes: &[u8], until: Instant) -> Result<(), ClamdError> {
    stream.hurry(until)?;
    stream.send(b"zINSTREAM\0")?;
    for chunk in bytes.chunks(CHUNK_BYTES) {
        stream.hurry(until)?;
        stream.send(&u32::try_from(chunk.len()).unwrap_or(0).to_be_bytes())?;
        stream.send(chunk)?;
    }
    stream.send(&[0; 4])
}

fn ask(address: &ClamdAddress, bytes: &[u8], until: Instant) -> Result<Option<String>, ClamdError> {
    let mut stream = Stream::connect(address)?;
    let sent = send(&mut stream, bytes, until);
    let (mut answer, mut piece) = (Vec::new(), [0; 512]);
    loop {
        stream.hurry(until)?;
        // What is too large for clamd it answers while it is still being sent, and hangs up.
        let Ok(read) = stream.read(&mut piece) else { break };
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        if read == 0 || answer.ends_with(&[0]) || answer.len() >= MAX_ANSWER {
            break;
        }
    }
    if answer.is_empty() {
        sent?;
        stream.hurry(until)?;
        return Err(ClamdError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    let answer = String::from_utf8_lossy(&answer);
    let answer = answer.trim_end_matches('\0').trim();
    let said = answer.strip_prefix("stream: ").unwrap_or(answer);
    match said.strip_suffix(" FOUND") {
        Some(family) => Ok(Some(family.to_owned())),
        None if said == "OK" => Ok(None),
        None => Err(ClamdError::Answer(said.chars().take(200).collect())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Takes connections, reads, and answers as told; `None`: never.
    fn stand_in(listener: UnixListener, answers: Vec<Option<&'static [u8]>>) {
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for answer in answers {
                let (mut peer, _) = listener.accept().unwrap();
                let mut seen = Vec::new();
                let mut piece = [0; 4096];
                while !seen.ends_with(&[0; 4]) {
                    let read = peer.read(&mut piece).unwrap();
                    seen.extend_from_slice(&piece[..read]);
                }
                match answer {
                    Some(answer) => peer.write_all(answer).unwrap(),
                    None => kept.push(peer),
                }
            }
            std::thread::sleep(WAIT * 2);
        });
    }

    #[test]
    fn one_that_fails_costs_one_wait_and_is_left_alone_for_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let clamd = Clamd::new(ClamdAddress::Path(path.clone()));
        assert!(matches!(clamd.scan(b"x"), Err(ClamdError::Io(_))), "nobody listens");
        assert!(matches!(clamd.scan(b"x"), Err(ClamdError::Rests)));
        let clamd = Clamd::new(ClamdAddress::Path(path.clone()));
        let answers =
            vec![Some(&b"stream: OK\0"[..]), Some(b"stream: Own.Test FOUND\0"), Some(b"size limit\0"), None];
        stand_in(UnixListener::bind(&path).unwrap(), answers);
        assert!(matches!(clamd.scan(b"one"), Ok(None)));
        assert_eq!(clamd.scan(b"two").unwrap().as_deref(), Some("Own.Test"));
        assert!(matches!(clamd.scan(b"three"), Err(ClamdError::Answer(_))), "is about the file");
        let began = Instant::now();
        assert!(matches!(clamd.scan(b"four"), Err(ClamdError::Slow)));
        assert!((WAIT..WAIT * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
        assert!(matches!(clamd.scan(b"five"), Err(ClamdError::Rests)));
        assert!(began.elapsed() < WAIT * 2, "nobody waits a second time");
    }
}
