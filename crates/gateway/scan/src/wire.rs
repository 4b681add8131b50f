//! Questions and answers between the gateway and its scan worker, over a socket pair.
//!
//! A message is its kind (u8), the file's id (u64 LE), a length (u32 LE) and as many bytes.
//! Holds always: no message is larger than its kind allows; anything else ends the connection.

use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clamd::ClamdAddress;
use crate::pool::{Answer, Question};
use crate::scanner::{Knowledge, KnowledgeError, Limits};

const OPEN: u8 = 1;
const BYTES: u8 = 2;
const ASK: u8 = 3;
const ASK_END: u8 = 4;
const FORGET: u8 = 5;
const SETUP: u8 = 6;
const ANSWER: u8 = 7;
const READY: u8 = 8;

const MAX_BYTES: usize = 16 << 20;
const MAX_SETUP: usize = 1 << 30;
const MAX_ANSWER: usize = 64 << 10;

/// What a worker judges by, to be sent to it.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub yara: Vec<u8>,
    pub hashes: Vec<Arc<[u8]>>,
    pub clamd: Option<ClamdAddress>,
    pub limits: Limits,
}

#[derive(Serialize, Deserialize)]
struct SetupHead {
    yara: usize,
    hashes: Vec<usize>,
    clamd: Option<ClamdAddress>,
    limits: Limits,
}

impl Setup {
    pub fn knowledge(&self) -> Result<Knowledge, KnowledgeError> {
        Knowledge::new(Some(&self.yara), self.hashes.clone(), self.clamd.clone(), self.limits)
    }

    fn encode(&self) -> io::Result<Vec<u8>> {
        let head = SetupHead {
            yara: self.yara.len(),
            hashes: self.hashes.iter().map(|h| h.len()).collect(),
            clamd: self.clamd.clone(),
            limits: self.limits,
        };
        let head = serde_json::to_vec(&head)?;
        let mut out = u32::try_from(head.len()).map_err(io::Error::other)?.to_le_bytes().to_vec();
        out.extend_from_slice(&head);
        out.extend_from_slice(&self.yara);
        for list in &self.hashes {
            out.extend_from_slice(list);
        }
        Ok(out)
    }

    fn decode(bytes: &[u8]) -> io::Result<Setup> {
        let cut = || io::Error::from(io::ErrorKind::InvalidData);
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(io::Error::other)?;
        let (head, mut rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        let head: SetupHead = serde_json::from_slice(head)?;
        let mut take = |length: usize| {
            let (part, later) = rest.split_at_checked(length)?;
            rest = later;
            Some(part)
        };
        let yara = take(head.yara).ok_or_else(cut)?.to_vec();
        let hashes: Option<Vec<Arc<[u8]>>> =
            head.hashes.iter().map(|length| take(*length).map(Arc::from)).collect();
        Ok(Setup { yara, hashes: hashes.ok_or_else(cut)?, clamd: head.clamd, limits: head.limits })
    }
}

/// What the worker receives.
#[derive(Debug)]
pub(crate) enum Message {
    Question(Question),
    Setup(Box<Setup>),
}

/// What the worker sends.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    /// A set-up has been taken over; `Err`: why not.
    Ready(Result<(), String>),
}

fn write(out: &mut dyn Write, kind: u8, id: u64, payload: &[u8]) -> io::Result<()> {
    let mut head = [0; 13];
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let bytes = [kind].into_iter().chain(id.to_le_bytes()).chain(length.to_le_bytes());
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = from;
    }
    out.write_all(&head)?;
    out.write_all(payload)
}

fn read(source: &mut dyn Read) -> io::Result<(u8, u64, Vec<u8>)> {
    let (mut kind, mut id, mut length) = ([0], [0; 8], [0; 4]);
    source.read_exact(&mut kind)?;
    source.read_exact(&mut id)?;
    source.read_exact(&mut length)?;
    let [kind] = kind;
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    let most = match kind {
        BYTES => MAX_BYTES,
        SETUP => MAX_SETUP,
        ANSWER | READY => MAX_ANSWER,
        _ => 0,
    };
    if length > most {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut payload = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "limited by take")]
    source.take(length as u64).read_to_end(&mut payload)?;
    if payload.len() != length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok((kind, u64::from_le_bytes(id), payload))
}

pub(crate) fn write_question(out: &mut dyn Write, question: &Question) -> io::Result<()> {
    match question {
        Question::Open { id } => write(out, OPEN, *id, &[]),
        Question::Bytes { id, bytes } => {
            bytes.chunks(MAX_BYTES).try_for_each(|chunk| write(out, BYTES, *id, chunk))
        }
        Question::Ask { id, end } => write(out, if *end { ASK_END } else { ASK }, *id, &[]),
        Question::Forget { id } => write(out, FORGET, *id, &[]),
    }
}

pub(crate) fn write_setup(out: &mut dyn Write, setup: &Setup) -> io::Result<()> {
    write(out, SETUP, 0, &setup.encode()?)
}

pub(crate) fn read_message(source: &mut dyn Read) -> io::Result<Message> {
    let (kind, id, bytes) = read(source)?;
    Ok(Message::Question(match kind {
        OPEN => Question::Open { id },
        BYTES => Question::Bytes { id, bytes },
        ASK => Question::Ask { id, end: false },
        ASK_END => Question::Ask { id, end: true },
        FORGET => Question::Forget { id },
        SETUP => return Ok(Message::Setup(Box::new(Setup::decode(&bytes)?))),
        _ => return Err(io::Error::from(io::ErrorKind::InvalidData)),
    }))
}

pub(crate) fn write_reply(out: &mut dyn Write, reply: &Reply) -> io::Result<()> {
    match reply {
        Reply::Answer(answer) => write(out, ANSWER, answer.id, &serde_json::to_vec(answer)?),
        Reply::Ready(result) => write(out, READY, 0, &serde_json::to_vec(result)?),
    }
}

pub(crate) fn read_reply(source: &mut dyn Read) -> io::Result<Reply> {
    let (kind, _, bytes) = read(source)?;
    match kind {
        ANSWER => Ok(Reply::Answer(serde_json::from_slice(&bytes)?)),
        READY => Ok(Reply::Ready(serde_json::from_slice(&bytes)?)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scanner::Finding;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut wire = Vec::new();
        let setup = Setup {
            yara: vec![1, 2, 3],
            hashes: vec![Arc::from(&b"abc"[..])],
            clamd: Some(ClamdAddress::Path("/run/clamd".into())),
            limits: Limits::default(),
        };
        write_setup(&mut wire, &setup).unwrap();
        let question = Question::Bytes { id: 9, bytes: vec![7; 100] };
        write_question(&mut wire, &question).unwrap();
        let mut source = wire.as_slice();
        let Message::Setup(read) = read_message(&mut source).unwrap() else { panic!("a set-up") };
        assert_eq!((read.yara, read.clamd), (setup.yara, setup.clamd));
        let Message::Question(read) = read_message(&mut source).unwrap() else { panic!("a question") };
        assert_eq!(read, question);
        let answer = Answer { id: 9, bytes: 100, end: true, finding: Finding::Clean };
        let mut wire = Vec::new();
        write_reply(&mut wire, &Reply::Answer(answer.clone())).unwrap();
        let Reply::Answer(read) = read_reply(&mut wire.as_slice()).unwrap() else { panic!("an answer") };
        assert_eq!(read, answer);
    }

    proptest! {
        #[test]
        fn nonsense_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_message(&mut bytes.as_slice());
            let _ = read_reply(&mut bytes.as_slice());
            let _ = Setup::decode(&bytes);
        }
    }
}
