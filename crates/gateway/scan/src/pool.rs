//! Threads that judge files, each with its own files.
//!
//! Responsible for keeping the bytes of files until they are judged. Holds always: a file's
//! questions are answered in order; a thread keeps [`MAX_KEPT_BYTES`] at most, files beyond are
//! answered as not judged; a panic while judging costs the file, not the thread; every question that
//! asks is answered, also about a file that was found harmful before and is gone.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::{Deserialize, Serialize};

use crate::scanner::{Finding, Knowledge, Scanner, Why};

/// Bytes of files that one thread keeps.
pub(crate) const MAX_KEPT_BYTES: usize = 192 << 20;
const QUEUE: usize = 1_024;

/// What a judge of files is told and asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    Open { id: u64 },
    Bytes { id: u64, bytes: Vec<u8> },
    Ask { id: u64, end: bool },
    Forget { id: u64 },
}

impl Question {
    pub(crate) fn id(&self) -> u64 {
        match self {
            Question::Open { id }
            | Question::Bytes { id, .. }
            | Question::Ask { id, .. }
            | Question::Forget { id } => *id,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub id: u64,
    /// About so many bytes from the start.
    pub bytes: u64,
    pub end: bool,
    pub finding: Finding,
}

/// Takes answers; called from the threads that judge.
pub(crate) type Reply = Arc<dyn Fn(Answer) + Send + Sync>;

/// Some threads with the same knowledge.
#[derive(Debug)]
pub(crate) struct Pool {
    threads: Vec<SyncSender<Question>>,
}

impl Pool {
    pub(crate) fn start(knowledge: &Arc<Knowledge>, threads: usize, reply: &Reply) -> Pool {
        let threads = (0..threads.max(1))
            .map(|_| {
                let (to, questions) = sync_channel(QUEUE);
                let (knowledge, reply) = (knowledge.clone(), reply.clone());
                std::thread::spawn(move || serve(&knowledge, &questions, &reply));
                to
            })
            .collect();
        Pool { threads }
    }

    /// Waits while the thread's queue is full.
    pub(crate) fn ask(&self, question: Question) {
        let at = usize::try_from(question.id()).unwrap_or(0) % self.threads.len().max(1);
        if let Some(thread) = self.threads.get(at) {
            let _ = thread.send(question);
        }
    }
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// Its bytes were not kept.
    given_up: bool,
}

fn serve(knowledge: &Knowledge, questions: &Receiver<Question>, reply: &Reply) {
    let mut scanner = Scanner::new(knowledge);
    let mut files: HashMap<u64, Kept> = HashMap::new();
    let mut held = 0;
    while let Ok(question) = questions.recv() {
        match question {
            Question::Open { id } => {
                files.insert(id, Kept::default());
            }
            Question::Bytes { id, bytes } => {
                let Some(file) = files.get_mut(&id) else { continue };
                if held + bytes.len() > MAX_KEPT_BYTES {
                    file.given_up = true;
                }
                if !file.given_up {
                    held += bytes.len();
                    file.bytes.extend_from_slice(&bytes);
                }
            }
            Question::Ask { id, end } => {
                let Some(file) = files.get(&id) else {
                    reply(Answer { id, bytes: 0, end, finding: Finding::Unknown(Why::Dead) });
                    continue;
                };
                let judged = catch_unwind(AssertUnwindSafe(|| scanner.judge(&file.bytes, end)));
                let finding = match judged {
                    _ if file.given_up => Finding::Unknown(Why::Busy),
                    Ok(finding) => finding,
                    Err(_) => {
                        scanner = Scanner::new(knowledge);
                        Finding::Unknown(Why::Unreadable)
                    }
                };
                let last = end || matches!(finding, Finding::Harmful { .. });
                reply(Answer { id, bytes: file.bytes.len() as u64, end, finding });
                if last && let Some(file) = files.remove(&id) {
                    held -= file.bytes.len();
                }
            }
            Question::Forget { id } => {
                if let Some(file) = files.remove(&id) {
                    held -= file.bytes.len();
                }
            }
        }
    }
}
