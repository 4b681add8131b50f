//! Mails on their way, for the operator; and what the reader of a mail says back.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::{DeliveryId, jst};
use mimamori_service::views::DeliveryView;
use serde::Deserialize;

use super::{Done, show, staff_frame};
use crate::error::PageError;
use crate::guard::{self, NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::view::rating::{DeliveryLine, OutboxPage, PaperLine, ReceivedPage, delivery_tag};
use crate::view::sms::SmsLine;
use crate::view::{Choice, Moment};

const SHOWN_MAX: u32 = 200;
const SMS_SHOWN_MAX: u32 = 50;
/// Code in the address, word on the page.
const VIEWS: [(&str, &str); 5] = [
    ("", "すべて"),
    ("queued", "送信待ち"),
    ("dead", "届けられない"),
    ("bounced", "戻ってきた"),
    ("sent", "送信済み"),
];

#[derive(Debug, Default, Deserialize)]
pub struct Show {
    #[serde(default)]
    state: String,
}

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(query): Query<Show>,
) -> Result<Response, PageError> {
    let state = VIEWS.iter().map(|(code, _)| *code).find(|code| !code.is_empty() && *code == query.state);
    let service = portal.service();
    let ledger = service.delivery_ledger(&session.actor, state, SHOWN_MAX).await?;
    let customers = service.customers(&session.actor).await?;
    let names: HashMap<_, _> =
        customers.into_iter().map(|c| (c.customer.id, c.customer.name.to_string())).collect();
    let now = service.now();
    let line = |d: DeliveryView| DeliveryLine {
        id: d.delivery.id.to_string(),
        subject: d.subject,
        to: d.delivery.recipient.to_string(),
        customer: names.get(&d.customer).cloned().unwrap_or_default(),
        at: Moment::at(d.updated_at, now),
        state: delivery_tag(&d.state),
        attempts: d.attempts,
        words: d.reply.to_string(),
        can_resend: matches!(d.state.as_str(), "dead" | "bounced"),
    };
    let frame = staff_frame(&portal, &session, &headers, "/outbox");
    let had_flash = frame.flash.is_some();
    let views = VIEWS
        .iter()
        .map(|(code, word)| Choice {
            href: if code.is_empty() { "/outbox".to_owned() } else { format!("/outbox?state={code}") },
            label: (*word).to_owned(),
            current: state.unwrap_or_default() == *code,
        })
        .collect();
    let short = service.sms_ledger(&session.actor, SMS_SHOWN_MAX).await?;
    let sms = short
        .iter()
        .map(|s| {
            let customer = s.customer.and_then(|k| names.get(&k).cloned()).unwrap_or_default();
            SmsLine::new(s, customer, now)
        })
        .collect();
    let papers = service.monthly_failures(&session.actor).await?;
    let papers = papers
        .iter()
        .map(|f| PaperLine {
            customer: names.get(&f.customer).cloned().unwrap_or_default(),
            month: f.month.label(),
            attempts: f.attempts,
            reason: f.reason.to_string(),
            at: Moment::at(f.failed_at, now),
            next: jst::date_time(f.next_at),
        })
        .collect();
    let mails = ledger.into_iter().map(line).collect();
    show(&portal, had_flash, &OutboxPage { frame, views, mails, sms, papers })
}

pub async fn resend(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = DeliveryId::parse(&id).map_err(|_| PageError::NotFound)?;
    portal.service().resend(&session.actor, id).await?;
    Ok(Done::Resent.lead_to(&portal, "/outbox"))
}

#[derive(Debug, Default, Deserialize)]
pub struct Mark {
    #[serde(default)]
    m: String,
}

/// The page behind the link of a test mail. Opening it says nothing yet: mail scanners open
/// links, people press buttons.
pub async fn received_page(
    State(portal): State<Portal>,
    Query(mark): Query<Mark>,
) -> Result<Response, PageError> {
    let id = DeliveryId::parse(&mark.m).ok();
    let to = match id {
        Some(id) => portal.service().confirmation_of(id).await?,
        None => None,
    };
    let known = to.is_some();
    let page = ReceivedPage {
        mark: if known { mark.m } else { String::new() },
        address: to.map(|a| a.to_string()).unwrap_or_default(),
        done: false,
        contact: portal.options().contact.clone(),
    };
    let mut response = show(&portal, false, &page)?;
    if !known {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

pub async fn received(State(portal): State<Portal>, body: Bytes) -> Result<Response, PageError> {
    let form: Mark = guard::decode(&body)?;
    let id = DeliveryId::parse(&form.m).map_err(|_| PageError::NotFound)?;
    let to = portal.service().confirmation_of(id).await?.ok_or(PageError::NotFound)?;
    portal.service().confirm_address(id).await?;
    let contact = portal.options().contact.clone();
    let page = ReceivedPage { mark: form.m, address: to.to_string(), done: true, contact };
    show(&portal, false, &page)
}
