//! Resellers and customers.

use std::fmt;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CustomerId, ResellerId};
use crate::text::Name;

/// Most addresses that alerts of one customer are mailed to (NT-01).
pub const NOTIFY_ADDRESSES_MAX: usize = 3;

/// A company that sells the service, with the help desk it arranges.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reseller {
    pub id: ResellerId,
    pub name: Name,
    /// Telephone of the help desk as it stands in mails, e.g. `0120-000-000`.
    pub desk_phone: Name,
    /// Opening hours of the help desk as they stand in mails.
    pub desk_hours: Name,
    pub created_at: Timestamp,
}

/// A company or organisation under contract.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Customer {
    pub id: CustomerId,
    pub reseller: ResellerId,
    pub name: Name,
    pub addresses: NotifyAddresses,
    pub created_at: Timestamp,
}

/// Why addresses were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    #[error("{0:?} is not a mail address")]
    Malformed(String),
    #[error("at most {NOTIFY_ADDRESSES_MAX} addresses")]
    TooMany,
    #[error("{0} stands there twice")]
    Twice(EmailAddress),
}

/// None to three different mail addresses for alerts.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<EmailAddress>", into = "Vec<EmailAddress>")]
pub struct NotifyAddresses(Vec<EmailAddress>);

impl NotifyAddresses {
    pub fn new(addresses: Vec<EmailAddress>) -> Result<Self, InvalidAddress> {
        if addresses.len() > NOTIFY_ADDRESSES_MAX {
            return Err(InvalidAddress::TooMany);
        }
        for (i, a) in addresses.iter().enumerate() {
            if addresses.iter().take(i).any(|b| a.0.eq_ignore_ascii_case(&b.0)) {
                return Err(InvalidAddress::Twice(a.clone()));
            }
        }
        Ok(NotifyAddresses(addresses))
    }

    #[must_use]
    pub fn as_slice(&self) -> &[EmailAddress] {
        &self.0
    }
}

impl TryFrom<Vec<EmailAddress>> for NotifyAddresses {
    type Error = InvalidAddress;
    fn try_from(addresses: Vec<EmailAddress>) -> Result<Self, InvalidAddress> {
        NotifyAddresses::new(addresses)
    }
}

impl From<NotifyAddresses> for Vec<EmailAddress> {
    fn from(addresses: NotifyAddresses) -> Self {
        addresses.0
    }
}

/// A mail address that can stand in an SMTP envelope and a header without quoting.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Accepts `local@domain` of printable ASCII: dot-atoms only, as quoting invites injection.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        let bad = || InvalidAddress::Malformed(text.chars().take(80).collect());
        let (local, domain) = text.rsplit_once('@').ok_or_else(bad)?;
        let local_ok = (1..=64).contains(&local.len())
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let domain_ok = (1..=253).contains(&domain.len())
            && domain.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        if local_ok && domain_ok && text.len() <= 254 {
            Ok(EmailAddress(text.to_owned()))
        } else {
            Err(bad())
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidAddress;
    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        EmailAddress::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> String {
        address.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_could_inject_are_refused() {
        for bad in [
            "a@b\r\nBcc: x@y.example",
            "a b@c.example",
            "<a@b.example>",
            "a@",
            "@b",
            "a@b..c",
            "\"a b\"@c.example",
            "a@-b.example",
            ".a@b.example",
            "a@b,c@d.example",
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
        assert!(EmailAddress::parse("kanri+utm@takehara.example").is_ok());
    }

    #[test]
    fn nt_01_at_most_three_different_addresses() {
        let a = |s: &str| EmailAddress::parse(s).unwrap();
        let four = ["a@x.example", "b@x.example", "c@x.example", "d@x.example"].map(a).to_vec();
        assert_eq!(NotifyAddresses::new(four), Err(InvalidAddress::TooMany));
        let twice = vec![a("a@x.example"), a("A@x.example")];
        assert!(matches!(NotifyAddresses::new(twice), Err(InvalidAddress::Twice(_))));
    }
}
