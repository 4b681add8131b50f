//! The analyst's desk: the queue of 調査中, notes, assignment, findings (RT-04).
//!
//! Holds always: a finding, the alert's new rating and the mail about it are one step.

use std::time::Duration;

use mimamori_domain::account::Belongs;
use mimamori_domain::attachment::{About, Attachment};
use mimamori_domain::investigation::{self, Note};
use mimamori_domain::{Alert, AlertId, Finding, Investigation, Line, Notice, NoticeId, NoticeKind, Verdict};
use mimamori_store::ratings::{Elsewhere, QueueItem};
use mimamori_store::views::{AlertView, DetectionFilter, DetectionView};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::{Result, Service};

/// Other detections of the device that the desk shows.
const OTHERS_MAX: u32 = 30;
/// How far back the same signature is counted elsewhere.
const ELSEWHERE: Duration = Duration::from_secs(30 * 86_400);

/// All that an analyst looks at.
#[derive(Clone, Debug)]
pub struct Desk {
    pub view: AlertView,
    pub investigation: Investigation,
    /// What else the device did beside the evidence, newest first.
    pub others: Vec<DetectionView>,
    /// The same signature at everybody, in the last 30 days.
    pub elsewhere: Option<(u32, Elsewhere)>,
    /// What the customer attached to scan reports, oldest first.
    pub files: Vec<Attachment>,
}

impl Service {
    /// Worst first, then oldest.
    pub async fn investigation_queue(&self, actor: &Actor) -> Result<Vec<QueueItem>> {
        actor.require(Permission::Investigate)?;
        let mut queue = self.store().investigation_queue(actor.scope()).await?;
        queue.sort_by_key(|item| (badness(&item.view.alert), item.view.alert.raised_at));
        Ok(queue)
    }

    pub async fn investigation_desk(&self, actor: &Actor, id: AlertId) -> Result<Desk> {
        actor.require(Permission::Investigate)?;
        let view = self.store().alert(actor.scope(), id).await?;
        let investigation = self.store().investigation(actor.scope(), id).await?;
        let filter = DetectionFilter {
            customer: Some(view.alert.customer),
            gateway: Some(view.alert.gateway),
            device_key: Some(view.alert.device_key.0.clone()),
            limit: OTHERS_MAX,
            ..DetectionFilter::default()
        };
        let mut others = self.store().detections(actor.scope(), filter).await?.items;
        others.retain(|d| !view.alert.evidence.iter().any(|e| e.detection.id == d.detection.id));
        let sid = view.alert.evidence.iter().find_map(|e| e.detection.signature.as_ref().map(|s| s.sid));
        let elsewhere = match sid {
            Some(sid) => {
                let since = self.now() - ELSEWHERE;
                Some((sid, self.store().elsewhere(actor.scope(), sid, since).await?))
            }
            None => None,
        };
        let files = self.store().attachments(actor.scope(), About::Alert(id)).await?;
        Ok(Desk { view, investigation, others, elsewhere, files })
    }

    pub async fn note_investigation(&self, actor: &Actor, id: AlertId, text: &str) -> Result<()> {
        actor.require(Permission::Investigate)?;
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let note = Note { at: self.now(), by, text: Line::clip(text.trim()) };
        if note.text.is_empty() {
            return Ok(());
        }
        self.change_investigation(actor, id, |i| i.noted(note)).await
    }

    /// Takes the alert on oneself, or gives it back.
    pub async fn assign_investigation(&self, actor: &Actor, id: AlertId, take: bool) -> Result<()> {
        actor.require(Permission::Investigate)?;
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let assigned = take.then_some(by);
        self.change_investigation(actor, id, |mut i| {
            i.assigned = assigned;
            i
        })
        .await
    }

    async fn change_investigation(
        &self,
        actor: &Actor,
        id: AlertId,
        change: impl FnOnce(Investigation) -> Investigation,
    ) -> Result<()> {
        let known = self.store().investigation(actor.scope(), id).await?;
        let old = known.version;
        let mut changed = change(known);
        changed.version = old + 1;
        Ok(self.store().replace_investigation(actor.scope(), id, old, changed).await?)
    }

    /// The finding: sets the rating and is mailed to the customer.
    pub async fn report_finding(
        &self,
        actor: &Actor,
        id: AlertId,
        verdict: Verdict,
        report: &str,
    ) -> Result<()> {
        actor.require(Permission::Investigate)?;
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let lines = investigation::lines_of(report);
        if lines.is_empty() {
            return Err(ServiceError::Incomplete);
        }
        let view = self.store().alert(actor.scope(), id).await?;
        let old = view.alert.version;
        let finding = Finding { at: self.now(), by, verdict, report: lines };
        let alert = view.alert.investigated(finding)?;
        let customer = alert.customer;
        let rating = alert.rating.code();
        self.replace_and_tell(actor, old, alert, NoticeKind::Investigated { alert: id }).await?;
        let detail = if verdict == Verdict::Harmless { "harmless" } else { rating };
        self.note_about(actor, Belongs::Customer(customer), "alert.finding", &id.to_string(), detail).await
    }

    /// Stores the alert and what has to be told of it, and wakes the mail.
    pub(crate) async fn replace_and_tell(
        &self,
        actor: &Actor,
        old_version: u64,
        alert: Alert,
        kind: NoticeKind,
    ) -> Result<()> {
        let now = self.now();
        let notice = Notice {
            id: NoticeId::generate(now, self.rng()),
            customer: alert.customer,
            kind,
            created_at: now,
            due_at: now,
        };
        self.store().replace_alert_and_tell(actor.scope(), old_version, alert, notice).await?;
        self.wake_mail();
        Ok(())
    }
}

/// Smaller is worse: severity of the signature, then whether it got through.
fn badness(alert: &Alert) -> (u8, bool) {
    let severity = alert
        .evidence
        .iter()
        .filter_map(|e| e.detection.signature.as_ref().map(|s| s.severity))
        .filter(|s| *s > 0)
        .min()
        .unwrap_or(u8::MAX);
    (severity, alert.stopped())
}
