//! What surrounds every page after the login: navigation, who is logged in, whom to call.

use mimamori_domain::Reseller;

/// The surroundings of one page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The company whose data the page shows; for the desk, its own name.
    pub customer: String,
    pub user: String,
    pub role: &'static str,
    pub nav: Vec<NavItem>,
    pub csrf: String,
    pub flash: Option<Flash>,
    /// The page fetches itself again after so many seconds; 0: never.
    pub refresh_seconds: u32,
    pub contact: Contact,
}

#[derive(Debug, Clone)]
pub struct NavItem {
    pub href: String,
    pub label: &'static str,
    pub icon: &'static str,
    pub current: bool,
    /// Things that wait behind it; 0 shows nothing.
    pub count: u64,
}

/// One message about what was just done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    pub class: &'static str,
    pub icon: &'static str,
    pub text: String,
}

impl Flash {
    pub fn done(text: impl Into<String>) -> Self {
        Flash { class: "ok", icon: "ok", text: text.into() }
    }

    pub fn refused(text: impl Into<String>) -> Self {
        Flash { class: "act", icon: "act", text: text.into() }
    }
}

/// The help desk as every page names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub name: String,
    pub phone: String,
    pub hours: String,
    pub tel: String,
}

impl Contact {
    pub fn of(reseller: &Reseller) -> Self {
        Contact::new("相談窓口", &reseller.desk_phone, &reseller.desk_hours)
    }

    pub fn new(name: &str, phone: &str, hours: &str) -> Self {
        let digits: String = phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        Contact {
            name: name.to_owned(),
            phone: phone.to_owned(),
            hours: hours.to_owned(),
            tel: format!("tel:{digits}"),
        }
    }
}
