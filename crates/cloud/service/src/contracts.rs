//! 契約と補償, read by the customer (IN-01, IN-02, LC-07).

use mimamori_domain::contract::{Cover, used};
use mimamori_domain::jst::JstDay;
use mimamori_domain::{Claim, Contract, CustomerId, GatewayState};
use mimamori_store::views::{CustomerView, GatewayView};

use crate::actor::Actor;
use crate::permission::Permission;
use crate::{Result, Service};

/// All that the contract's page shows.
#[derive(Clone, Debug)]
pub struct ContractSummary {
    pub customer: CustomerView,
    /// `None`: nothing was written down yet.
    pub contract: Option<Contract>,
    pub started: Option<JstDay>,
    pub cover: Cover,
    /// Responses of the present insurance year that are used and left.
    pub responses: Option<(u32, u32)>,
    pub gateways: Vec<GatewayView>,
    pub claims: Vec<Claim>,
    pub today: JstDay,
}

impl Service {
    pub async fn contract(&self, actor: &Actor, customer: CustomerId) -> Result<ContractSummary> {
        actor.require(Permission::ViewPortal)?;
        let (store, scope) = (self.store(), actor.scope());
        let view = store.customer(scope, customer).await?;
        let contract = store.contract(scope, customer).await?;
        let gateways = store.gateways(scope, Some(customer)).await?;
        let claims = store.claims(scope, customer).await?;
        let written = contract.as_ref().and_then(|c| c.started_on).map(JstDay);
        let started = written.or_else(|| first_setup(&gateways));
        let today = JstDay::of(self.now());
        let cover = contract.clone().unwrap_or_else(|| nothing_written(customer)).cover(started, today);
        let responses = match cover {
            Cover::InForce(year) => Some(used(&claims, year)),
            _ => None,
        };
        Ok(ContractSummary { customer: view, contract, started, cover, responses, gateways, claims, today })
    }

    /// Writes down what was agreed. The operator's.
    pub async fn put_contract(&self, actor: &Actor, contract: Contract) -> Result<()> {
        actor.require(Permission::Provision)?;
        let customer = contract.customer;
        self.store().customer(actor.scope(), customer).await?;
        self.store().put_contract(actor.scope(), contract).await?;
        self.note(actor, "contract.put", &customer.to_string(), "").await
    }

    /// Writes down a claim or how far it has come. The operator's.
    pub async fn put_claim(&self, actor: &Actor, claim: Claim) -> Result<()> {
        actor.require(Permission::Provision)?;
        let (id, state) = (claim.id, claim.state);
        self.store().customer(actor.scope(), claim.customer).await?;
        self.store().put_claim(actor.scope(), claim).await?;
        self.note(actor, "claim.put", &id.to_string(), state.code()).await
    }
}

/// LC-02: the service starts when the first gateway is set up.
fn first_setup(gateways: &[GatewayView]) -> Option<JstDay> {
    let enrolled = gateways.iter().filter_map(|g| match g.gateway.state {
        GatewayState::Prepared { .. } => None,
        GatewayState::Online { enrolled_at } | GatewayState::Stopped { enrolled_at, .. } => Some(enrolled_at),
    });
    enrolled.min().map(JstDay::of)
}

fn nothing_written(customer: CustomerId) -> Contract {
    Contract {
        customer,
        number: mimamori_domain::Line::default(),
        started_on: None,
        free_until: None,
        ends_on: None,
        agreed: Vec::new(),
    }
}
