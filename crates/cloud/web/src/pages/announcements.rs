//! お知らせ: read by everybody with a mark, written by the operator.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::{AnnouncementId, AnnouncementKind};
use mimamori_service::{NewAnnouncement, Permission, ServiceError, local_time};
use serde::Deserialize;

use super::{Done, any_frame, show};
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::view::announcement::{DetailPage, Draft, Line, ListPage, NewPage, kinds};

const HERE: &str = "/announcements";

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let actor = &session.actor;
    let now = portal.service().now();
    let marks = actor.home_customer().is_some();
    let all = portal.service().announcements(actor).await?;
    let lines: Vec<Line> = all.iter().map(|v| Line::new(v, marks, now)).collect();
    let frame = any_frame(&portal, &session, &headers, HERE).await?;
    let page = ListPage {
        may_write: actor.may(Permission::Announce),
        unread: lines.iter().filter(|l| l.unread).count(),
        lines,
        frame,
    };
    show(&portal, page.frame.flash.is_some(), &page)
}

fn parse(id: &str) -> Result<AnnouncementId, PageError> {
    AnnouncementId::parse(id).map_err(|_| PageError::NotFound)
}

pub async fn detail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let actor = &session.actor;
    let announcement = portal.service().read_announcement(actor, parse(&id)?).await?;
    let frame = any_frame(&portal, &session, &headers, HERE).await?;
    let had_flash = frame.flash.is_some();
    let staff = actor.home_customer().is_none();
    let may_write = actor.may(Permission::Announce);
    let now = portal.service().now();
    show(&portal, had_flash, &DetailPage::new(frame, &announcement, staff, may_write, now))
}

pub async fn new_page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    show_new(&portal, &session, &headers, Draft::default()).await
}

async fn show_new(
    portal: &Portal,
    session: &Session,
    headers: &HeaderMap,
    draft: Draft,
) -> Result<Response, PageError> {
    let frame = any_frame(portal, session, headers, HERE).await?;
    let had_flash = frame.flash.is_some();
    let refused = draft.error.is_some();
    let mut response = show(portal, had_flash, &NewPage { frame, kinds: kinds(&draft.kind), draft })?;
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub struct PublishForm {
    kind: String,
    title: String,
    text: String,
    #[serde(default)]
    starts: String,
    #[serde(default)]
    ends: String,
    important: Option<String>,
    by_mail: Option<String>,
}

impl PublishForm {
    fn announcement(&self) -> Result<NewAnnouncement, &'static str> {
        let at = |text: &str| match text.trim() {
            "" => Ok(None),
            text => local_time(text).map(Some).ok_or("日時を読み取れません。例: 2026-12-24T02:00"),
        };
        Ok(NewAnnouncement {
            kind: AnnouncementKind::from_code(&self.kind).map_err(|_| "種類を選んでください。")?,
            title: self.title.clone(),
            text: self.text.clone(),
            important: self.important.is_some(),
            by_mail: self.by_mail.is_some(),
            starts_at: at(&self.starts)?,
            ends_at: at(&self.ends)?,
        })
    }

    fn again(self, error: &'static str) -> Draft {
        Draft {
            kind: self.kind,
            title: self.title,
            text: self.text,
            starts: self.starts,
            ends: self.ends,
            important: self.important.is_some(),
            by_mail: self.by_mail.is_some(),
            error: Some(error),
        }
    }
}

pub async fn publish(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<PublishForm>,
) -> Result<Response, PageError> {
    let refused = match form.announcement() {
        Err(why) => why,
        Ok(new) => match portal.service().publish(&session.actor, new).await {
            Ok(id) => return Ok(Done::Published.lead_to(&portal, &format!("{HERE}/{id}"))),
            Err(e @ (ServiceError::Announcement(_) | ServiceError::Incomplete)) => e.for_people(),
            Err(e) => return Err(e.into()),
        },
    };
    show_new(&portal, &session, &headers, form.again(refused)).await
}

pub async fn withdraw(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    portal.service().withdraw_announcement(&session.actor, parse(&id)?).await?;
    Ok(Done::Withdrawn.lead_to(&portal, HERE))
}
