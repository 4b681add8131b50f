//! Made-up customers to measure with and to show; never in a database that serves real ones.

use std::ops::Range;

use mimamori_store::Scope;
use mimamori_store::generate::{Made, Plan, Prepared};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::{Result, Service};

impl Service {
    /// Makes room for the plan's days; once, before [`Service::generate`].
    pub async fn prepare_generation(&self, actor: &Actor, plan: Plan) -> Result<Prepared> {
        if actor.account().is_some() {
            return Err(ServiceError::Forbidden);
        }
        Ok(self.store().prepare_generation(Scope::system(), plan).await?)
    }

    /// Gives back what [`Service::prepare_generation`] took away.
    pub async fn finish_generation(&self, actor: &Actor, prepared: Prepared) -> Result<()> {
        if actor.account().is_some() {
            return Err(ServiceError::Forbidden);
        }
        Ok(self.store().finish_generation(Scope::system(), prepared).await?)
    }

    /// Makes customers of these numbers. For the command line alone.
    pub async fn generate(&self, actor: &Actor, plan: Plan, customers: Range<u64>) -> Result<Made> {
        if actor.account().is_some() {
            return Err(ServiceError::Forbidden);
        }
        Ok(self.store().generate(Scope::system(), plan, customers).await?)
    }

    /// How many bytes the database has. For the command line alone.
    pub async fn database_bytes(&self, actor: &Actor) -> Result<u64> {
        if actor.account().is_some() {
            return Err(ServiceError::Forbidden);
        }
        Ok(self.store().database_bytes(Scope::system()).await?)
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
