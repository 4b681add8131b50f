//! One mail from what has to be told: subject, plain text, HTML twin.

use askama::Template;
use mimamori_domain::NoticeKind;
use mimamori_service::{Composed, MailJob};

use crate::sections::{Section, section};

/// Sections that one mail shows in full; the rest is counted and stands on the portal (NT-06).
const SECTIONS_MAX: usize = 10;
/// A subject longer than this is cut: phones show about half of it.
const SUBJECT_MAX_CHARS: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    #[error("a mail template failed")]
    Template(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct TextMail<'a> {
    company: &'a str,
    sections: &'a [Section],
    more: usize,
    desk_phone: &'a str,
    desk_hours: &'a str,
    portal_url: &'a str,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct HtmlMail<'a> {
    company: &'a str,
    sections: &'a [Section],
    more: usize,
    desk_phone: &'a str,
    desk_hours: &'a str,
    portal_url: &'a str,
}

#[derive(Template)]
#[template(path = "test.txt", escape = "none")]
struct TestText<'a> {
    company: &'a str,
    desk_phone: &'a str,
    desk_hours: &'a str,
    portal_url: &'a str,
}

#[derive(Template)]
#[template(path = "test.html")]
struct TestHtml<'a> {
    company: &'a str,
    desk_phone: &'a str,
    desk_hours: &'a str,
    portal_url: &'a str,
}

/// Composes the mail of a job. `None`: everything it would speak of is gone.
pub fn compose(job: &MailJob, portal_url: &str) -> Result<Option<Composed>, ComposeError> {
    let company = job.customer.customer.name.as_str();
    let desk_phone = job.customer.reseller.desk_phone.as_str();
    let desk_hours = job.customer.reseller.desk_hours.as_str();
    if let Some(NoticeKind::Account { mail, .. }) = job.told.first().map(|t| &t.notice.kind) {
        let with = crate::account::Surroundings { company, desk_phone, desk_hours, portal_url };
        return Ok(Some(crate::account::compose(mail, with)?));
    }
    if let Some(letter) = job.told.first().and_then(|t| t.notice.kind.letter()) {
        let with = crate::account::Surroundings { company, desk_phone, desk_hours, portal_url };
        return Ok(Some(crate::letter::compose(letter, with)?));
    }
    if job.told.iter().any(|t| matches!(t.notice.kind, NoticeKind::TestMail { .. })) {
        return Ok(Some(Composed {
            subject: format!("【テスト】{company} 様: お知らせメールの確認です"),
            text: TestText { company, desk_phone, desk_hours, portal_url }.render()?,
            html: TestHtml { company, desk_phone, desk_hours, portal_url }.render()?,
        }));
    }
    let mut sections = sections_of(job, portal_url);
    let Some(first) = sections.first() else { return Ok(None) };
    let subject = subject(company, first, sections.len());
    let more = sections.len().saturating_sub(SECTIONS_MAX);
    sections.truncate(SECTIONS_MAX);
    let sections = sections.as_slice();
    Ok(Some(Composed {
        subject,
        text: TextMail { company, sections, more, desk_phone, desk_hours, portal_url }.render()?,
        html: HtmlMail { company, sections, more, desk_phone, desk_hours, portal_url }.render()?,
    }))
}

/// The most urgent first. An alert that was raised and rose before its mail went is told once.
fn sections_of(job: &MailJob, portal_url: &str) -> Vec<Section> {
    let mut told: Vec<_> = job.told.iter().collect();
    told.sort_by_key(|t| {
        let rating = t.alert.as_ref().map(|a| a.alert.rating);
        (std::cmp::Reverse(rating), t.notice.created_at)
    });
    let mut seen = Vec::new();
    let mut sections = Vec::new();
    for t in told {
        if let Some(alert) = t.notice.kind.alert() {
            if seen.contains(&alert) {
                continue;
            }
            seen.push(alert);
        }
        sections.extend(section(t, portal_url));
    }
    sections
}

/// 「【★★★ 要対応】竹原商店 様: …」; several alerts carry the highest rating (NT-02).
fn subject(company: &str, first: &Section, count: usize) -> String {
    let others = if count > 1 { format!("（ほか{}件）", count - 1) } else { String::new() };
    let text = format!("【{}】{company} 様: {}{others}", first.mark, first.subject);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(SUBJECT_MAX_CHARS).collect()
}
