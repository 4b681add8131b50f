//! A judge in this process that answers at once: for replays and the demo, where nothing waits.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::pool::{Answer, Pool, Question};
use crate::scanner::{Finding, Knowledge, Why};

/// No file takes so long.
const WAIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Local {
    pool: Pool,
    answers: Receiver<Answer>,
}

impl Local {
    #[must_use]
    pub fn start(knowledge: &Arc<Knowledge>) -> Local {
        let (to, answers) = sync_channel(1_024);
        let reply: crate::pool::Reply = Arc::new(move |answer| drop(to.send(answer)));
        Local { pool: Pool::start(knowledge, 1, &reply), answers }
    }

    pub fn tell(&self, question: Question) {
        self.pool.ask(question);
    }

    /// Asks and waits for the answer.
    #[must_use]
    pub fn ask(&self, id: u64, end: bool) -> Answer {
        self.pool.ask(Question::Ask { id, end });
        let answer = self.answers.recv_timeout(WAIT).ok().filter(|a| a.id == id);
        answer.unwrap_or(Answer { id, bytes: 0, end, finding: Finding::Unknown(Why::Dead) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scanner::Limits;

    /// A file that was found harmful is gone; who asks about it again must not wait.
    #[test]
    fn a_question_about_a_file_that_is_gone_is_answered() {
        let (to, from) = sync_channel(1);
        std::thread::spawn(move || {
            let knowledge = Knowledge::new(None, vec![], None, Limits::default()).unwrap();
            to.send(Local::start(&Arc::new(knowledge)).ask(7, true)).unwrap();
        });
        let answer = from.recv_timeout(WAIT / 2).unwrap();
        assert_eq!((answer.id, answer.finding), (7, Finding::Unknown(Why::Dead)));
    }
}
