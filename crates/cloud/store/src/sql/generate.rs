//! Made-up customers, written by the functions that store reports.

use std::ops::Range;

use async_trait::async_trait;
use mimamori_base::{Rng as _, SeededRng, Timestamp};
use mimamori_domain::assess::Origin;
use mimamori_domain::{
    AccountId, Alert, AlertId, Customer, Detection, DetectionKind, EmailAddress, Name, NotifyAddresses,
    Policy, Reseller, Standing, alert, assess,
};

use sqlx::AssertSqlSafe;

use super::dialect::{self, Backend, Conn};
use super::rows::to_json;
use super::{alerts, commit, parties, usage, usage_sums};
use crate::error::{Result, StoreError};
use crate::generate::{GenerateStore, Made, PER_RESELLER, Plan, Prepared};
use crate::scope::Scope;

/// Detections, hours, that are held in memory at once.
const DAYS_AT_ONCE: i64 = 15;
const HOURS_AT_ONCE: usize = 240;
/// Customers of one transaction: small ones keep the databases' logs short.
const CUSTOMERS_AT_ONCE: usize = 5;
const TRIES_MAX: usize = 20;
/// Alerts of one gateway within [`DAYS_AT_ONCE`] at most.
const ALERTS_MAX: usize = 3;

#[async_trait]
impl GenerateStore for Backend {
    async fn generate(&self, scope: Scope, plan: Plan, customers: Range<u64>) -> Result<Made> {
        scope.require_system()?;
        let mut made = Made::default();
        let all: Vec<u64> = customers.collect();
        for some in all.chunks(CUSTOMERS_AT_ONCE) {
            let mut tries = 0;
            made += loop {
                match self
                    .write(scope, {
                        let some = some.to_vec();
                        move |c: &mut Conn| Box::pin(async move { some_customers(c, &plan, &some).await })
                    })
                    .await
                {
                    // Two that make the same signatures in another order.
                    Err(e) if e.is_temporary() && tries < TRIES_MAX => tries += 1,
                    other => break other?,
                }
            };
        }
        Ok(made)
    }

    async fn prepare_generation(&self, scope: Scope, plan: Plan) -> Result<Prepared> {
        scope.require_system()?;
        // In a transaction of its own: making partitions locks out everybody else.
        let last = plan.until.secs().div_euclid(86_400);
        let first = last - plan.days - 1;
        self.write(scope, move |c: &mut Conn| {
            Box::pin(async move {
                dialect::make_days(c, first, last + 1).await?;
                Ok(Prepared { indexes: dialect::drop_indexes_by_time(c).await? })
            })
        })
        .await
    }

    async fn finish_generation(&self, scope: Scope, prepared: Prepared) -> Result<()> {
        scope.require_system()?;
        self.write(scope, move |c: &mut Conn| {
            Box::pin(async move {
                for sql in prepared.indexes {
                    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *c).await?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn database_bytes(&self, scope: Scope) -> Result<u64> {
        scope.require_system()?;
        self.read(scope, |c: &mut Conn| {
            Box::pin(async move {
                let bytes: i64 = sqlx::query_scalar(dialect::SIZE).fetch_one(c).await?;
                Ok(bytes.unsigned_abs())
            })
        })
        .await
    }
}

async fn some_customers(c: &mut Conn, plan: &Plan, some: &[u64]) -> Result<Made> {
    let policy = Policy::builtin().map_err(|e| StoreError::Refused(e.to_string()))?;
    let mut made = Made::default();
    for n in some {
        customer(c, plan, &policy, *n, &mut made).await?;
    }
    Ok(made)
}

fn name(text: &str) -> Result<Name> {
    Name::parse(text).map_err(|e| StoreError::corrupt("generated name", e))
}

async fn customer(c: &mut Conn, plan: &Plan, policy: &Policy, n: u64, made: &mut Made) -> Result<()> {
    let system = Scope::system();
    if n.is_multiple_of(PER_RESELLER) {
        let reseller = Reseller {
            id: plan.reseller(n),
            name: name(&format!("商工会議所 {}", n / PER_RESELLER))?,
            desk_phone: name("0120-000-000")?,
            desk_hours: name("平日 9:00–18:00")?,
            created_at: plan.enrolled(),
        };
        parties::create_reseller(c, system, &reseller).await?;
    }
    let mail = EmailAddress::parse(&format!("kanri{n}@customer.example"));
    let customer = Customer {
        id: plan.customer(n),
        reseller: plan.reseller(n),
        name: name(&format!("試験商店 {n}"))?,
        addresses: NotifyAddresses::new(mail.into_iter().collect())
            .map_err(|e| StoreError::corrupt("generated addresses", e))?,
        created_at: plan.enrolled(),
    };
    parties::create_customer(c, system, &customer).await?;
    for (g, gateway) in plan.gateways(n).into_iter().enumerate() {
        let origin = Origin { customer: customer.id, gateway, now: plan.until };
        enrolled(c, plan, origin, n, g).await?;
        let devices = plan.devices(n, g);
        usage::keep_devices(c, gateway, customer.id, &devices).await?;
        for first in (0..plan.days).step_by(DAYS_AT_ONCE as usize) {
            let days = first..(first + DAYS_AT_ONCE).min(plan.days);
            let found: Vec<Detection> = days.flat_map(|day| plan.detections(n, g, day, &devices)).collect();
            // Of the running day only what has happened.
            let found: Vec<Detection> = found.into_iter().filter(|d| d.at <= plan.until).collect();
            made.alerts += detections(c, policy, origin, &found, n).await?;
            made.detections += found.len() as u64;
        }
        let hours = plan.hours(n);
        made.hours += beats(c, origin, plan.span()).await?;
        for some in hours.chunks(HOURS_AT_ONCE) {
            let uses: Vec<_> = some.iter().flat_map(|h| plan.uses(n, *h, &devices)).collect();
            usage::add_lines(c, origin, &uses).await?;
            made.lines += uses.iter().map(|u| u.lines.len() as u64).sum::<u64>();
            let depths: Vec<_> = some.iter().flat_map(|h| plan.inspections(n, *h, &devices)).collect();
            usage::add_inspection(c, origin, &depths).await?;
            made.lines += depths.iter().map(|d| d.lines.len() as u64).sum::<u64>();
        }
    }
    usage_sums::of_customer(c, customer.id).await
}

async fn enrolled(c: &mut Conn, plan: &Plan, origin: Origin, n: u64, g: usize) -> Result<()> {
    sqlx::query(
        "INSERT INTO gateways (id, customer_id, serial, name, state, enrolled_at, fingerprint, last_seen, \
         created_at, heartbeat) VALUES ($1, $2, $3, $4, 'online', $5, 'ab', $6, $5, $7)",
    )
    .bind(origin.gateway.0.to_vec())
    .bind(origin.customer.0.to_vec())
    .bind(format!("GEN-{n}-{g}"))
    .bind(format!("拠点{}", g + 1))
    .bind(plan.enrolled().micros())
    .bind(plan.until.micros())
    .bind(to_json(&plan.heartbeat(n, g))?)
    .execute(c)
    .await?;
    Ok(())
}

/// Stores detections as if each had come when it happened, with alerts of the worst few.
async fn detections(
    c: &mut Conn,
    policy: &Policy,
    origin: Origin,
    found: &[Detection],
    n: u64,
) -> Result<u64> {
    let mut alert_of: Vec<Option<AlertId>> = vec![None; found.len()];
    let mut raised: Vec<Alert> = Vec::new();
    let rng = SeededRng::new(n);
    let serious =
        |d: &Detection| matches!(d.kind, DetectionKind::CommandAndControl | DetectionKind::MalwareFile);
    for (d, of) in found.iter().zip(&mut alert_of).filter(|(d, _)| serious(d)).take(ALERTS_MAX) {
        let at = Origin { now: d.at, ..origin };
        let alerts = assess(policy, at, std::slice::from_ref(d), Standing::default(), &rng).raised;
        *of = alerts.first().map(|a| a.id);
        raised.extend(alerts);
    }
    commit::insert_detections(c, origin, found, &alert_of, |d| d.at).await?;
    commit::roll_up(c, origin, found).await?;
    for alert in &raised {
        // Most are dealt with.
        let by = alert::Actor { account: AccountId([0; 16]), name: name("担当")? };
        let done = if !rng.next_u64().is_multiple_of(8) {
            alert.clone().acknowledge(origin.now, by).ok()
        } else {
            None
        };
        alerts::insert(c, done.as_ref().unwrap_or(alert)).await?;
    }
    Ok(raised.len() as u64)
}

/// One statement a gateway, whose rows the database makes itself.
async fn beats(c: &mut Conn, origin: Origin, (first, last): (Timestamp, Timestamp)) -> Result<u64> {
    let done = sqlx::query(
        "WITH RECURSIVE hours (hour) AS (SELECT CAST($1 AS BIGINT) UNION ALL \
         SELECT hour + 3600000000 FROM hours WHERE hour < $2) \
         INSERT INTO uptime (gateway_id, hour, customer_id, beats) SELECT $3, hour, $4, 60 FROM hours",
    )
    .bind(first.micros())
    .bind(last.micros())
    .bind(origin.gateway.0.to_vec())
    .bind(origin.customer.0.to_vec())
    .execute(c)
    .await?;
    Ok(done.rows_affected())
}
