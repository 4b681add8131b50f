//! The entrance of the periodic jobs.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::jst::JstDay;
use mimamori_domain::liveness::{self, Liveness, ReceivingPeriod};
use mimamori_domain::{CustomerId, Gateway, GatewayId, GatewayState, Notice, NoticeId, NoticeKind};
use mimamori_store::views::{JobLease, StoreStats};
use mimamori_store::{Scope, StoreError};

use crate::{Result, Service, secrets};

/// How far back receiving periods are looked at: a gateway silent for longer is stopped anyway.
const LOOK_BACK: Duration = Duration::from_secs(7 * 86_400);
/// Notes of receiving that are further apart than this leave a gap.
const RECEIVING_GAP_MS: i64 = 90_000;
/// Rows that one step of the retention deletes.
const PURGE_STEP: u32 = 2_000;

impl Service {
    /// Takes the lease of a job that is due. `Some`: run it, then call [`Service::finish_job`].
    pub async fn lease_job(&self, name: &str, token: [u8; 16], lease: Duration) -> Result<Option<JobLease>> {
        let now = self.now();
        Ok(self.store().lease_job(Scope::system(), name.to_owned(), token, now, now + lease).await?)
    }

    pub async fn finish_job(&self, name: &str, token: [u8; 16], next_due: Timestamp) -> Result<()> {
        let now = self.now();
        match self.store().finish_job(Scope::system(), name.to_owned(), token, now, next_due).await {
            // The lease ran out and somebody else has it: every job may run twice.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Notes that this node is receiving; the liveness of gateways is judged by it (NT-04).
    pub async fn note_receiving(&self, node: &str) -> Result<()> {
        let now = self.now();
        Ok(self.store().note_receiving(Scope::system(), node.to_owned(), now, RECEIVING_GAP_MS).await?)
    }

    /// Judges all gateways; returns how many stopped and how many came back.
    pub async fn judge_liveness(&self) -> Result<(u32, u32)> {
        let now = self.now();
        let receiving = self.store().receiving_since(Scope::system(), now - LOOK_BACK).await?;
        let planned: HashSet<GatewayId> =
            self.store().planned_outages(Scope::system(), now).await?.into_iter().collect();
        // Off by plan: no fault. Those are judged again when the plan is over.
        let mut gateways = self.store().enrolled_gateways(Scope::system()).await?;
        gateways.retain(|g| !planned.contains(&g.id));
        let patience = patience(&gateways, &receiving, now);
        let mut counts = (0, 0);
        for gateway in gateways {
            let (stopped, recovered) = self.judge_one(&gateway, &receiving, now, patience).await?;
            counts.0 += u32::from(stopped);
            counts.1 += u32::from(recovered);
        }
        Ok(counts)
    }

    async fn judge_one(
        &self,
        gateway: &Gateway,
        receiving: &[ReceivingPeriod],
        now: Timestamp,
        patience: Duration,
    ) -> Result<(bool, bool)> {
        let Some(last_seen) = gateway.last_seen else { return Ok((false, false)) };
        let verdict = liveness::judge(last_seen, receiving, now, patience);
        let done = match (&gateway.state, verdict) {
            (GatewayState::Online { .. }, Liveness::Stopped { since }) => {
                let notice = self.gateway_notice(
                    gateway,
                    NoticeKind::GatewayStopped { gateway: gateway.id, since },
                    now,
                );
                (true, self.store().mark_stopped(Scope::system(), gateway.id, last_seen, notice).await)
            }
            (GatewayState::Stopped { since, .. }, Liveness::Alive) if last_seen > *since => {
                let kind = NoticeKind::GatewayRecovered { gateway: gateway.id, since: *since, at: last_seen };
                let notice = self.gateway_notice(gateway, kind, now);
                (false, self.store().mark_recovered(Scope::system(), gateway.id, *since, notice).await)
            }
            _ => return Ok((false, false)),
        };
        match done {
            (stopped, Ok(())) => {
                self.wake_mail();
                Ok((stopped, !stopped))
            }
            // It spoke, or another node judged it, between reading and writing.
            (_, Err(StoreError::Conflict)) => Ok((false, false)),
            (_, Err(e)) => Err(e.into()),
        }
    }

    /// One reminder a day for each gateway that is still stopped (NT-04). May run twice: the
    /// notice's id follows from gateway and day. One that stopped within the last hour is not
    /// repeated.
    pub async fn remind_stopped(&self) -> Result<u32> {
        let now = self.now();
        let day = JstDay::of(now).0;
        let mut n = 0;
        for gateway in &self.store().enrolled_gateways(Scope::system()).await? {
            if let GatewayState::Stopped { since, .. } = gateway.state
                && now.since(since) > Duration::from_secs(3_600)
            {
                let kind = NoticeKind::GatewayStillStopped { gateway: gateway.id, since };
                let mut notice = self.gateway_notice(gateway, kind, now);
                notice.id = daily_id(gateway, day);
                self.store().add_notice(Scope::system(), notice).await?;
                n += 1;
            }
        }
        if n > 0 {
            self.wake_mail();
        }
        Ok(n)
    }

    fn gateway_notice(&self, gateway: &Gateway, kind: NoticeKind, now: Timestamp) -> Notice {
        Notice {
            id: NoticeId::generate(now, self.rng()),
            customer: gateway.customer,
            kind,
            created_at: now,
            due_at: now,
        }
    }

    /// Deletes what has been kept long enough (PT-09), in small steps.
    pub async fn purge_old(&self) -> Result<u64> {
        let now = self.now();
        let before = now - self.config().retention;
        let mut total = 0;
        loop {
            let n = self.store().purge(Scope::system(), before, now, PURGE_STEP).await?;
            total += n;
            if n == 0 {
                return Ok(total);
            }
        }
    }

    /// Sizes, for metrics.
    pub async fn stats(&self) -> Result<StoreStats> {
        Ok(self.store().stats(Scope::system()).await?)
    }
}

/// How long a gateway may be silent now.
fn patience(gateways: &[Gateway], receiving: &[ReceivingPeriod], now: Timestamp) -> Duration {
    let mut silences: HashMap<CustomerId, Duration> = HashMap::new();
    for gateway in gateways.iter().filter(|g| matches!(g.state, GatewayState::Online { .. })) {
        let Some(last_seen) = gateway.last_seen else { continue };
        let silence = liveness::silence_while_receiving(last_seen, receiving, now);
        let longest = silences.entry(gateway.customer).or_default();
        *longest = silence.max(*longest);
    }
    let silences: Vec<Duration> = silences.into_values().collect();
    let patience = liveness::patience(&silences);
    if patience > liveness::SILENT_FOR {
        tracing::error!(
            customers = silences.len(),
            "the gateways of many customers fell silent at once: an outage of a provider, or of the way to \
             this cloud; customers are told of those that stay silent for an hour"
        );
    }
    patience
}

/// The same for the same gateway and day.
fn daily_id(gateway: &Gateway, day: i64) -> NoticeId {
    let digest = secrets::sha256(format!("still-stopped {} {day}", gateway.id).as_bytes());
    let mut id = [0u8; 16];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    NoticeId(id)
}
