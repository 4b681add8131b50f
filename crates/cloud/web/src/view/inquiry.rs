//! お問合せ: the list, a thread, a new one; for customers and for the desk.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::attachment::Attachment;
use mimamori_domain::inquiry::{Channel, Inquiry, InquiryState, Post, Topic, Urgency};
use mimamori_domain::jst;

use super::{Choice, Fact, Frame, Moment, Tag};

/// One thread of a list.
#[derive(Debug)]
pub struct Line {
    pub id: String,
    pub title: String,
    /// Empty in front of the customer.
    pub customer: String,
    pub topic: &'static str,
    pub state: Tag,
    pub due: String,
    pub changed: Moment,
    pub posts: usize,
}

impl Line {
    pub fn new(q: &Inquiry, customer: String, desk: bool, now: Timestamp) -> Self {
        Line {
            id: q.id.to_string(),
            title: q.title.to_string(),
            customer,
            topic: q.topic.label(),
            state: if desk { urgency_tag(q, now) } else { state_tag(q) },
            due: due(q),
            changed: Moment::at(q.changed_at, now),
            posts: q.posts.len(),
        }
    }
}

/// Whose turn it is, as the customer reads it.
pub fn state_tag(q: &Inquiry) -> Tag {
    match q.state {
        InquiryState::Open if q.posts.last().is_some_and(|p| p.from_desk) => {
            Tag { class: "look", icon: "clock", word: "途中の回答があります" }
        }
        InquiryState::Open => Tag { class: "look", icon: "clock", word: InquiryState::Open.label() },
        InquiryState::Answered => Tag { class: "ok", icon: "ok", word: InquiryState::Answered.label() },
        InquiryState::Closed => Tag { class: "", icon: "history", word: InquiryState::Closed.label() },
    }
}

/// How urgent it is, as the desk reads it.
pub fn urgency_tag(q: &Inquiry, now: Timestamp) -> Tag {
    match q.urgency(now) {
        Urgency::Overdue => Tag { class: "act", icon: "act", word: "期限を過ぎています" },
        Urgency::Near => Tag { class: "check", icon: "check", word: "期限が近い" },
        Urgency::InTime => Tag { class: "look", icon: "clock", word: "回答待ち" },
        Urgency::None if q.state == InquiryState::Answered => {
            Tag { class: "ok", icon: "ok", word: "回答済み" }
        }
        Urgency::None => Tag { class: "", icon: "history", word: "完了" },
    }
}

fn due(q: &Inquiry) -> String {
    match q.state {
        InquiryState::Open => format!("{} までに回答", jst::date_time(q.due_at)),
        InquiryState::Answered => format!("{} に自動で完了", jst::date(q.due_at)),
        InquiryState::Closed => String::new(),
    }
}

#[derive(Debug, Template)]
#[template(path = "inquiries.html")]
pub struct ListPage {
    pub frame: Frame,
    pub summary: String,
    /// The desk's queue: several companies.
    pub desk: bool,
    pub may_ask: bool,
    pub views: Vec<Choice>,
    pub lines: Vec<Line>,
}

/// One choice of a field.
#[derive(Debug)]
pub struct Pick {
    pub code: &'static str,
    pub label: &'static str,
    pub selected: bool,
}

/// What was typed, kept when it was refused.
#[derive(Debug, Default)]
pub struct Draft {
    pub title: String,
    pub topic: String,
    pub channel: String,
    pub text: String,
    pub days: String,
    pub error: Option<&'static str>,
}

pub fn topics(chosen: &str) -> Vec<Pick> {
    let picks = Topic::ALL.iter();
    picks.map(|t| Pick { code: t.code(), label: t.label(), selected: t.code() == chosen }).collect()
}

pub fn channels(chosen: &str) -> Vec<Pick> {
    let picks = [Channel::Phone, Channel::Mail].into_iter();
    picks.map(|c| Pick { code: c.code(), label: c.label(), selected: c.code() == chosen }).collect()
}

#[derive(Debug, Template)]
#[template(path = "inquiry_new.html")]
pub struct NewPage {
    pub frame: Frame,
    /// Entered by the desk for the customer.
    pub desk: bool,
    pub topics: Vec<Pick>,
    pub channels: Vec<Pick>,
    pub draft: Draft,
    /// Until when an answer comes if it is sent now.
    pub answer_by: String,
}

#[derive(Debug)]
pub struct FileLine {
    pub id: String,
    pub name: String,
    pub kind: &'static str,
    pub size: String,
}

impl From<&Attachment> for FileLine {
    fn from(file: &Attachment) -> Self {
        FileLine {
            id: file.id.to_string(),
            name: file.name.to_string(),
            kind: file.file_type.label(),
            size: size_text(file.size),
        }
    }
}

/// `340 KB`, `1.2 MB`.
pub fn size_text(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes.div_ceil(1_000).max(1)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[derive(Debug)]
pub struct PostView {
    pub by: String,
    pub from_desk: bool,
    pub at: Moment,
    pub text: String,
    pub files: Vec<FileLine>,
}

/// The posts, each with the files that came with it.
pub fn posts(q: &Inquiry, files: &[Attachment], now: Timestamp) -> Vec<PostView> {
    let with = |i: usize, post: &Post| {
        let next = q.posts.get(i + 1).map(|p| p.at);
        let came = |f: &&Attachment| (i == 0 || f.at >= post.at) && next.is_none_or(|next| f.at < next);
        files.iter().filter(came).map(FileLine::from).collect()
    };
    let view = |(i, post): (usize, &Post)| PostView {
        by: if post.from_desk {
            format!("相談窓口 {}", post.by.name)
        } else {
            format!("{} さん", post.by.name)
        },
        from_desk: post.from_desk,
        at: Moment::at(post.at, now),
        text: post.text.to_string(),
        files: with(i, post),
    };
    q.posts.iter().enumerate().map(view).collect()
}

/// What annex 1, 7 takes in.
pub const IN_SCOPE: [&str; 4] =
    ["UTM装置の設置", "セキュリティポータルの使い方", "重要アラートの内容", "保険"];

/// The courteous answer to what annex 1, 8 leaves out (HD-04).
pub const OUT_OF_SCOPE: &str = "お問合せいただきありがとうございます。\n恐れ入りますが、いただいた内容は本サービスの相談窓口でお答えできる範囲（UTM装置の設置、ポータル、重要アラート、保険）の外になります。ご購入先、またはその製品・回線の提供元の窓口へご相談ください。\nUTM装置やアラートに関わることでお気づきの点がありましたら、あらためてお知らせください。";

#[derive(Debug, Template)]
#[template(path = "inquiry.html")]
pub struct ThreadPage {
    pub frame: Frame,
    pub id: String,
    pub title: String,
    pub state: Tag,
    pub facts: Vec<Fact>,
    /// What happens next, in a sentence.
    pub next: String,
    pub posts: Vec<PostView>,
    pub closed: bool,
    pub may_write: bool,
    pub may_answer: bool,
    pub reply: Draft,
    pub answer: Draft,
}

/// Facts of the thread.
pub fn facts(q: &Inquiry, customer: Option<String>) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(customer) = customer {
        facts.push(Fact::new("お客様", customer));
    }
    facts.push(Fact::new("内容", q.topic.label()));
    facts.push(Fact::new("受付", format!("{}（{}）", jst::date_time(q.created_at), q.channel.label())));
    if let Some(at) = q.first_answer_at {
        facts.push(Fact::new("最初の回答", jst::date_time(at)));
    }
    let due = due(q);
    if !due.is_empty() {
        facts.push(Fact::new("期限", due));
    }
    facts
}

/// What happens next, in front of the customer or the desk.
pub fn next(q: &Inquiry, desk: bool) -> String {
    match (q.state, desk) {
        (InquiryState::Open, false) => {
            format!("相談窓口が {} までに回答します。お待ちください。", jst::date_time(q.due_at))
        }
        (InquiryState::Open, true) => {
            format!(
                "{} までに回答してください。かかりそうなときは、途中の回答を先に送れます。",
                jst::date_time(q.due_at)
            )
        }
        (InquiryState::Answered, false) => format!(
            "回答をお読みください。解決したら「解決しました」を押してください。続きがなければ、{}に自動で完了になります。",
            jst::date(q.due_at)
        ),
        (InquiryState::Answered, true) => format!(
            "お客様の返事を待っています。続きがなければ、{}に自動で完了になります。",
            jst::date(q.due_at)
        ),
        (InquiryState::Closed, _) => {
            "このお問合せは完了しました。続きは、新しいお問合せとしてお送りください。".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_as_people_say_them() {
        assert_eq!(size_text(1), "1 KB");
        assert_eq!(size_text(340_000), "340 KB");
        assert_eq!(size_text(1_290_000), "1.2 MB");
    }
}
