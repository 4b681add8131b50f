//! Comparison: the companies counted, their days, published cells, own gateways.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::comparison::{Measure, Member, SizeClass};
use mimamori_domain::jst::JstDay;
use mimamori_domain::{CustomerId, DetectionKind, GatewayId, Period};
use sqlx::QueryBuilder;

use super::dialect::{Backend, Conn, Db};
use super::rows::{bytes, count, json, number, parsed, text, time, to_json};
use super::scoped;
use crate::compare::{Candidate, CellRow, CompanyDay, CompareStore, GatewayKindCount};
use crate::error::Result;
use crate::scope::Scope;

/// Rows of one INSERT.
const ROWS_PER_INSERT: usize = 500;
/// The class of a row that stands for all of them.
const ALL: &str = "";

/// Runs a function in one transaction.
macro_rules! run {
    ($self:ident . $way:ident, $scope:ident, $c:ident => $work:expr) => {
        $self.$way($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    };
}

#[async_trait]
impl CompareStore for Backend {
    async fn candidates(&self, scope: Scope, devices_since: Timestamp) -> Result<Vec<Candidate>> {
        run!(self.read, scope, c => candidates(c, scope, devices_since))
    }

    async fn cohort(&self, scope: Scope) -> Result<Vec<Member>> {
        run!(self.read, scope, c => cohort(c, scope))
    }

    async fn set_cohort(&self, scope: Scope, members: Vec<Member>) -> Result<()> {
        run!(self.write, scope, c => set_cohort(c, scope, &members))
    }

    async fn compared_as(&self, scope: Scope, customer: CustomerId) -> Result<Option<SizeClass>> {
        run!(self.read, scope, c => compared_as(c, scope, customer))
    }

    async fn company_days(
        &self,
        scope: Scope,
        between: (CustomerId, CustomerId),
        period: Period,
    ) -> Result<Vec<CompanyDay>> {
        run!(self.read, scope, c => company_days(c, scope, between, period))
    }

    async fn newest_cells(&self, scope: Scope) -> Result<Option<i64>> {
        run!(self.read, scope, c => newest_cells(c))
    }

    async fn publish_cells(&self, scope: Scope, rows: Vec<CellRow>, keep_from: i64) -> Result<()> {
        run!(self.write, scope, c => publish(c, scope, &rows, keep_from))
    }

    async fn cells(&self, scope: Scope, from_day: i64, until_day: i64) -> Result<Vec<CellRow>> {
        run!(self.read, scope, c => cells(c, from_day, until_day))
    }

    async fn counts_by_gateway_and_kind(
        &self,
        scope: Scope,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<GatewayKindCount>> {
        run!(self.read, scope, c => super::detections::counts_by_gateway_and_kind(c, scope, customer, period))
    }

    async fn alerts_by_gateway(
        &self,
        scope: Scope,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<(GatewayId, u64)>> {
        run!(self.read, scope, c => alerts_by_gateway(c, scope, customer, period))
    }
}

async fn candidates(c: &mut Conn, scope: Scope, devices_since: Timestamp) -> Result<Vec<Candidate>> {
    scope.require_system()?;
    sqlx::query(
        "SELECT g.customer_id, COUNT(*) AS gateways, MIN(g.enrolled_at) AS since, COALESCE(MAX(d.n), 0) AS devices \
         FROM gateways g LEFT JOIN (SELECT customer_id, COUNT(*) AS n FROM devices WHERE last_seen >= $1 \
         GROUP BY customer_id) d ON d.customer_id = g.customer_id \
         WHERE g.enrolled_at IS NOT NULL GROUP BY g.customer_id ORDER BY g.customer_id",
    )
    .bind(devices_since.micros())
    .fetch_all(c)
    .await?
    .iter()
    .map(|row| {
        Ok(Candidate {
            customer: CustomerId(bytes(row, "customer_id")?),
            gateways: count(row, "gateways")?,
            since: time(row, "since")?,
            devices: count(row, "devices")?,
        })
    })
    .collect()
}

async fn cohort(c: &mut Conn, scope: Scope) -> Result<Vec<Member>> {
    scope.require_system()?;
    sqlx::query("SELECT customer_id, class FROM comparison_cohort ORDER BY customer_id")
        .fetch_all(c)
        .await?
        .iter()
        .map(|row| {
            Ok(Member {
                customer: CustomerId(bytes(row, "customer_id")?),
                class: parsed(row, "class", SizeClass::from_code)?,
            })
        })
        .collect()
}

async fn set_cohort(c: &mut Conn, scope: Scope, members: &[Member]) -> Result<()> {
    scope.require_system()?;
    sqlx::query("DELETE FROM comparison_cohort").execute(&mut *c).await?;
    for some in members.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new("INSERT INTO comparison_cohort (customer_id, class) ");
        q.push_values(some, |mut row, m| {
            row.push_bind(m.customer.0.to_vec()).push_bind(m.class.code());
        });
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

async fn compared_as(c: &mut Conn, scope: Scope, customer: CustomerId) -> Result<Option<SizeClass>> {
    let mut q = QueryBuilder::<Db>::new("SELECT class FROM comparison_cohort WHERE customer_id = ");
    q.push_bind(customer.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    let row = q.build().fetch_optional(c).await?;
    row.map(|row| parsed(&row, "class", SizeClass::from_code)).transpose()
}

async fn company_days(
    c: &mut Conn,
    scope: Scope,
    (first, last): (CustomerId, CustomerId),
    p: Period,
) -> Result<Vec<CompanyDay>> {
    scope.require_system()?;
    let (from, until) = (JstDay::of(p.from).0, JstDay::of(Timestamp(p.to.micros().saturating_sub(1))).0);
    let mut days = Vec::new();
    let rows = sqlx::query(
        "SELECT customer_id, kind, day, CAST(SUM(total) AS BIGINT) AS total FROM rollups \
         WHERE customer_id >= $1 AND customer_id <= $2 AND day >= $3 AND day <= $4 \
         GROUP BY customer_id, day, kind",
    )
    .bind(first.0.to_vec())
    .bind(last.0.to_vec())
    .bind(from)
    .bind(until)
    .fetch_all(&mut *c)
    .await?;
    for row in &rows {
        days.push(CompanyDay {
            customer: CustomerId(bytes(row, "customer_id")?),
            measure: Measure::Kind(parsed(row, "kind", DetectionKind::from_code)?),
            day: number(row, "day")?,
            total: count(row, "total")?,
        });
    }
    // The day of the Japanese calendar, as JstDay counts it; times are after 1970.
    let rows = sqlx::query(
        "SELECT customer_id, day, COUNT(*) AS total FROM (SELECT customer_id, \
         (raised_at + 32400000000) / 86400000000 AS day FROM alerts WHERE customer_id >= $1 \
         AND customer_id <= $2 AND raised_at >= $3 AND raised_at < $4) a GROUP BY customer_id, day",
    )
    .bind(first.0.to_vec())
    .bind(last.0.to_vec())
    .bind(p.from.micros())
    .bind(p.to.micros())
    .fetch_all(c)
    .await?;
    for row in &rows {
        days.push(CompanyDay {
            customer: CustomerId(bytes(row, "customer_id")?),
            measure: Measure::Alerts,
            day: number(row, "day")?,
            total: count(row, "total")?,
        });
    }
    Ok(days)
}

async fn newest_cells(c: &mut Conn) -> Result<Option<i64>> {
    let row = sqlx::query("SELECT until_day FROM comparison_cells ORDER BY until_day DESC LIMIT 1")
        .fetch_optional(c)
        .await?;
    row.map(|row| number(&row, "until_day")).transpose()
}

async fn publish(c: &mut Conn, scope: Scope, rows: &[CellRow], keep_from: i64) -> Result<()> {
    scope.require_system()?;
    sqlx::query("DELETE FROM comparison_cells WHERE until_day < $1").bind(keep_from).execute(&mut *c).await?;
    let rows: Vec<_> = rows.iter().map(|r| Ok((r, to_json(&r.cells)?))).collect::<Result<_>>()?;
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q =
            QueryBuilder::<Db>::new("INSERT INTO comparison_cells (until_day, from_day, class, body) ");
        q.push_values(some, |mut row, (r, body)| {
            row.push_bind(r.until_day)
                .push_bind(r.from_day)
                .push_bind(r.class.map_or(ALL, SizeClass::code))
                .push_bind(body.clone());
        });
        q.push(" ON CONFLICT (until_day, from_day, class) DO NOTHING");
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

async fn cells(c: &mut Conn, from_day: i64, until_day: i64) -> Result<Vec<CellRow>> {
    sqlx::query(
        "SELECT class, body FROM comparison_cells WHERE until_day = $1 AND from_day = $2 ORDER BY class",
    )
    .bind(until_day)
    .bind(from_day)
    .fetch_all(c)
    .await?
    .iter()
    .map(|row| {
        let class = match text(row, "class")?.as_str() {
            ALL => None,
            _ => Some(parsed(row, "class", SizeClass::from_code)?),
        };
        Ok(CellRow { from_day, until_day, class, cells: json(row, "body")? })
    })
    .collect()
}

async fn alerts_by_gateway(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    p: Period,
) -> Result<Vec<(GatewayId, u64)>> {
    let mut q =
        QueryBuilder::<Db>::new("SELECT gateway_id, COUNT(*) AS total FROM alerts WHERE customer_id = ");
    q.push_bind(customer.0.to_vec());
    q.push(" AND raised_at >= ").push_bind(p.from.micros());
    q.push(" AND raised_at < ").push_bind(p.to.micros());
    scoped::push(&mut q, scope, "customer_id");
    q.push(" GROUP BY gateway_id ORDER BY gateway_id");
    q.build()
        .fetch_all(c)
        .await?
        .iter()
        .map(|row| Ok((GatewayId(bytes(row, "gateway_id")?), count(row, "total")?)))
        .collect()
}
