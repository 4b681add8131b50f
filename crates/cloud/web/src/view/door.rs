//! Pages without navigation: login, and what went wrong.

use askama::Template;

use super::{Contact, Link};

#[derive(Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    pub csrf: String,
    /// Where to go after the login: a path of this site.
    pub next: String,
    pub user: String,
    pub error: Option<String>,
    pub info: Option<&'static str>,
    /// What the page's script asks the browser for a passkey with.
    pub passkey: String,
    pub contact: Contact,
}

#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    pub title: &'static str,
    pub text: String,
    pub link: Link,
    pub contact: Contact,
    /// Finds the cause in the log; no more than that.
    pub reference: Option<String>,
}
