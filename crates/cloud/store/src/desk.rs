//! What customers and the desk exchange: announcements, inquiries with files, the contract with
//! its insurance, monthly reports.
//!
//! Holds always: changes of a thread are guarded by its version; an answer commits together with
//! its mail; a report of a customer and month is stored once.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::attachment::{About, Attachment};
use mimamori_domain::{
    AccountId, Announcement, AnnouncementId, AttachmentId, Claim, Contract, CustomerId, Inquiry, InquiryId,
    Line, Month, MonthlyId, Notice,
};

use crate::error::Result;
use crate::scope::Scope;

/// An announcement as one reader sees it.
#[derive(Clone, Debug)]
pub struct AnnouncementView {
    pub announcement: Announcement,
    /// This reader has opened it.
    pub read: bool,
}

/// Which inquiries. Empty fields do not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct InquiryFilter {
    pub customer: Option<CustomerId>,
    /// Only those that are not closed.
    pub only_live: bool,
    /// 1..=500.
    pub limit: u32,
}

/// A stored monthly report without the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthlyRow {
    pub id: MonthlyId,
    pub customer: CustomerId,
    pub month: Month,
    pub made_at: Timestamp,
    pub sentence: String,
    pub size: u64,
}

/// A monthly report that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthlyFailure {
    pub customer: CustomerId,
    pub month: Month,
    pub attempts: u64,
    pub failed_at: Timestamp,
    /// When it is tried again.
    pub next_at: Timestamp,
    pub reason: Line,
}

/// The desk's part of the [`crate::Store`].
#[async_trait]
pub trait DeskStore: Send + Sync {
    async fn publish(&self, scope: Scope, announcement: Announcement) -> Result<()>;
    async fn withdraw(&self, scope: Scope, announcement: Announcement) -> Result<()>;
    /// Newest first, at most `limit`; for a reader, with marks and without what was withdrawn.
    async fn announcements(
        &self,
        scope: Scope,
        reader: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<AnnouncementView>>;
    async fn announcement(&self, scope: Scope, id: AnnouncementId) -> Result<Announcement>;
    async fn mark_read(
        &self,
        scope: Scope,
        reader: AccountId,
        customer: CustomerId,
        id: AnnouncementId,
        now: Timestamp,
    ) -> Result<()>;
    /// Queues the mails of announcements for the next customers; says how many were queued.
    async fn spread_announcements(&self, scope: Scope, now: Timestamp, customers: u32) -> Result<u32>;

    /// A new thread with its files.
    async fn add_inquiry(
        &self,
        scope: Scope,
        inquiry: Inquiry,
        files: Vec<(Attachment, Vec<u8>)>,
    ) -> Result<()>;
    async fn inquiries(&self, scope: Scope, filter: InquiryFilter) -> Result<Vec<Inquiry>>;
    async fn inquiry(&self, scope: Scope, id: InquiryId) -> Result<Inquiry>;
    /// Replaces the one that has `old_version`, with new files and what has to be told.
    async fn replace_inquiry(
        &self,
        scope: Scope,
        old_version: u64,
        inquiry: Inquiry,
        files: Vec<(Attachment, Vec<u8>)>,
        tell: Option<Notice>,
    ) -> Result<()>;
    /// Answered threads whose time is over, at most `limit`.
    async fn inquiries_to_close(&self, scope: Scope, now: Timestamp, limit: u32) -> Result<Vec<Inquiry>>;

    async fn add_attachment(&self, scope: Scope, attachment: Attachment, content: Vec<u8>) -> Result<()>;
    /// Oldest first.
    async fn attachments(&self, scope: Scope, about: About) -> Result<Vec<Attachment>>;
    async fn attachment(&self, scope: Scope, id: AttachmentId) -> Result<(Attachment, Vec<u8>)>;

    async fn contract(&self, scope: Scope, customer: CustomerId) -> Result<Option<Contract>>;
    async fn put_contract(&self, scope: Scope, contract: Contract) -> Result<()>;
    /// Newest first.
    async fn claims(&self, scope: Scope, customer: CustomerId) -> Result<Vec<Claim>>;
    async fn put_claim(&self, scope: Scope, claim: Claim) -> Result<()>;

    async fn wants_monthly_mail(&self, scope: Scope, customer: CustomerId) -> Result<bool>;
    async fn set_monthly_mail(&self, scope: Scope, customer: CustomerId, by_mail: bool) -> Result<()>;
    /// Customers without a report of the month, in the order of their ids; without those whose
    /// report failed and is to be tried later than `now`.
    async fn without_monthly(
        &self,
        scope: Scope,
        month: Month,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<CustomerId>>;
    /// Keeps that reports could not be made, each with its reason.
    async fn monthly_failed(
        &self,
        scope: Scope,
        month: Month,
        now: Timestamp,
        failed: Vec<(CustomerId, Line)>,
    ) -> Result<()>;
    /// Reports that are waiting for another try, the latest first; for operators.
    async fn monthly_failures(&self, scope: Scope) -> Result<Vec<MonthlyFailure>>;
    /// Stores reports with the mails about them; what is there already stays.
    async fn add_monthly(
        &self,
        scope: Scope,
        reports: Vec<(MonthlyRow, Vec<u8>, Option<Notice>)>,
    ) -> Result<()>;
    /// Newest first.
    async fn monthly_reports(&self, scope: Scope, customer: CustomerId) -> Result<Vec<MonthlyRow>>;
    async fn monthly_report(&self, scope: Scope, id: MonthlyId) -> Result<(MonthlyRow, Vec<u8>)>;
    /// Deletes reports of months before.
    async fn purge_monthly(&self, scope: Scope, before: Month) -> Result<u64>;
}
