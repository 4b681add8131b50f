//! The gateway's side of the scan worker: a queue to it, its answers, and its death.
//!
//! Responsible for starting the worker with little privilege and starting it again. Holds
//! always: nobody who asks waits; the queue is bounded ([`MAX_QUEUED_BYTES`]) and refuses what
//! is beyond; when the worker dies every open file is answered as not judged.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use crate::pool::{Answer, Question};
use crate::scanner::{Finding, Why};
use crate::wire::{self, Reply, Setup};

/// Bytes of files that wait to be sent to the worker.
pub const MAX_QUEUED_BYTES: usize = 48 << 20;
const MAX_QUEUED: usize = 16_384;
const MAX_ANSWERS: usize = 65_536;
/// Before a dead worker is started again, doubled up to thirty times as much.
const PAUSE: Duration = Duration::from_millis(500);
/// A worker that takes nothing for so long is ended, and one that owes answers and gives none.
const STUCK: Duration = Duration::from_secs(30);
const NOBODY: u32 = 65_534;

/// How the worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Starting,
    Running,
    Dead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteStats {
    pub deaths: u64,
    pub refused: u64,
    pub queued_bytes: usize,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts deaths: who asked before has to be told.
    generation: AtomicU64,
    queued: AtomicUsize,
    /// Questions that the worker owes an answer to, and answers it has given.
    owed: AtomicU64,
    given: AtomicU64,
    stop: AtomicBool,
    pid: AtomicU32,
    wake: OwnedFd,
    refused_setup: Mutex<Option<String>>,
    /// Knowledge that the worker has not been sent yet.
    new_setup: Mutex<Option<Arc<Setup>>>,
}

impl Shared {
    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = state;
    }

    fn poke(&self) {
        // Full means that it is awake already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn died(&self) {
        self.set(State::Dead);
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.poke();
    }
}

/// A scan worker in a process of its own.
#[derive(Debug)]
pub struct Remote {
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
    shared: Arc<Shared>,
    open: BTreeSet<u64>,
    seen_generation: u64,
    lost: Vec<u64>,
    refused: u64,
    clamd_fails: bool,
}

impl Remote {
    /// `program`: this program's file, which with the argument `scan-worker` is the worker.
    pub fn start(program: PathBuf, setup: Setup) -> io::Result<Remote> {
        let (questions, queue) = sync_channel(MAX_QUEUED);
        let (to, answers) = sync_channel(MAX_ANSWERS);
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Starting),
            generation: AtomicU64::new(0),
            queued: AtomicUsize::new(0),
            owed: AtomicU64::new(0),
            given: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            pid: AtomicU32::new(0),
            wake: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
            refused_setup: Mutex::default(),
            new_setup: Mutex::default(),
        });
        let keeper = Keeper { program, setup: Arc::new(setup), queue, to, shared: shared.clone() };
        std::thread::Builder::new().name("scan-keeper".to_owned()).spawn(move || keeper.run())?;
        Ok(Remote {
            questions,
            answers,
            shared,
            open: BTreeSet::new(),
            seen_generation: 0,
            lost: Vec::new(),
            refused: 0,
            clamd_fails: false,
        })
    }

    /// Readable when an answer has come; [`Remote::calm`] makes it unreadable again.
    #[must_use]
    pub fn wake_fd(&self) -> RawFd {
        self.shared.wake.as_raw_fd()
    }

    pub fn calm(&self) {
        let _ = rustix::io::read(&self.shared.wake, &mut [0u8; 8]);
    }

    #[must_use]
    pub fn state(&self) -> State {
        *self.shared.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[must_use]
    pub fn stats(&self) -> RemoteStats {
        RemoteStats {
            deaths: self.shared.generation.load(Ordering::SeqCst),
            refused: self.refused,
            queued_bytes: self.shared.queued.load(Ordering::Relaxed),
        }
    }

    /// The worker's process, 0 where there is none.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shared.pid.load(Ordering::SeqCst)
    }

    /// Why the worker did not take the last set-up, once.
    #[must_use]
    pub fn take_refusal(&self) -> Option<String> {
        self.shared.refused_setup.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Judges by other knowledge from the next file on.
    pub fn replace(&self, setup: Setup) {
        let mut new = self.shared.new_setup.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *new = Some(Arc::new(setup));
    }

    /// clamd did not answer when it was last asked about a whole file.
    #[must_use]
    pub fn clamd_fails(&self) -> bool {
        self.clamd_fails
    }

    pub fn tell(&mut self, question: Question) -> Result<(), Why> {
        if self.state() != State::Running {
            return Err(Why::Dead);
        }
        let id = question.id();
        let bytes = if let Question::Bytes { bytes, .. } = &question { bytes.len() } else { 0 };
        let full = self.shared.queued.load(Ordering::Relaxed).saturating_add(bytes) > MAX_QUEUED_BYTES;
        match &question {
            Question::Open { .. } => drop(self.open.insert(id)),
            Question::Forget { .. } => drop(self.open.remove(&id)),
            _ => {}
        }
        self.shared.queued.fetch_add(bytes, Ordering::Relaxed);
        if full || self.questions.try_send(question).is_err() {
            self.shared.queued.fetch_sub(bytes, Ordering::Relaxed);
            self.refused += 1;
            return Err(Why::Busy);
        }
        Ok(())
    }

    /// The next answer that is there.
    pub fn next_answer(&mut self) -> Option<Answer> {
        if let Ok(answer) = self.answers.try_recv() {
            match &answer.finding {
                Finding::Unknown(Why::NoClamd) => self.clamd_fails = true,
                // It is asked only where nobody else knew the file.
                Finding::Clean if answer.end => self.clamd_fails = false,
                Finding::Harmful { found_by, .. } if found_by == "clamd" => self.clamd_fails = false,
                _ => {}
            }
            if answer.end || matches!(answer.finding, Finding::Harmful { .. }) {
                self.open.remove(&answer.id);
            }
            return Some(answer);
        }
        let generation = self.shared.generation.load(Ordering::SeqCst);
        if generation != self.seen_generation {
            self.seen_generation = generation;
            self.lost.extend(std::mem::take(&mut self.open));
        }
        let id = self.lost.pop()?;
        Some(Answer { id, bytes: 0, end: true, finding: Finding::Unknown(Why::Dead) })
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }
}

/// Keeps a worker alive, and writes to it.
struct Keeper {
    program: PathBuf,
    setup: Arc<Setup>,
    queue: Receiver<Question>,
    to: SyncSender<Answer>,
    shared: Arc<Shared>,
}

impl Keeper {
    fn run(mut self) {
        let mut pause = PAUSE;
        while !self.shared.stop.load(Ordering::SeqCst) {
            match self.spawn() {
                Ok((mut child, socket)) => {
                    self.shared.pid.store(child.id(), Ordering::SeqCst);
                    let served = self.serve(&socket);
                    let _ = socket.shutdown(std::net::Shutdown::Both);
                    let _ = child.kill();
                    let _ = child.wait();
                    self.shared.pid.store(0, Ordering::SeqCst);
                    if served {
                        pause = PAUSE;
                    }
                }
                Err(_) => self.shared.died(),
            }
            if self.shared.stop.load(Ordering::SeqCst) {
                return;
            }
            self.drain();
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE * 30);
        }
    }

    /// What waited for the worker that died is for nobody.
    fn drain(&mut self) {
        while let Ok(question) = self.queue.try_recv() {
            self.taken(&question);
        }
        self.take_setup();
    }

    /// `true`: there is other knowledge to be sent.
    fn take_setup(&mut self) -> bool {
        let new = self.shared.new_setup.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let is_new = new.is_some();
        self.setup = new.unwrap_or_else(|| self.setup.clone());
        is_new
    }

    fn taken(&self, question: &Question) {
        if let Question::Bytes { bytes, .. } = question {
            self.shared.queued.fetch_sub(bytes.len(), Ordering::Relaxed);
        }
    }

    fn spawn(&self) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&self.program);
        command.arg("scan-worker").env_clear().current_dir("/");
        match self.setup.clamd {
            Some(crate::clamd::ClamdAddress::Address(_)) => drop(command.arg("--inet")),
            Some(_) => drop(command.arg("--local")),
            None => {}
        }
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let child = command.spawn()?;
        ours.set_write_timeout(Some(STUCK))?;
        Ok((child, ours))
    }

    /// Until the worker dies or nobody needs it. `true`: it has worked.
    fn serve(&mut self, socket: &UnixStream) -> bool {
        let alive = Arc::new(AtomicBool::new(true));
        let (Ok(for_reading), Ok(for_writing)) = (socket.try_clone(), socket.try_clone()) else {
            self.shared.died();
            return false;
        };
        let reader = Reader { to: self.to.clone(), shared: self.shared.clone(), alive: alive.clone() };
        let reading = std::thread::spawn(move || reader.run(for_reading));
        self.shared.owed.store(0, Ordering::SeqCst);
        let mut silence = Silence::default();
        let mut out = BufWriter::with_capacity(256 << 10, for_writing);
        let mut result = wire::write_setup(&mut out, &self.setup).and_then(|()| out.flush());
        while result.is_ok() && alive.load(Ordering::SeqCst) && !self.shared.stop.load(Ordering::SeqCst) {
            result = self.pass_on(&mut out);
            if silence.lasts(&self.shared) {
                break;
            }
        }
        // The end of the connection ends the reader, which tells of the death.
        let _ = socket.shutdown(std::net::Shutdown::Both);
        reading.join().unwrap_or(false)
    }

    fn pass_on(&mut self, out: &mut BufWriter<UnixStream>) -> io::Result<()> {
        if self.take_setup() {
            wire::write_setup(out, &self.setup)?;
        }
        let question = match self.queue.try_recv() {
            Ok(question) => question,
            Err(TryRecvError::Empty) => {
                out.flush()?;
                match self.queue.recv_timeout(Duration::from_millis(100)) {
                    Ok(question) => question,
                    Err(RecvTimeoutError::Timeout) => return Ok(()),
                    Err(RecvTimeoutError::Disconnected) => return self.nobody_asks(),
                }
            }
            Err(TryRecvError::Disconnected) => return self.nobody_asks(),
        };
        self.taken(&question);
        if let Question::Ask { .. } = question {
            self.shared.owed.fetch_add(1, Ordering::SeqCst);
        }
        wire::write_question(out, &question)
    }

    fn nobody_asks(&self) -> io::Result<()> {
        self.shared.stop.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// Since when the worker owes answers and has given none.
#[derive(Default)]
struct Silence {
    given: u64,
    since: Option<Instant>,
}

impl Silence {
    fn lasts(&mut self, shared: &Shared) -> bool {
        let given = shared.given.load(Ordering::SeqCst);
        if shared.owed.load(Ordering::SeqCst) == 0 || given != self.given {
            (self.given, self.since) = (given, None);
            return false;
        }
        self.since.get_or_insert_with(Instant::now).elapsed() > STUCK
    }
}

struct Reader {
    to: SyncSender<Answer>,
    shared: Arc<Shared>,
    alive: Arc<AtomicBool>,
}

impl Reader {
    fn run(self, socket: UnixStream) -> bool {
        let mut source = io::BufReader::new(socket);
        let mut worked = false;
        while let Ok(reply) = wire::read_reply(&mut source) {
            match reply {
                Reply::Answer(answer) => {
                    self.shared.given.fetch_add(1, Ordering::SeqCst);
                    let less = |owed: u64| owed.checked_sub(1);
                    let _ = self.shared.owed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
                    // Full: the engine does not fetch answers, so nobody waits for this one.
                    let _ = self.to.try_send(answer);
                    self.shared.poke();
                }
                Reply::Ready(Ok(())) => {
                    worked = true;
                    self.shared.set(State::Running);
                }
                Reply::Ready(Err(why)) => {
                    *self.shared.refused_setup.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                        Some(why);
                }
            }
        }
        self.alive.store(false, Ordering::SeqCst);
        self.shared.died();
        worked
    }
}
