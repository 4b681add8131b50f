//! Who asks, and how far they see.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::{Account, CustomerId, Role, SessionId, alert};
use mimamori_store::Scope;

use crate::error::ServiceError;
use crate::permission::Permission;
use crate::secrets;

/// Somebody who is logged in, or the operator's command line. Only the service makes one.
#[derive(Clone)]
pub struct Actor {
    who: Who,
    scope: Scope,
}

#[derive(Clone)]
enum Who {
    Account {
        account: Box<Account>,
        session: SessionId,
        csrf: [u8; 32],
        proved_at: Timestamp,
    },
    /// The command line of the machine itself.
    Console,
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.account().map_or("console", |a| a.login.as_str());
        f.debug_struct("Actor").field("who", &name).finish_non_exhaustive()
    }
}

impl Actor {
    pub(crate) fn logged_in(
        account: Account,
        session: SessionId,
        csrf: [u8; 32],
        proved_at: Timestamp,
    ) -> Self {
        let scope = match account.belongs {
            Belongs::Customer(id) => Scope::customer(id),
            Belongs::Reseller(id) => Scope::reseller(id),
            Belongs::Operation => Scope::operator(),
        };
        Actor { who: Who::Account { account: Box::new(account), session, csrf, proved_at }, scope }
    }

    pub(crate) fn console() -> Self {
        Actor { who: Who::Console, scope: Scope::system() }
    }

    pub(crate) const fn scope(&self) -> Scope {
        self.scope
    }

    /// The account, unless it is the command line.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match &self.who {
            Who::Account { account, .. } => Some(account),
            Who::Console => None,
        }
    }

    #[must_use]
    pub fn role(&self) -> Role {
        self.account().map_or(Role::Operator, |a| a.role)
    }

    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        match &self.who {
            Who::Account { session, .. } => Some(*session),
            Who::Console => None,
        }
    }

    /// When the password was last given in this session.
    pub(crate) fn proved_at(&self) -> Option<Timestamp> {
        match &self.who {
            Who::Account { proved_at, .. } => Some(*proved_at),
            Who::Console => None,
        }
    }

    /// The company whose portal this is; `None` for staff, who choose one.
    #[must_use]
    pub fn home_customer(&self) -> Option<CustomerId> {
        match self.account()?.belongs {
            Belongs::Customer(id) => Some(id),
            Belongs::Reseller(_) | Belongs::Operation => None,
        }
    }

    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        permission.of(self.role())
    }

    /// The token that every form carries.
    #[must_use]
    pub fn csrf_token(&self) -> String {
        match &self.who {
            Who::Account { csrf, .. } => URL_SAFE_NO_PAD.encode(csrf),
            Who::Console => String::new(),
        }
    }

    /// Whether a form carries the right token; takes the same time for every wrong one.
    #[must_use]
    pub fn csrf_matches(&self, token: &str) -> bool {
        match &self.who {
            Who::Account { csrf, .. } => {
                URL_SAFE_NO_PAD.decode(token).is_ok_and(|given| secrets::same(&given, csrf))
            }
            Who::Console => false,
        }
    }

    pub(crate) fn require(&self, permission: Permission) -> Result<(), ServiceError> {
        if self.may(permission) { Ok(()) } else { Err(ServiceError::Forbidden) }
    }

    pub(crate) fn as_doer(&self) -> Option<alert::Actor> {
        self.account().map(|a| alert::Actor { account: a.id, name: a.name.clone() })
    }
}
