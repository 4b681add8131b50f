//! What the comparison with all companies is made of and kept as (PT-05), and what the
//! comparison of own gateways reads (PT-06).
//!
//! Holds always: counts of several companies are read only under the system's scope; a cell that
//! was published is never changed, as a later version would differ by what came late.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::comparison::{Cells, Measure, Member, SizeClass};
use mimamori_domain::{CountByKind, CustomerId, GatewayId, Period};

use crate::error::Result;
use crate::scope::Scope;

/// A company that could be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub customer: CustomerId,
    /// Gateways that have enrolled.
    pub gateways: u64,
    /// When the first of them did.
    pub since: Timestamp,
    /// Devices seen lately.
    pub devices: u64,
}

/// How many a company had of something on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompanyDay {
    pub customer: CustomerId,
    /// Never the sum of detections: that follows from the kinds.
    pub measure: Measure,
    pub day: i64,
    pub total: u64,
}

/// Cells of one period; `class`: `None` for all companies together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellRow {
    pub from_day: i64,
    pub until_day: i64,
    pub class: Option<SizeClass>,
    pub cells: Cells,
}

/// Detections of one kind at one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayKindCount {
    pub gateway: GatewayId,
    pub count: CountByKind,
}

/// The comparison's part of the store.
#[async_trait]
pub trait CompareStore {
    /// Companies with gateways; devices count if seen after `devices_since`.
    async fn candidates(&self, scope: Scope, devices_since: Timestamp) -> Result<Vec<Candidate>>;
    async fn cohort(&self, scope: Scope) -> Result<Vec<Member>>;
    async fn set_cohort(&self, scope: Scope, members: Vec<Member>) -> Result<()>;
    /// As which size a company is counted; `None`: not yet.
    async fn compared_as(&self, scope: Scope, customer: CustomerId) -> Result<Option<SizeClass>>;
    /// Days of companies whose ids lie between the two, the ends included.
    async fn company_days(
        &self,
        scope: Scope,
        between: (CustomerId, CustomerId),
        period: Period,
    ) -> Result<Vec<CompanyDay>>;
    /// The last day of the newest published period.
    async fn newest_cells(&self, scope: Scope) -> Result<Option<i64>>;
    /// Keeps cells; those that are there already stay as they are. Forgets periods that ended
    /// before `keep_from`.
    async fn publish_cells(&self, scope: Scope, rows: Vec<CellRow>, keep_from: i64) -> Result<()>;
    /// All classes of one period, days included.
    async fn cells(&self, scope: Scope, from_day: i64, until_day: i64) -> Result<Vec<CellRow>>;
    /// By gateway and kind, whole days.
    async fn counts_by_gateway_and_kind(
        &self,
        scope: Scope,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<GatewayKindCount>>;
    /// Alerts raised, by gateway.
    async fn alerts_by_gateway(
        &self,
        scope: Scope,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<(GatewayId, u64)>>;
}
