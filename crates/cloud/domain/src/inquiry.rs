//! お問合せ: a thread between a customer and the desk (HD-01 to HD-04).
//!
//! Holds always: while the desk owes an answer there is a due time; a thread is closed by the
//! customer's word or by itself two weeks after the answer; what was written is never changed.
//! Deliberately not here: files (`attachment`), the mail about an answer (`notify`).

use std::time::Duration;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::Actor;
use crate::business;
use crate::coded::coded;
use crate::ids::{CustomerId, InquiryId};
use crate::text::{Name, Passage};

/// Most messages of one thread; a new thread goes on from there.
pub const POSTS_MAX: usize = 100;
/// A thread closes by itself so long after the answer.
pub const CLOSES_AFTER: Duration = Duration::from_secs(14 * 86_400);
/// Before its due time, a thread counts as near due for so long.
pub const NEAR_DUE: Duration = Duration::from_secs(86_400);

coded!(
    /// What the customer asks about.
    Topic {
        Alert = "alert", "アラートや検知の内容";
        Gateway = "gateway", "UTM装置の設置・故障";
        Portal = "portal", "ポータルの使い方・アカウント";
        Contract = "contract", "契約・保険";
        Other = "other", "その他";
    }
);

coded!(
    /// How it came in.
    Channel {
        Portal = "portal", "ポータル";
        Phone = "phone", "電話";
        Mail = "mail", "メール";
    }
);

coded!(
    /// Whose turn it is.
    InquiryState {
        Open = "open", "回答をお待ちください";
        Answered = "answered", "回答がありました";
        Closed = "closed", "完了";
    }
);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inquiry {
    pub id: InquiryId,
    pub customer: CustomerId,
    pub title: Name,
    pub topic: Topic,
    pub channel: Channel,
    pub state: InquiryState,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    /// Until when the desk answers, or when an answered thread closes.
    pub due_at: Timestamp,
    /// HD-02: a first answer was given.
    pub first_answer_at: Option<Timestamp>,
    pub posts: Vec<Post>,
    /// Grows with every change; guards every update.
    pub version: u64,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Post {
    pub at: Timestamp,
    pub by: Actor,
    pub from_desk: bool,
    pub text: Passage,
}

/// What the desk does with its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// That is it.
    Final,
    /// A first answer; the rest follows within so many business days.
    Interim { days: u32 },
}

/// How urgent a thread is for the desk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Urgency {
    Overdue,
    Near,
    InTime,
    /// The desk owes nothing.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadInquiry {
    #[error("the message is empty")]
    Empty,
    #[error("the thread is closed")]
    Closed,
    #[error("the thread is full")]
    Full,
    #[error("too many threads are open")]
    TooManyOpen,
}

impl Inquiry {
    /// A new thread.
    #[must_use]
    pub fn ask(
        id: InquiryId,
        customer: CustomerId,
        title: Name,
        topic: Topic,
        channel: Channel,
        first: Post,
    ) -> Self {
        let at = first.at;
        Inquiry {
            id,
            customer,
            title,
            topic,
            channel,
            state: InquiryState::Open,
            created_at: at,
            changed_at: at,
            due_at: business::due(at, business::ANSWER_DAYS),
            first_answer_at: None,
            posts: vec![first],
            version: 1,
        }
    }

    /// The customer writes on; the desk owes an answer again.
    pub fn reply(mut self, post: Post) -> Result<Self, BadInquiry> {
        let at = post.at;
        let was = self.state;
        self.add(post)?;
        self.state = InquiryState::Open;
        // What was promised stands; only an answered thread starts a new clock.
        if was == InquiryState::Answered {
            self.due_at = business::due(at, business::ANSWER_DAYS);
        }
        Ok(self)
    }

    /// The desk answers.
    pub fn answer(mut self, post: Post, answer: Answer) -> Result<Self, BadInquiry> {
        let at = post.at;
        self.add(post)?;
        self.first_answer_at.get_or_insert(at);
        match answer {
            Answer::Final => {
                self.state = InquiryState::Answered;
                self.due_at = at + CLOSES_AFTER;
            }
            Answer::Interim { days } => {
                self.state = InquiryState::Open;
                self.due_at = business::due(at, days.clamp(1, 40));
            }
        }
        Ok(self)
    }

    fn add(&mut self, post: Post) -> Result<(), BadInquiry> {
        if post.text.is_empty() {
            return Err(BadInquiry::Empty);
        }
        if self.state == InquiryState::Closed {
            return Err(BadInquiry::Closed);
        }
        if self.posts.len() >= POSTS_MAX {
            return Err(BadInquiry::Full);
        }
        self.changed_at = post.at;
        self.version += 1;
        self.posts.push(post);
        Ok(())
    }

    /// By the customer's word, or by itself.
    pub fn close(mut self, at: Timestamp) -> Result<Self, BadInquiry> {
        if self.state == InquiryState::Closed {
            return Err(BadInquiry::Closed);
        }
        self.state = InquiryState::Closed;
        self.changed_at = at;
        self.version += 1;
        Ok(self)
    }

    /// HD-03: two weeks after the answer.
    #[must_use]
    pub fn closes_itself(&self, now: Timestamp) -> bool {
        self.state == InquiryState::Answered && self.due_at <= now
    }

    #[must_use]
    pub fn urgency(&self, now: Timestamp) -> Urgency {
        match self.state {
            InquiryState::Open if self.due_at <= now => Urgency::Overdue,
            InquiryState::Open if self.due_at.since(now) <= NEAR_DUE => Urgency::Near,
            InquiryState::Open => Urgency::InTime,
            _ => Urgency::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountId;
    use crate::jst;

    fn post(secs: i64, from_desk: bool, text: &str) -> Post {
        Post {
            at: Timestamp::from_secs(1_795_496_700 + secs),
            by: Actor { account: AccountId([0; 16]), name: Name::parse("竹原").unwrap() },
            from_desk,
            text: Passage::clip(text),
        }
    }

    fn asked() -> Inquiry {
        let title = Name::parse("ランプが赤い").unwrap();
        let (id, customer) = (InquiryId([1; 16]), CustomerId([2; 16]));
        Inquiry::ask(id, customer, title, Topic::Gateway, Channel::Portal, post(0, false, "赤です"))
    }

    #[test]
    fn hd_02_hd_03_a_thread_has_a_due_time_and_closes_by_itself() {
        let q = asked();
        assert_eq!(jst::date_time(q.due_at), "2026年11月30日(月) 18:00");
        assert_eq!(q.urgency(q.created_at), Urgency::InTime);
        assert_eq!(q.urgency(q.due_at - Duration::from_secs(60)), Urgency::Near);
        assert_eq!(q.urgency(q.due_at), Urgency::Overdue);
        let q = q.answer(post(3_600, true, "調べます"), Answer::Interim { days: 8 }).unwrap();
        assert_eq!((q.state, q.first_answer_at.is_some()), (InquiryState::Open, true));
        assert_eq!(jst::date_time(q.due_at), "2026年12月4日(金) 18:00");
        let q = q.answer(post(7_200, true, "交換します"), Answer::Final).unwrap();
        assert!(!q.closes_itself(q.due_at - Duration::from_secs(1)) && q.closes_itself(q.due_at));
        let again = q.clone().reply(post(9_000, false, "届きません")).unwrap();
        assert_eq!(again.state, InquiryState::Open);
        let closed = q.close(Timestamp::from_secs(1_795_600_000)).unwrap();
        assert_eq!(closed.reply(post(9_999, false, "あ")), Err(BadInquiry::Closed));
    }

    #[test]
    fn a_thread_is_bounded_and_says_something() {
        assert_eq!(asked().reply(post(1, false, " \n ")), Err(BadInquiry::Empty));
        let mut q = asked();
        for i in 1..POSTS_MAX {
            q = q.reply(post(i as i64, false, "あ")).unwrap();
        }
        assert_eq!(q.reply(post(200, false, "あ")), Err(BadInquiry::Full));
    }
}
