//! Addresses for mails, the password, the account.

use askama::Template;

use super::Frame;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressField {
    pub value: String,
    pub error: Option<&'static str>,
}

#[derive(Debug, Template)]
#[template(path = "settings.html")]
pub struct Page {
    pub frame: Frame,
    pub can_edit: bool,
    /// The account belongs to a customer, so there are addresses.
    pub has_addresses: bool,
    pub addresses: Vec<AddressField>,
    pub password_error: Option<&'static str>,
    pub must_change: bool,
}
