//! clamd as a second opinion, over its socket (`zINSTREAM`).
//!
//! Holds always: a scan takes [`WAIT`] at most, an answer is read to [`MAX_ANSWER`] bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const WAIT: Duration = Duration::from_secs(3);
const MAX_ANSWER: u64 = 4_096;
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
    #[error("clamd says: {0}")]
    Answer(String),
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// What clamd finds in the bytes.
pub fn scan(address: &ClamdAddress, bytes: &[u8]) -> Result<Option<String>, ClamdError> {
    let mut stream: Box<dyn Stream> = match address {
        ClamdAddress::Path(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(WAIT))?;
            stream.set_write_timeout(Some(WAIT))?;
            Box::new(stream)
        }
        ClamdAddress::Address(address) => {
            let stream = TcpStream::connect_timeout(address, WAIT)?;
            stream.set_read_timeout(Some(WAIT))?;
            stream.set_write_timeout(Some(WAIT))?;
            Box::new(stream)
        }
    };
    stream.write_all(b"zINSTREAM\0")?;
    for chunk in bytes.chunks(CHUNK_BYTES) {
        stream.write_all(&u32::try_from(chunk.len()).unwrap_or(0).to_be_bytes())?;
        stream.write_all(chunk)?;
    }
    stream.write_all(&[0; 4])?;
    let mut answer = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "limited by take")]
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let answer = answer.trim_end_matches('\0').trim();
    let said = answer.strip_prefix("stream: ").unwrap_or(answer);
    match said.strip_suffix(" FOUND") {
        Some(family) => Ok(Some(family.to_owned())),
        None if said == "OK" => Ok(None),
        None => Err(ClamdError::Answer(said.chars().take(200).collect())),
    }
}
