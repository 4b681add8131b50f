//! Made-up customers to measure with and to show; never in a database that serves real ones.

use std::ops::Range;

use mimamori_store::Scope;
use mimamori_store::generate::{Made, Plan};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::{Result, Service};

impl Service {
    /// Makes customers of these numbers in one transaction. For the command line alone.
    pub async fn generate(&self, actor: &Actor, plan: Plan, customers: Range<u64>) -> Result<Made> {
        if actor.account().is_some() {
            return Err(ServiceError::Forbidden);
        }
        Ok(self.store().generate(Scope::system(), plan, customers).await?)
    }

    /// Whether any customer is registered.
    pub async fn is_empty(&self, actor: &Actor) -> Result<bool> {
        if actor.account().is_some() {
            return Err(ServiceError::Forbidden);
        }
        Ok(self.store().candidates(Scope::system(), self.now()).await?.is_empty()
            && self.store().resellers(Scope::system()).await?.is_empty())
    }
}
