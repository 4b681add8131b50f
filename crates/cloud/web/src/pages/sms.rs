//! The telephones that take over when a ★★★ mail does not arrive.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::PhoneNumber;
use mimamori_service::{Permission, ServiceError};
use serde::Deserialize;

use super::{Desk, Done, show};
use crate::error::PageError;
use crate::guard::{Session, SignedForm};
use crate::portal::Portal;
use crate::view::sms::{NumberLine, Page};

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    render(portal, session, headers, None).await
}

/// What was refused, with the number as it was typed.
struct Refused {
    typed: String,
    why: &'static str,
}

async fn render(
    portal: Portal,
    session: Session,
    headers: HeaderMap,
    refused: Option<Refused>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let service = desk.portal.service();
    let numbers = service.sms_numbers(desk.actor(), desk.id()).await?;
    let frame = desk.frame("/settings").await?;
    let had_flash = frame.flash.is_some();
    let again = refused.is_some();
    let (typed, error) = refused.map_or((String::new(), None), |r| (r.typed, Some(r.why)));
    let page = Page {
        frame,
        available: service.sms_available(),
        can_edit: desk.actor().may(Permission::EditAddresses),
        proved: service.proved_lately(desk.actor()),
        numbers: numbers.iter().map(|n| NumberLine::new(n, desk.now)).collect(),
        typed,
        error,
    };
    let mut response = show(&desk.portal, had_flash, &page)?;
    if again {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub struct NumberForm {
    number: String,
    #[serde(default)]
    code: String,
}

pub async fn add(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<NumberForm>,
) -> Result<Response, PageError> {
    let refuse = |why| Some(Refused { typed: form.number.clone(), why });
    let Ok(number) = PhoneNumber::parse(&form.number) else {
        let why = "携帯電話の番号の形ではありません。例: 090-1234-5678（海外の番号は +1… の形）";
        return render(portal, session, headers, refuse(why)).await;
    };
    let desk = Desk::open(portal.clone(), session.clone(), headers.clone()).await?;
    match portal.service().add_sms_number(&session.actor, desk.id(), number).await {
        Ok(()) => Ok(Done::SmsCode.lead_to(&portal, "/settings/sms")),
        Err(ServiceError::TooMany) => {
            let why = "番号は3件までです。また、1つの番号へ送れる確認コードは1時間に5回までです。";
            render(portal, session, headers, refuse(why)).await
        }
        Err(e) => Err(e.into()),
    }
}

pub async fn verify(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<NumberForm>,
) -> Result<Response, PageError> {
    let number = PhoneNumber::parse(&form.number).map_err(|_| PageError::BadForm)?;
    let desk = Desk::open(portal.clone(), session.clone(), headers.clone()).await?;
    if portal.service().verify_sms_number(&session.actor, desk.id(), number, &form.code).await? {
        return Ok(Done::SmsProved.lead_to(&portal, "/settings/sms"));
    }
    let why =
        "確認コードが違うか、期限（10分）が切れています。5回間違えたときは、コードを送り直してください。";
    render(portal, session, headers, Some(Refused { typed: String::new(), why })).await
}

pub async fn remove(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<NumberForm>,
) -> Result<Response, PageError> {
    let number = PhoneNumber::parse(&form.number).map_err(|_| PageError::BadForm)?;
    let desk = Desk::open(portal.clone(), session.clone(), headers).await?;
    portal.service().remove_sms_number(&session.actor, desk.id(), number).await?;
    Ok(Done::SmsRemoved.lead_to(&portal, "/settings/sms"))
}
