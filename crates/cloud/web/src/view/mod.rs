//! What pages show, ready to print: words, dates, shapes.
//!
//! Holds always: a view holds text for people and links, nothing that still has to be looked
//! up; every customer's text reaches HTML through askama's escaping. Deliberately not here:
//! reading from the service (`pages`), HTML (`templates/`).

pub mod access;
pub mod alert;
pub mod announcement;
pub mod chart;
pub mod compare;
pub mod contract;
pub mod customers;
pub mod depth;
pub mod detection;
pub mod device;
pub mod door;
pub mod files;
pub mod frame;
pub mod gateway;
pub mod inquiry;
pub mod integrations;
pub mod mailbox;
pub mod more;
pub mod paper;
pub mod part;
pub mod rating;
pub mod scan;
pub mod second_factor;
pub mod settings;
pub mod sms;
pub mod status;
pub mod usage;
pub mod wording;

pub use frame::{Contact, Flash, Frame, NavItem};
pub use part::{Choice, Empty, Fact, FactGroup, Link, Moment, Pager, Stars, Tag};

/// Text from outside that goes into a drawing of ours.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whom to call: `相談窓口 0120-000-000（平日 9:00–18:00）`.
pub fn contact_line(contact: &Contact) -> String {
    format!("{} {}（{}）", contact.name, contact.phone, contact.hours)
}
