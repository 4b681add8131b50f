//! Who can log in, and as what (AC-05).

use std::fmt;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::ids::{AccountId, CustomerId, ResellerId};
use crate::party::EmailAddress;
use crate::text::Name;

coded!(
    /// What an account may do. What it may see follows from [`Belongs`].
    Role {
        CustomerAdmin = "customer_admin", "お客様管理者";
        CustomerViewer = "customer_viewer", "閲覧者";
        HelpDesk = "help_desk", "相談窓口";
        Reseller = "reseller", "再販事業者";
        Operator = "operator", "運営者";
        Analyst = "analyst", "分析担当";
    }
);

impl Role {
    /// Whether the account belongs to those who run the service: their logins always have a
    /// second step.
    #[must_use]
    pub const fn is_staff(self) -> bool {
        !matches!(self, Role::CustomerAdmin | Role::CustomerViewer)
    }
}

coded!(
    /// The second step of a login (AC-02).
    SecondFactor {
        /// Nobody has been asked yet: the first login offers it.
        Undecided = "undecided", "まだ選んでいません";
        Off = "off", "使わない";
        /// RFC 6238 codes of an authenticator app.
        App = "app", "認証アプリ";
        /// A code by SMS.
        Sms = "sms", "SMS";
        /// WebAuthn; also logs in without a password.
        Passkey = "passkey", "パスキー";
    }
);

impl SecondFactor {
    /// Whether a login asks for a second step.
    #[must_use]
    pub const fn asks(self) -> bool {
        matches!(self, SecondFactor::App | SecondFactor::Sms | SecondFactor::Passkey)
    }

    /// Whether it is enough for staff: a code by SMS can be redirected by a stranger who has
    /// the number moved.
    #[must_use]
    pub const fn is_enough_for_staff(self) -> bool {
        matches!(self, SecondFactor::App | SecondFactor::Passkey)
    }
}

/// Whose data an account may see at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Belongs {
    /// One company under contract.
    Customer(CustomerId),
    /// All customers of one reseller.
    Reseller(ResellerId),
    /// Everybody: operator and analyst.
    Operation,
}

/// Why a role does not fit to whom the account belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the role does not fit the organisation of the account")]
pub struct RoleMismatch;

/// An account. The password is not part of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub login: LoginName,
    pub name: Name,
    pub email: EmailAddress,
    pub role: Role,
    pub belongs: Belongs,
    pub created_at: Timestamp,
    /// The password is a temporary one: the first login has to change it (AC-01).
    pub must_change_password: bool,
    pub second_factor: SecondFactor,
}

impl Account {
    /// Checks that role and organisation fit each other.
    pub fn check(&self) -> Result<(), RoleMismatch> {
        let fits = match self.role {
            Role::CustomerAdmin | Role::CustomerViewer => {
                matches!(self.belongs, Belongs::Customer(_))
            }
            Role::HelpDesk | Role::Reseller => matches!(self.belongs, Belongs::Reseller(_)),
            Role::Operator | Role::Analyst => matches!(self.belongs, Belongs::Operation),
        };
        if fits { Ok(()) } else { Err(RoleMismatch) }
    }
}

/// Why a text is not a [`LoginName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user ID is 3 to 64 of a-z 0-9 . _ - @ +")]
pub struct InvalidLogin;

/// A user ID: 3 to 64 characters of `a-z0-9._-@+`, compared without regard to case.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoginName(String);

impl LoginName {
    pub fn parse(text: &str) -> Result<Self, InvalidLogin> {
        let text = text.trim().to_ascii_lowercase();
        let ok = (3..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-@+".contains(&b));
        if ok { Ok(LoginName(text)) } else { Err(InvalidLogin) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LoginName {
    type Error = InvalidLogin;
    fn try_from(text: String) -> Result<Self, InvalidLogin> {
        LoginName::parse(&text)
    }
}

impl From<LoginName> for String {
    fn from(login: LoginName) -> String {
        login.0
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
