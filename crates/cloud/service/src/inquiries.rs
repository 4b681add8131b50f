//! お問合せ: asked by customers (or entered for them by the desk), answered by the desk.
//!
//! Holds always: the desk sees the threads of its own reseller's customers; an answer commits
//! with its mail; files were checked. Deliberately not here: due times (`domain::business`).

use mimamori_domain::account::Belongs;
use mimamori_domain::alert;
use mimamori_domain::attachment::{self, About, Attachment, BadFile, FILES_MAX};
use mimamori_domain::inquiry::{Answer, BadInquiry, Channel, Inquiry, Post, Topic};
use mimamori_domain::{
    AttachmentId, CustomerId, EmailAddress, InquiryId, Letter, Name, Notice, NoticeId, NoticeKind, Passage,
};
use mimamori_store::desk::InquiryFilter;
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::{Result, Service};

const LIST_MAX: u32 = 200;
const CLOSE_STEP: u32 = 200;

/// A file as it was uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// A new thread.
#[derive(Clone, Debug)]
pub struct AskDesk {
    pub customer: CustomerId,
    pub title: String,
    pub topic: Topic,
    pub channel: Channel,
    pub text: String,
    pub files: Vec<Upload>,
}

impl Service {
    pub async fn ask_desk(&self, actor: &Actor, ask: AskDesk) -> Result<InquiryId> {
        actor.require(Permission::AskDesk)?;
        // Only the desk enters what came by telephone or mail.
        let channel = if actor.may(Permission::AnswerDesk) { ask.channel } else { Channel::Portal };
        let id = InquiryId::generate(self.now(), self.rng());
        let post = self.post(actor, &ask.text, false)?;
        let title = Name::parse(&ask.title).map_err(|_| ServiceError::Incomplete)?;
        let by = post.by.name.to_string();
        let files = self.checked_files(ask.customer, About::Inquiry(id), &by, ask.files)?;
        let inquiry = Inquiry::ask(id, ask.customer, title, ask.topic, channel, post);
        self.store().add_inquiry(actor.scope(), inquiry, files).await.map_err(full)?;
        self.note_about(actor, Belongs::Customer(ask.customer), "inquiry.ask", &id.to_string(), "").await?;
        Ok(id)
    }

    /// Of one customer, or of everybody in sight: what the desk owes first.
    pub async fn inquiries(
        &self,
        actor: &Actor,
        customer: Option<CustomerId>,
        only_live: bool,
    ) -> Result<Vec<Inquiry>> {
        actor.require(Permission::ViewInquiries)?;
        let filter = InquiryFilter { customer, only_live, limit: LIST_MAX };
        Ok(self.store().inquiries(actor.scope(), filter).await?)
    }

    pub async fn inquiry(&self, actor: &Actor, id: InquiryId) -> Result<(Inquiry, Vec<Attachment>)> {
        actor.require(Permission::ViewInquiries)?;
        let inquiry = self.store().inquiry(actor.scope(), id).await?;
        let files = self.store().attachments(actor.scope(), About::Inquiry(id)).await?;
        Ok((inquiry, files))
    }

    /// The customer writes on, or the desk for the customer.
    pub async fn reply_inquiry(
        &self,
        actor: &Actor,
        id: InquiryId,
        text: &str,
        files: Vec<Upload>,
    ) -> Result<()> {
        actor.require(Permission::AskDesk)?;
        let inquiry = self.store().inquiry(actor.scope(), id).await?;
        let (old, customer) = (inquiry.version, inquiry.customer);
        let post = self.post(actor, text, false)?;
        let files = self.checked_files(customer, About::Inquiry(id), &post.by.name, files)?;
        let inquiry = inquiry.reply(post)?;
        self.store().replace_inquiry(actor.scope(), old, inquiry, files, None).await.map_err(full)?;
        self.note_about(actor, Belongs::Customer(customer), "inquiry.reply", &id.to_string(), "").await
    }

    /// The desk answers; whoever asked gets a mail.
    pub async fn answer_inquiry(
        &self,
        actor: &Actor,
        id: InquiryId,
        text: &str,
        answer: Answer,
        files: Vec<Upload>,
    ) -> Result<()> {
        actor.require(Permission::AnswerDesk)?;
        let inquiry = self.store().inquiry(actor.scope(), id).await?;
        let (old, customer) = (inquiry.version, inquiry.customer);
        let post = self.post(actor, text, true)?;
        let files = self.checked_files(customer, About::Inquiry(id), &post.by.name, files)?;
        let text = post.text.clone();
        let inquiry = inquiry.answer(post, answer)?;
        let letter = Letter::Answer {
            inquiry: id,
            title: inquiry.title.clone(),
            text,
            interim_until: matches!(answer, Answer::Interim { .. }).then_some(inquiry.due_at),
        };
        let now = self.now();
        let notice = Notice {
            id: NoticeId::generate(now, self.rng()),
            customer,
            kind: NoticeKind::Letter { to: self.who_asked(&inquiry).await?, letter: Box::new(letter) },
            created_at: now,
            due_at: now,
        };
        self.store().replace_inquiry(actor.scope(), old, inquiry, files, Some(notice)).await.map_err(full)?;
        self.wake_mail();
        self.note_about(actor, Belongs::Customer(customer), "inquiry.answer", &id.to_string(), "").await
    }

    /// The customer's account that wrote last; `None`: entered by the desk, so to the company.
    async fn who_asked(&self, inquiry: &Inquiry) -> Result<Option<EmailAddress>> {
        let Some(asked) = inquiry.posts.iter().rev().find(|p| !p.from_desk) else { return Ok(None) };
        match self.store().account(Scope::system(), asked.by.account).await {
            Ok(a) if a.belongs == Belongs::Customer(inquiry.customer) => Ok(Some(a.email)),
            Ok(_) | Err(StoreError::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// 「解決しました」.
    pub async fn close_inquiry(&self, actor: &Actor, id: InquiryId) -> Result<()> {
        actor.require(Permission::AskDesk)?;
        let inquiry = self.store().inquiry(actor.scope(), id).await?;
        let (old, customer) = (inquiry.version, inquiry.customer);
        let inquiry = inquiry.close(self.now())?;
        self.store().replace_inquiry(actor.scope(), old, inquiry, Vec::new(), None).await?;
        self.note_about(actor, Belongs::Customer(customer), "inquiry.close", &id.to_string(), "").await
    }

    /// HD-03: answered threads close by themselves after two weeks.
    pub async fn close_answered(&self) -> Result<u32> {
        let now = self.now();
        let mut closed = 0;
        for inquiry in self.store().inquiries_to_close(Scope::system(), now, CLOSE_STEP).await? {
            let old = inquiry.version;
            let Ok(inquiry) = inquiry.close(now) else { continue };
            match self.store().replace_inquiry(Scope::system(), old, inquiry, Vec::new(), None).await {
                Ok(()) => closed += 1,
                // The customer wrote on meanwhile.
                Err(StoreError::Conflict) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(closed)
    }

    /// Adds one file to something of the customer's, e.g. to the alert of a scan report.
    pub async fn attach(
        &self,
        actor: &Actor,
        customer: CustomerId,
        about: About,
        files: Vec<Upload>,
    ) -> Result<()> {
        actor.require(Permission::AskDesk)?;
        match about {
            About::Inquiry(id) => drop(self.store().inquiry(actor.scope(), id).await?),
            About::Alert(id) => drop(self.store().alert(actor.scope(), id).await?),
        }
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?.name.to_string();
        for (file, content) in self.checked_files(customer, about, &by, files)? {
            self.store().add_attachment(actor.scope(), file, content).await.map_err(full)?;
        }
        Ok(())
    }

    pub async fn attachments(&self, actor: &Actor, about: About) -> Result<Vec<Attachment>> {
        actor.require(needed_for(about))?;
        Ok(self.store().attachments(actor.scope(), about).await?)
    }

    pub async fn attachment(&self, actor: &Actor, id: AttachmentId) -> Result<(Attachment, Vec<u8>)> {
        actor.require(Permission::ViewPortal)?;
        let (file, content) = self.store().attachment(actor.scope(), id).await?;
        actor.require(needed_for(file.about))?;
        Ok((file, content))
    }

    fn post(&self, actor: &Actor, text: &str, from_desk: bool) -> Result<Post> {
        let by: alert::Actor = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let text = Passage::clip(text);
        if text.is_empty() {
            return Err(ServiceError::Incomplete);
        }
        Ok(Post { at: self.now(), by, from_desk, text })
    }

    fn checked_files(
        &self,
        customer: CustomerId,
        about: About,
        by: &str,
        files: Vec<Upload>,
    ) -> Result<Vec<(Attachment, Vec<u8>)>> {
        if files.len() > FILES_MAX {
            return Err(BadFile::TooMany.into());
        }
        let at = self.now();
        let mut checked = Vec::with_capacity(files.len());
        for file in files {
            let (name, file_type) = attachment::check(&file.name, &file.bytes)?;
            let attachment = Attachment {
                id: AttachmentId::generate(at, self.rng()),
                customer,
                about,
                name,
                file_type,
                size: u64::try_from(file.bytes.len()).unwrap_or(u64::MAX),
                at,
                by: by.into(),
            };
            checked.push((attachment, file.bytes));
        }
        Ok(checked)
    }
}

/// Files of a scan report are part of the alert, which analysts read too.
const fn needed_for(about: About) -> Permission {
    match about {
        About::Inquiry(_) => Permission::ViewInquiries,
        About::Alert(_) => Permission::ViewPortal,
    }
}

/// Says what there is no room for.
fn full(e: StoreError) -> ServiceError {
    match e {
        StoreError::Full("files") => BadFile::NoRoom.into(),
        StoreError::Full(_) => BadInquiry::TooManyOpen.into(),
        other => other.into(),
    }
}
