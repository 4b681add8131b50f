//! The mailbox of the demonstration; elsewhere there is no such page.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Desk, show};
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::Moment;
use crate::view::mailbox::{ListPage, MailPage, Row, link_own};

const REFRESH_SECONDS: u32 = 10;

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let mailbox = portal.mailbox().cloned().ok_or(PageError::NotFound)?;
    let desk = Desk::open(portal, session, headers).await?;
    let mut frame = desk.frame("/mailbox").await?;
    frame.refresh_seconds = REFRESH_SECONDS;
    let had_flash = frame.flash.is_some();
    let mails = mailbox
        .mails()
        .into_iter()
        .map(|m| Row { number: m.number, subject: m.subject, to: m.to, at: Moment::at(m.at, desk.now) })
        .collect();
    show(&desk.portal, had_flash, &ListPage { frame, server: mailbox.server(), mails })
}

pub async fn mail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(number): Path<String>,
) -> Result<Response, PageError> {
    let mailbox = portal.mailbox().cloned().ok_or(PageError::NotFound)?;
    let number = number.parse().map_err(|_| PageError::NotFound)?;
    let mail = mailbox.mail(number).ok_or(PageError::NotFound)?;
    let desk = Desk::open(portal, session, headers).await?;
    let frame = desk.frame("/mailbox").await?;
    let had_flash = frame.flash.is_some();
    let own = desk.portal.service().config().portal_url.clone();
    let page = MailPage {
        frame,
        subject: mail.subject,
        from: mail.from,
        to: mail.to,
        at: Moment::at(mail.at, desk.now),
        message_id: mail.message_id,
        body: link_own(&mail.text, &own),
    };
    show(&desk.portal, had_flash, &page)
}
