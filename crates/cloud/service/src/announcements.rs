//! お知らせ: written by the operator, read by customers with a mark (PT-08, OP-03).

use mimamori_base::Timestamp;
use mimamori_domain::{Announcement, AnnouncementId, AnnouncementKind, CustomerId, Line, Name, Passage, jst};
use mimamori_store::Scope;
use mimamori_store::desk::AnnouncementView;

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::{Result, Service};

/// Announcements that the list shows.
const LIST_MAX: u32 = 100;
/// Customers that one step of mailing takes.
const SPREAD_STEP: u32 = 500;

/// What the operator writes.
#[derive(Clone, Debug)]
pub struct NewAnnouncement {
    pub kind: AnnouncementKind,
    pub title: String,
    pub text: String,
    pub important: bool,
    pub by_mail: bool,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
}

impl Service {
    pub async fn publish(&self, actor: &Actor, new: NewAnnouncement) -> Result<AnnouncementId> {
        actor.require(Permission::Announce)?;
        let now = self.now();
        let announcement = Announcement {
            id: AnnouncementId::generate(now, self.rng()),
            kind: new.kind,
            title: Name::parse(&new.title).map_err(|_| ServiceError::Incomplete)?,
            text: Passage::clip(&new.text),
            important: new.important || new.kind.always_important(),
            // A stop is always mailed as well.
            by_mail: new.by_mail || new.kind == AnnouncementKind::Maintenance,
            starts_at: new.starts_at,
            ends_at: new.ends_at,
            published_at: now,
            author: actor.account().map_or_else(|| Line::clip("運営者"), |a| Line::clip(&a.name)),
            withdrawn_at: None,
        };
        announcement.check()?;
        let (id, title) = (announcement.id, announcement.title.to_string());
        self.store().publish(actor.scope(), announcement).await?;
        self.note(actor, "announcement.publish", &id.to_string(), &title).await?;
        Ok(id)
    }

    pub async fn withdraw_announcement(&self, actor: &Actor, id: AnnouncementId) -> Result<()> {
        actor.require(Permission::Announce)?;
        let announcement = self.store().announcement(actor.scope(), id).await?.withdraw(self.now())?;
        self.store().withdraw(actor.scope(), announcement).await?;
        self.note(actor, "announcement.withdraw", &id.to_string(), "").await
    }

    /// Newest first. Whoever writes them also sees what was withdrawn.
    pub async fn announcements(&self, actor: &Actor) -> Result<Vec<AnnouncementView>> {
        actor.require(Permission::ViewPortal)?;
        let reader = actor.account().map(|a| a.id).filter(|_| !actor.may(Permission::Announce));
        Ok(self.store().announcements(actor.scope(), reader, LIST_MAX).await?)
    }

    /// Important ones that this reader has not opened and that are not over, newest first.
    pub async fn unread_announcements(&self, actor: &Actor) -> Result<Vec<Announcement>> {
        if actor.home_customer().is_none() {
            return Ok(Vec::new());
        }
        let now = self.now();
        let all = self.announcements(actor).await?.into_iter();
        let unread = all.filter(|v| !v.read && v.announcement.important && !v.announcement.is_over(now));
        Ok(unread.map(|v| v.announcement).collect())
    }

    /// Opens one; a customer's account has then read it.
    pub async fn read_announcement(&self, actor: &Actor, id: AnnouncementId) -> Result<Announcement> {
        actor.require(Permission::ViewPortal)?;
        let announcement = self.store().announcement(actor.scope(), id).await?;
        if let (Some(customer), Some(account)) = (actor.home_customer(), actor.account()) {
            self.mark_read(actor, customer, account.id, id).await?;
        }
        Ok(announcement)
    }

    async fn mark_read(
        &self,
        actor: &Actor,
        customer: CustomerId,
        account: mimamori_domain::AccountId,
        id: AnnouncementId,
    ) -> Result<()> {
        Ok(self.store().mark_read(actor.scope(), account, customer, id, self.now()).await?)
    }

    /// Queues the mails of announcements, all customers in small steps. Can be broken off
    /// anywhere: it goes on after the last customer that was queued.
    pub async fn spread_announcements(&self) -> Result<u32> {
        let mut total = 0;
        loop {
            let n = self.store().spread_announcements(Scope::system(), self.now(), SPREAD_STEP).await?;
            if n == 0 {
                break;
            }
            total += n;
        }
        if total > 0 {
            self.wake_mail();
        }
        Ok(total)
    }
}

/// `2026-12-24T02:00` as a browser's field gives it, in Japan.
#[must_use]
pub fn local_time(text: &str) -> Option<Timestamp> {
    jst::from_local(text)
}
