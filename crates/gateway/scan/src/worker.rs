//! The process that judges: reads questions from its standard input, a socket, and writes the
//! answers there.
//!
//! Holds always: it is restricted ([`crate::sandbox`]) before it reads the first byte; it ends
//! when the gateway does; new knowledge counts for files that begin after it.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::pool::{Answer, Pool, Question, Reply as PoolReply};
use crate::sandbox::Sockets;
use crate::scanner::{Finding, Knowledge, KnowledgeError, Why};
use crate::wire::{self, Message, Reply};

/// Serves until the gateway hangs up.
pub fn run(sockets: Sockets) -> io::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    crate::sandbox::enter(sockets)?;
    serve(socket, threads)
}

pub(crate) fn serve(socket: UnixStream, threads: usize) -> io::Result<()> {
    let out = Arc::new(Mutex::new(socket.try_clone()?));
    let send = move |reply: &Reply| {
        let mut out = out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        wire::write_reply(&mut *out, reply)
    };
    let send = Arc::new(send);
    let to_gateway = send.clone();
    // The gateway is gone when this fails, which reading tells as well.
    let reply: PoolReply = Arc::new(move |answer| drop(to_gateway(&Reply::Answer(answer))));
    let mut source = io::BufReader::new(socket);
    let mut current = Current::default();
    let mut routes: HashMap<u64, Arc<Pool>> = HashMap::new();
    loop {
        match wire::read_message(&mut source) {
            Ok(Message::Setup(setup)) => {
                let (reply, send) = (reply.clone(), send.clone());
                // Compiled rules take seconds to load: the files of the meantime are judged by the
                // knowledge there is.
                let loading = current.load(
                    move || setup.knowledge(),
                    threads,
                    reply,
                    move |ready| {
                        // The gateway is gone when this fails, which reading tells as well.
                        drop(send(&Reply::Ready(ready)));
                    },
                );
                if current.pool().is_none() {
                    let _ = loading.join();
                }
            }
            Ok(Message::Question(question)) => {
                let (id, asks) = match question {
                    Question::Ask { id, end } => (id, Some(end)),
                    ref other => (other.id(), None),
                };
                let known = route(question, current.pool().as_ref(), &mut routes);
                if let Some(end) = asks.filter(|_| !known) {
                    send(&Reply::Answer(Answer { id, bytes: 0, end, finding: Finding::Unknown(Why::Dead) }))?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// The knowledge in force.
#[derive(Clone, Default)]
struct Current {
    /// The number of the set-up it is of, and its threads.
    pool: Arc<Mutex<(u64, Option<Arc<Pool>>)>>,
    setups: u64,
}

impl Current {
    fn pool(&self) -> Option<Arc<Pool>> {
        self.pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1.clone()
    }

    /// Takes over new knowledge as soon as it is loaded; of several, the latest stays.
    fn load(
        &mut self,
        knowledge: impl FnOnce() -> Result<Knowledge, KnowledgeError> + Send + 'static,
        threads: usize,
        reply: PoolReply,
        ready: impl FnOnce(Result<(), String>) + Send + 'static,
    ) -> JoinHandle<()> {
        self.setups += 1;
        let (number, pool) = (self.setups, self.pool.clone());
        std::thread::spawn(move || match knowledge() {
            Ok(knowledge) => {
                let new = Arc::new(Pool::start(&Arc::new(knowledge), threads, &reply));
                let mut pool = pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if pool.0 < number {
                    *pool = (number, Some(new));
                }
                drop(pool);
                ready(Ok(()));
            }
            Err(error) => ready(Err(error.to_string())),
        })
    }
}

/// `false`: nobody has that file.
fn route(question: Question, current: Option<&Arc<Pool>>, routes: &mut HashMap<u64, Arc<Pool>>) -> bool {
    let id = question.id();
    if let (Question::Open { .. }, Some(pool)) = (&question, current) {
        routes.insert(id, pool.clone());
    }
    let last = matches!(question, Question::Forget { .. } | Question::Ask { end: true, .. });
    let known = routes.get(&id).inspect(|pool| pool.ask(question)).is_some();
    if last {
        routes.remove(&id);
    }
    known
}
