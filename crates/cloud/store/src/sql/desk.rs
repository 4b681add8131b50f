//! The desk's part of the store trait: each method runs one function of the siblings below in
//! one transaction.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::attachment::{About, Attachment};
use mimamori_domain::{
    AccountId, Announcement, AnnouncementId, AttachmentId, Claim, Contract, CustomerId, Inquiry, InquiryId,
    Line, Month, MonthlyId, Notice,
};

use super::dialect::{Backend, Conn};
use super::{announcements, contracts, inquiries};
use crate::desk::{AnnouncementView, DeskStore, InquiryFilter, MonthlyFailure, MonthlyRow};
use crate::error::Result;
use crate::scope::Scope;

/// Runs a function in one transaction.
macro_rules! run {
    ($self:ident . $way:ident, $scope:ident, $c:ident => $work:expr) => {
        $self.$way($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    };
}

#[async_trait]
impl DeskStore for Backend {
    async fn publish(&self, scope: Scope, announcement: Announcement) -> Result<()> {
        run!(self.write, scope, c => announcements::publish(c, scope, &announcement))
    }

    async fn withdraw(&self, scope: Scope, announcement: Announcement) -> Result<()> {
        run!(self.write, scope, c => announcements::withdraw(c, scope, &announcement))
    }

    async fn announcements(
        &self,
        scope: Scope,
        reader: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<AnnouncementView>> {
        run!(self.read, scope, c => announcements::announcements(c, scope, reader, limit))
    }

    async fn announcement(&self, scope: Scope, id: AnnouncementId) -> Result<Announcement> {
        run!(self.read, scope, c => announcements::announcement(c, scope, id))
    }

    async fn mark_read(
        &self,
        scope: Scope,
        reader: AccountId,
        customer: CustomerId,
        id: AnnouncementId,
        now: Timestamp,
    ) -> Result<()> {
        run!(self.write, scope, c => announcements::mark_read(c, scope, reader, customer, id, now))
    }

    async fn spread_announcements(&self, scope: Scope, now: Timestamp, customers: u32) -> Result<u32> {
        run!(self.write, scope, c => announcements::spread(c, scope, now, customers))
    }

    async fn add_inquiry(
        &self,
        scope: Scope,
        inquiry: Inquiry,
        files: Vec<(Attachment, Vec<u8>)>,
    ) -> Result<()> {
        run!(self.write, scope, c => inquiries::add(c, scope, &inquiry, files))
    }

    async fn inquiries(&self, scope: Scope, filter: InquiryFilter) -> Result<Vec<Inquiry>> {
        run!(self.read, scope, c => inquiries::inquiries(c, scope, filter))
    }

    async fn inquiry(&self, scope: Scope, id: InquiryId) -> Result<Inquiry> {
        run!(self.read, scope, c => inquiries::inquiry(c, scope, id))
    }

    async fn replace_inquiry(
        &self,
        scope: Scope,
        old_version: u64,
        inquiry: Inquiry,
        files: Vec<(Attachment, Vec<u8>)>,
        tell: Option<Notice>,
    ) -> Result<()> {
        run!(self.write, scope, c => inquiries::replace(c, scope, old_version, &inquiry, files, tell))
    }

    async fn inquiries_to_close(&self, scope: Scope, now: Timestamp, limit: u32) -> Result<Vec<Inquiry>> {
        run!(self.read, scope, c => inquiries::to_close(c, scope, now, limit))
    }

    async fn add_attachment(&self, scope: Scope, attachment: Attachment, content: Vec<u8>) -> Result<()> {
        run!(self.write, scope, c => inquiries::add_attachment(c, scope, &attachment, content))
    }

    async fn attachments(&self, scope: Scope, about: About) -> Result<Vec<Attachment>> {
        run!(self.read, scope, c => inquiries::attachments(c, scope, about))
    }

    async fn attachment(&self, scope: Scope, id: AttachmentId) -> Result<(Attachment, Vec<u8>)> {
        run!(self.read, scope, c => inquiries::attachment(c, scope, id))
    }

    async fn contract(&self, scope: Scope, customer: CustomerId) -> Result<Option<Contract>> {
        run!(self.read, scope, c => contracts::contract(c, scope, customer))
    }

    async fn put_contract(&self, scope: Scope, contract: Contract) -> Result<()> {
        run!(self.write, scope, c => contracts::put_contract(c, scope, &contract))
    }

    async fn claims(&self, scope: Scope, customer: CustomerId) -> Result<Vec<Claim>> {
        run!(self.read, scope, c => contracts::claims(c, scope, customer))
    }

    async fn put_claim(&self, scope: Scope, claim: Claim) -> Result<()> {
        run!(self.write, scope, c => contracts::put_claim(c, scope, &claim))
    }

    async fn wants_monthly_mail(&self, scope: Scope, customer: CustomerId) -> Result<bool> {
        run!(self.read, scope, c => contracts::wants_mail(c, scope, customer))
    }

    async fn set_monthly_mail(&self, scope: Scope, customer: CustomerId, by_mail: bool) -> Result<()> {
        run!(self.write, scope, c => contracts::set_mail(c, scope, customer, by_mail))
    }

    async fn without_monthly(
        &self,
        scope: Scope,
        month: Month,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<CustomerId>> {
        run!(self.read, scope, c => contracts::without_monthly(c, scope, month, now, limit))
    }

    async fn monthly_failed(
        &self,
        scope: Scope,
        month: Month,
        now: Timestamp,
        failed: Vec<(CustomerId, Line)>,
    ) -> Result<()> {
        run!(self.write, scope, c => contracts::monthly_failed(c, scope, (month, now), &failed))
    }

    async fn monthly_failures(&self, scope: Scope) -> Result<Vec<MonthlyFailure>> {
        run!(self.read, scope, c => contracts::monthly_failures(c, scope))
    }

    async fn add_monthly(
        &self,
        scope: Scope,
        reports: Vec<(MonthlyRow, Vec<u8>, Option<Notice>)>,
    ) -> Result<()> {
        run!(self.write, scope, c => contracts::add_monthly(c, scope, reports))
    }

    async fn monthly_reports(&self, scope: Scope, customer: CustomerId) -> Result<Vec<MonthlyRow>> {
        run!(self.read, scope, c => contracts::monthly_reports(c, scope, customer))
    }

    async fn monthly_report(&self, scope: Scope, id: MonthlyId) -> Result<(MonthlyRow, Vec<u8>)> {
        run!(self.read, scope, c => contracts::monthly_report(c, scope, id))
    }

    async fn purge_monthly(&self, scope: Scope, before: Month) -> Result<u64> {
        run!(self.write, scope, c => contracts::purge(c, scope, before))
    }
}
