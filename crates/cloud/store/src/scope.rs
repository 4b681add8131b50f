//! How far a query may see (AC-05). Enforced below the pages: by predicates on both databases and
//! by row level security on PostgreSQL.
//!
//! Only `service` issues scopes: pages, ingest, mail and jobs may not import this crate
//! (`cargo xtask tidy` checks the arrows), so none of them can widen what it sees.

use mimamori_domain::{CustomerId, ResellerId};

/// Passed to every query. There is no query without one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope(pub(crate) Reach);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    Customer(CustomerId),
    Reseller(ResellerId),
    /// Every customer; no secrets of the system itself.
    Operator,
    /// The machinery: ingest, mail, jobs, login.
    System,
}

impl Scope {
    /// One customer's data.
    #[must_use]
    pub const fn customer(id: CustomerId) -> Self {
        Scope(Reach::Customer(id))
    }

    /// Data of all customers of one reseller.
    #[must_use]
    pub const fn reseller(id: ResellerId) -> Self {
        Scope(Reach::Reseller(id))
    }

    /// Data of all customers.
    #[must_use]
    pub const fn operator() -> Self {
        Scope(Reach::Operator)
    }

    /// Data of all customers, sessions, jobs and the outbox.
    #[must_use]
    pub const fn system() -> Self {
        Scope(Reach::System)
    }

    /// Refuses what only the machinery may do.
    pub(crate) fn require_system(self) -> Result<(), crate::StoreError> {
        match self.0 {
            Reach::System => Ok(()),
            _ => Err(crate::StoreError::OutOfScope),
        }
    }

    /// Refuses what a customer or reseller may not do.
    pub(crate) fn require_operator(self) -> Result<(), crate::StoreError> {
        match self.0 {
            Reach::System | Reach::Operator => Ok(()),
            _ => Err(crate::StoreError::OutOfScope),
        }
    }
}
