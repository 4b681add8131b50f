//! Addresses for mails, the password, the account.

use askama::Template;

use mimamori_base::Timestamp;
use mimamori_service::ratings::AddressState;

use super::rating::delivery_tag;
use super::{Frame, Moment, Tag};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressField {
    pub value: String,
    pub error: Option<&'static str>,
}

/// How mail reaches one address.
#[derive(Debug, Clone)]
pub struct ReachLine {
    pub address: String,
    pub confirmed: Tag,
    pub last: Option<(Tag, Moment)>,
    /// What the other server said, where mail does not arrive.
    pub words: String,
    pub opened: Option<Moment>,
}

impl ReachLine {
    pub fn new(state: &AddressState, now: Timestamp) -> Self {
        let last = state.last.as_ref();
        let fails = last.is_some_and(|l| matches!(l.state.as_str(), "dead" | "bounced"));
        ReachLine {
            address: state.address.to_string(),
            confirmed: if state.verified_at.is_some() {
                Tag { class: "ok", icon: "ok", word: "確認済み" }
            } else {
                Tag { class: "check", icon: "check", word: "まだ確認されていません" }
            },
            last: last.map(|l| (delivery_tag(&l.state), Moment::at(l.at, now))),
            words: if fails { last.map(|l| l.words.to_string()).unwrap_or_default() } else { String::new() },
            opened: last.and_then(|l| l.opened_at).map(|at| Moment::at(at, now)),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "settings.html")]
pub struct Page {
    pub frame: Frame,
    pub can_edit: bool,
    /// The account belongs to a customer, so there are addresses.
    pub has_addresses: bool,
    pub addresses: Vec<AddressField>,
    pub reach: Vec<ReachLine>,
    pub password_error: Option<&'static str>,
    pub must_change: bool,
    /// The user ID that was wished for at the first login.
    pub own_login: String,
    /// The password was given lately, so that what matters can be changed.
    pub proved: bool,
    pub second_factor: &'static str,
    /// The desk may issue accounts of this customer.
    pub may_issue: bool,
    pub may_integrate: bool,
    pub may_see_log: bool,
}
