//! お知らせ: the list with marks, one of them, writing one (PT-08, OP-03).

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::{Announcement, AnnouncementKind, jst};
use mimamori_service::desk::AnnouncementView;

use super::{Fact, Frame, Moment, Tag};

pub fn kind_tag(kind: AnnouncementKind) -> Tag {
    let word = kind.label();
    match kind {
        AnnouncementKind::Maintenance => Tag { class: "check", icon: "clock", word },
        AnnouncementKind::Emergency => Tag { class: "act", icon: "act", word },
        AnnouncementKind::Firmware => Tag { class: "look", icon: "gateway", word },
        AnnouncementKind::News => Tag { class: "accent", icon: "news", word },
    }
}

/// When it happens: `12月24日 02:00 〜 12月24日 05:00`.
fn when(a: &Announcement) -> Option<String> {
    let text = |at: Timestamp| jst::date_time(at);
    match (a.starts_at, a.ends_at) {
        (Some(from), Some(to)) => Some(format!("{} 〜 {}", text(from), text(to))),
        (Some(from), None) => Some(format!("{} から", text(from))),
        (None, Some(to)) => Some(format!("{} まで", text(to))),
        (None, None) => None,
    }
}

/// One of the list, or of the status page's notice.
#[derive(Debug)]
pub struct Line {
    pub id: String,
    pub title: String,
    pub kind: Tag,
    pub unread: bool,
    pub over: bool,
    pub withdrawn: bool,
    pub when: Option<String>,
    pub at: Moment,
}

impl Line {
    pub fn new(view: &AnnouncementView, marks: bool, now: Timestamp) -> Self {
        let a = &view.announcement;
        Line {
            id: a.id.to_string(),
            title: a.title.to_string(),
            kind: kind_tag(a.kind),
            unread: marks && !view.read,
            over: a.is_over(now),
            withdrawn: a.withdrawn_at.is_some(),
            when: when(a),
            at: Moment::at(a.published_at, now),
        }
    }

    pub fn unread(a: &Announcement, now: Timestamp) -> Self {
        Line::new(&AnnouncementView { announcement: a.clone(), read: false }, true, now)
    }
}

#[derive(Debug, Template)]
#[template(path = "announcements.html")]
pub struct ListPage {
    pub frame: Frame,
    pub may_write: bool,
    pub unread: usize,
    pub lines: Vec<Line>,
}

#[derive(Debug, Template)]
#[template(path = "announcement.html")]
pub struct DetailPage {
    pub frame: Frame,
    pub line: Line,
    pub facts: Vec<Fact>,
    pub text: String,
    pub may_withdraw: bool,
}

impl DetailPage {
    pub fn new(frame: Frame, a: &Announcement, staff: bool, may_write: bool, now: Timestamp) -> Self {
        let line = Line::new(&AnnouncementView { announcement: a.clone(), read: true }, false, now);
        let mut facts = Vec::new();
        if let Some(when) = &line.when {
            facts.push(Fact::new("日時", when.clone()));
        }
        facts.push(Fact::new("掲載", jst::date_time(a.published_at)));
        if staff {
            facts.push(Fact::new("書いた人", a.author.to_string()));
            facts.push(Fact::new("メール", if a.by_mail { "全部のお客様へ送る" } else { "送らない" }));
            if let Some(at) = a.withdrawn_at {
                facts.push(Fact::new("取り下げ", jst::date_time(at)));
            }
        }
        let may_withdraw = may_write && a.withdrawn_at.is_none();
        DetailPage { frame, line, facts, text: a.text.to_string(), may_withdraw }
    }
}

/// What the operator typed.
#[derive(Debug, Default)]
pub struct Draft {
    pub kind: String,
    pub title: String,
    pub text: String,
    pub starts: String,
    pub ends: String,
    pub important: bool,
    pub by_mail: bool,
    pub error: Option<&'static str>,
}

#[derive(Debug, Template)]
#[template(path = "announcement_new.html")]
pub struct NewPage {
    pub frame: Frame,
    pub kinds: Vec<super::inquiry::Pick>,
    pub draft: Draft,
}

pub fn kinds(chosen: &str) -> Vec<super::inquiry::Pick> {
    let of = |k: &AnnouncementKind| super::inquiry::Pick {
        code: k.code(),
        label: k.label(),
        selected: k.code() == chosen,
    };
    AnnouncementKind::ALL.iter().map(of).collect()
}
