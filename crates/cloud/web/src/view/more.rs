//! その他: everything that the navigation has no room for, with a word on each.

use askama::Template;

use super::Frame;

#[derive(Debug, Clone)]
pub struct Entry {
    pub href: String,
    pub icon: &'static str,
    pub title: &'static str,
    pub text: String,
}

impl Entry {
    pub fn new(href: &str, icon: &'static str, title: &'static str, text: impl Into<String>) -> Self {
        Entry { href: href.to_owned(), icon, title, text: text.into() }
    }
}

#[derive(Debug)]
pub struct Group {
    pub id: &'static str,
    pub title: String,
    pub entries: Vec<Entry>,
}

#[derive(Debug, Template)]
#[template(path = "more.html")]
pub struct Page {
    pub frame: Frame,
    pub groups: Vec<Group>,
}
