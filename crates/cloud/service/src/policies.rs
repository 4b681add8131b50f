//! The rating policy as something that people bring in, try, put live and roll back (RT-02).
//!
//! Holds always: a policy is checked before it is stored; every node judges by the policy that
//! was put live last, within the time of one periodic look; what was put live is in the audit
//! log with who and why. Deliberately not here: judging.

use std::sync::Arc;

use mimamori_domain::policy::{BUILTIN, PolicyErrors};
use mimamori_domain::{AuditId, Line, Policy, PolicyId, Trial};
use mimamori_store::ratings::{LiveMark, PolicyRow, TrialState, WalkMark};
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::{Result, Service};

/// Most bytes of a policy file.
pub const POLICY_MAX_BYTES: usize = 64 * 1024;
/// Detections that one step of a trial reads.
const TRIAL_STEP: u32 = 5_000;
/// A trial that has not ended by then died with its node and may be started again.
const TRIAL_AT_MOST: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Who stands as the author of the policy that ships with the program.
const SHIPPED: &str = "出荷時のポリシー";

#[derive(Debug, thiserror::Error)]
pub enum PolicyRefused {
    #[error("the file has faults: {0}")]
    Faults(PolicyErrors),
    #[error("the file is larger than {POLICY_MAX_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// All policies, and which one judges.
#[derive(Clone, Debug)]
pub struct PolicyBoard {
    pub policies: Vec<PolicyRow>,
    pub marks: Vec<LiveMark>,
    /// `None`: the one that the program was started with.
    pub in_force: Option<PolicyId>,
    pub in_force_version: Line,
}

impl Service {
    pub async fn policy_board(&self, actor: &Actor) -> Result<PolicyBoard> {
        actor.require(Permission::ViewPolicies)?;
        let marks = self.store().live_marks(actor.scope()).await?;
        Ok(PolicyBoard {
            policies: self.store().policies(actor.scope()).await?,
            in_force: marks.first().map(|m| m.policy),
            in_force_version: self.policy().await.version.clone(),
            marks,
        })
    }

    pub async fn policy_row(&self, actor: &Actor, id: PolicyId) -> Result<PolicyRow> {
        actor.require(Permission::ViewPolicies)?;
        Ok(self.store().policy(actor.scope(), id).await?)
    }

    /// Checks a policy file and keeps it as a draft.
    pub async fn add_policy(
        &self,
        actor: &Actor,
        source: &str,
        note: &str,
    ) -> std::result::Result<PolicyId, PolicyRefused> {
        actor.require(Permission::ManagePolicies)?;
        if source.len() > POLICY_MAX_BYTES {
            return Err(PolicyRefused::TooLarge);
        }
        let policy = Policy::parse(source).map_err(PolicyRefused::Faults)?;
        let author = actor.as_doer().map_or_else(|| Line::clip("console"), |a| Line::clip(a.name.as_str()));
        Ok(self.keep_policy(actor, &policy, source, note, author).await?)
    }

    async fn keep_policy(
        &self,
        actor: &Actor,
        policy: &Policy,
        source: &str,
        note: &str,
        author: Line,
    ) -> Result<PolicyId> {
        let now = self.now();
        let row = PolicyRow {
            id: PolicyId::generate(now, self.rng()),
            version: policy.version.clone(),
            source: source.to_owned(),
            note: Line::clip(note),
            author,
            created_at: now,
            trial: TrialState::Never,
        };
        let id = row.id;
        self.store().add_policy(actor.scope(), row).await?;
        self.note(actor, "policy.add", &id.to_string(), policy.version.as_str()).await?;
        Ok(id)
    }

    /// Puts a policy live, or an earlier one back.
    pub async fn put_policy_live(&self, actor: &Actor, id: PolicyId, why: &str) -> Result<()> {
        actor.require(Permission::ManagePolicies)?;
        let row = self.store().policy(actor.scope(), id).await?;
        let now = self.now();
        let by = actor.as_doer().map_or_else(|| Line::clip("console"), |a| Line::clip(a.name.as_str()));
        let mark = LiveMark {
            id: AuditId::generate(now, self.rng()),
            at: now,
            policy: id,
            by,
            why: Line::clip(why),
        };
        self.store().put_live(actor.scope(), mark).await?;
        let detail = format!("{}: {why}", row.version);
        self.note(actor, "policy.live", &id.to_string(), &detail).await?;
        self.refresh_policy().await?;
        Ok(())
    }

    /// Back to the policy that ships with the program.
    pub async fn put_shipped_policy_live(&self, actor: &Actor, why: &str) -> Result<()> {
        actor.require(Permission::ManagePolicies)?;
        let shipped = Policy::parse(BUILTIN).map_err(|e| ServiceError::Hashing(e.to_string()))?;
        let known = self.store().policies(actor.scope()).await?;
        let id = match known.iter().find(|p| p.author.as_str() == SHIPPED && p.source == BUILTIN) {
            Some(row) => row.id,
            None => self.keep_policy(actor, &shipped, BUILTIN, "", Line::clip(SHIPPED)).await?,
        };
        self.put_policy_live(actor, id, why).await
    }

    /// Takes over the policy that was put live last, on any node. Called at start and by the
    /// periodic look; a stored policy that cannot be read leaves the present one in force.
    pub async fn refresh_policy(&self) -> Result<()> {
        let row = match self.store().live_policy(Scope::system()).await {
            Ok(row) => row,
            Err(StoreError::NotFound) => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        let mut live = self.0.live_policy.lock().await;
        if *live == Some(row.id) {
            return Ok(());
        }
        match Policy::parse(&row.source) {
            Ok(policy) => {
                tracing::info!(policy = %row.id, version = %row.version, "another rating policy is in force");
                self.set_policy(policy).await;
            }
            Err(e) => {
                tracing::error!(policy = %row.id, error = %e, "the live policy cannot be read; the former one stays")
            }
        }
        *live = Some(row.id);
        Ok(())
    }

    /// Starts trying a policy on all that is kept; the result is stored with it.
    pub async fn start_trial(&self, actor: &Actor, id: PolicyId) -> Result<()> {
        actor.require(Permission::TryPolicies)?;
        let row = self.store().policy(actor.scope(), id).await?;
        let now = self.now();
        if let TrialState::Running { since } = row.trial
            && now.since(since) < TRIAL_AT_MOST
        {
            return Err(ServiceError::Conflict);
        }
        self.store().set_trial(actor.scope(), id, TrialState::Running { since: now }).await?;
        self.note(actor, "policy.try", &id.to_string(), row.version.as_str()).await?;
        let service = self.clone();
        tokio::spawn(async move { service.run_trial(row).await });
        Ok(())
    }

    async fn run_trial(&self, row: PolicyRow) {
        let state = match self.try_policy(&row.source).await {
            Ok(report) => TrialState::Done { at: self.now(), report: Box::new(report) },
            Err(e) => {
                tracing::error!(policy = %row.id, error = %e, "a trial of a policy failed");
                TrialState::Failed { at: self.now(), reason: Line::clip(&e.to_string()) }
            }
        };
        if let Err(e) = self.store().set_trial(Scope::system(), row.id, state).await {
            tracing::error!(policy = %row.id, error = %e, "the result of a trial cannot be stored");
        }
    }

    /// Judges everything that is kept by the policy in force and by `source`.
    pub async fn try_policy(&self, source: &str) -> Result<mimamori_domain::TrialReport> {
        let tried = Policy::parse(source).map_err(|e| ServiceError::Hashing(e.to_string()))?;
        let in_force: Arc<Policy> = self.policy().await;
        let since = self.now() - self.config().retention;
        let mut trial = Trial::new(&in_force, &tried);
        let mut after = None;
        loop {
            let step = self.store().walk(Scope::system(), since, after, TRIAL_STEP).await?;
            let Some(last) = step.last() else { return Ok(trial.finish()) };
            after = Some(WalkMark { customer: last.customer, at: last.detection.at, id: last.detection.id });
            for w in &step {
                trial.feed(w.customer, w.gateway, &w.detection);
            }
            // Ingest goes first.
            tokio::task::yield_now().await;
        }
    }
}
