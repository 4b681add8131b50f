//! スキャン結果を報告: what a customer's full scan found (RT-05).
//!
//! Holds always: 「★★★ 相当」 and the mail about it are one step; the files of a report are stored
//! before it. Deliberately not here: what a file may be (`domain::attachment`).

use mimamori_domain::account::Belongs;
use mimamori_domain::alert::ScanReport;
use mimamori_domain::attachment::{About, Attachment};
use mimamori_domain::{AlertId, AttachmentId, Line, NoticeKind, ScanOutcome};

use crate::actor::Actor;
use crate::inquiries::Upload;
use crate::permission::Permission;
use crate::{Result, Service, ServiceError};

/// What a customer says of a full scan.
#[derive(Clone, Debug)]
pub struct ScanAnswer {
    pub outcome: ScanOutcome,
    /// Which product scanned.
    pub product: String,
    pub note: String,
    pub files: Vec<Upload>,
}

impl Service {
    /// スキャン結果を報告, with files (the product's own report). What was reported before stays with
    /// the alert as files; the answer itself is replaced.
    pub async fn report_scan(&self, actor: &Actor, id: AlertId, answer: ScanAnswer) -> Result<()> {
        actor.require(Permission::ReportScan)?;
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let view = self.store().alert(actor.scope(), id).await?;
        let old = view.alert.version;
        let customer = view.alert.customer;
        let outcome = answer.outcome;
        let report = ScanReport {
            at: self.now(),
            by,
            outcome,
            product: Line::clip(&answer.product),
            note: Line::clip(&answer.note),
        };
        let mut alert = view.alert.scanned(report)?;
        // The files first: a report that was told of by mail has them.
        self.attach(actor, customer, About::Alert(id), answer.files).await?;
        match alert.raise_by_scan(self.now()) {
            // 「★★★ 相当」 is told by mail (RT-05).
            Some(from) => {
                let kind = NoticeKind::AlertRose { alert: id, from, to: alert.rating };
                self.replace_and_tell(actor, old, alert, kind).await?;
            }
            None => self.store().replace_alert(actor.scope(), old, alert).await?,
        }
        self.note_about(actor, Belongs::Customer(customer), "alert.scan", &id.to_string(), outcome.code())
            .await
    }

    /// 完了: the customer has done what the alert asked for. ★★☆ and ★★★ ask for a full scan first.
    pub async fn close_alert(&self, actor: &Actor, id: AlertId) -> Result<()> {
        actor.require(Permission::AcknowledgeAlert)?;
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let view = self.store().alert(actor.scope(), id).await?;
        let (old, customer) = (view.alert.version, view.alert.customer);
        if !view.alert.may_be_closed() {
            return Err(ServiceError::Conflict);
        }
        let alert = view.alert.close(self.now(), by)?;
        self.store().replace_alert(actor.scope(), old, alert).await?;
        self.note_about(actor, Belongs::Customer(customer), "alert.close", &id.to_string(), "").await
    }

    /// One file of the scan reports of an alert, for whoever may see the alert.
    pub async fn scan_file(
        &self,
        actor: &Actor,
        alert: AlertId,
        file: AttachmentId,
    ) -> Result<(Attachment, Vec<u8>)> {
        let (file, content) = self.attachment(actor, file).await?;
        if file.about == About::Alert(alert) { Ok((file, content)) } else { Err(ServiceError::NotFound) }
    }
}
