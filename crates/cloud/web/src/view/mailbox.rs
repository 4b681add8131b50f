//! The mailbox of the demonstration: what the built-in mail server received.

use askama::Template;

use super::{Frame, Moment};

#[derive(Debug, Clone)]
pub struct Row {
    pub number: u64,
    pub subject: String,
    pub to: String,
    pub at: Moment,
}

#[derive(Debug, Template)]
#[template(path = "mailbox.html")]
pub struct ListPage {
    pub frame: Frame,
    pub server: String,
    pub mails: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyPart {
    pub text: String,
    pub href: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "mail.html")]
pub struct MailPage {
    pub frame: Frame,
    pub subject: String,
    pub from: String,
    pub to: String,
    pub at: Moment,
    pub message_id: String,
    pub body: Vec<BodyPart>,
}

/// Cuts a text into plain parts and links. Only addresses below `own` become links, as paths:
/// the mailbox must not send its reader anywhere else.
pub fn link_own(body: &str, own: &str) -> Vec<BodyPart> {
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some((before, after)) = split_at_link(rest, own) {
        let end = after
            .find(|c: char| !(c.is_ascii_alphanumeric() || "/:.-_~?=&%#".contains(c)))
            .unwrap_or(after.len());
        let (link, tail) = after.split_at(end);
        if !before.is_empty() {
            parts.push(BodyPart { text: before.to_owned(), href: None });
        }
        let path = link.get(own.len()..).filter(|p| p.starts_with('/')).unwrap_or("/");
        parts.push(BodyPart { text: link.to_owned(), href: Some(path.to_owned()) });
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(BodyPart { text: rest.to_owned(), href: None });
    }
    parts
}

fn split_at_link<'a>(text: &'a str, own: &str) -> Option<(&'a str, &'a str)> {
    let at = if own.is_empty() { None } else { text.find(own) }?;
    Some(text.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_addresses_become_links() {
        let parts = link_own(
            "見る: http://localhost:8080/alerts/1a\n他 https://evil.example/x",
            "http://localhost:8080",
        );
        let links: Vec<_> = parts.iter().filter_map(|p| p.href.as_deref()).collect();
        assert_eq!(links, ["/alerts/1a"]);
        let whole: String = parts.iter().map(|p| p.text.as_str()).collect();
        assert!(whole.ends_with("https://evil.example/x"));
    }

    #[test]
    fn a_link_to_another_host_that_begins_alike_stays_here() {
        let parts = link_own("http://localhost:8080.evil.example/", "http://localhost:8080");
        assert_eq!(parts.first().and_then(|p| p.href.as_deref()), Some("/"));
    }
}
