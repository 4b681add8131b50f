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

use crate::pool::{Pool, Question, Reply as PoolReply};
use crate::wire::{self, Message, Reply};

/// Serves until the gateway hangs up. `inet`: clamd is reached over the network.
pub fn run(inet: bool) -> io::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    crate::sandbox::enter(inet)?;
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
    let mut current: Option<Arc<Pool>> = None;
    let mut routes: HashMap<u64, Arc<Pool>> = HashMap::new();
    loop {
        match wire::read_message(&mut source) {
            Ok(Message::Setup(setup)) => match setup.knowledge() {
                Ok(knowledge) => {
                    current = Some(Arc::new(Pool::start(&Arc::new(knowledge), threads, &reply)));
                    send(&Reply::Ready(Ok(())))?;
                }
                Err(error) => send(&Reply::Ready(Err(error.to_string())))?,
            },
            Ok(Message::Question(question)) => route(question, current.as_ref(), &mut routes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn route(question: Question, current: Option<&Arc<Pool>>, routes: &mut HashMap<u64, Arc<Pool>>) {
    let id = question.id();
    if let (Question::Open { .. }, Some(pool)) = (&question, current) {
        routes.insert(id, pool.clone());
    }
    let last = matches!(question, Question::Forget { .. } | Question::Ask { end: true, .. });
    if let Some(pool) = routes.get(&id) {
        pool.ask(question);
    }
    if last {
        routes.remove(&id);
    }
}
