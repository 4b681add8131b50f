//! Codes by SMS as the second step: setting up the number, and another code at the login.

use std::net::SocketAddr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::PhoneNumber;
use mimamori_service::{SecondFactorError, ServiceError, SessionToken};
use serde::Deserialize;

use super::door::{client, code_form, from_the_door};
use super::second_factor::show_codes;
use super::{any_frame, show};
use crate::cookie::Cookie;
use crate::error::PageError;
use crate::guard::{self, Session, SignedForm};
use crate::portal::Portal;
use crate::query::own_path;
use crate::view::second_factor::SmsPage;

const BAD_NUMBER: &str =
    "電話番号の形ではありません。例: 090-1234-5678、海外の番号は +1 415 555 0100 のように書いてください。";
const TOO_MANY: &str =
    "短い時間に何度も送ったため、今は送れません。1時間ほど待ってから、もう一度お試しください。";

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    if !portal.service().sms_available() || session.actor.role().is_staff() {
        return Err(PageError::NotFound);
    }
    form(&portal, &session, &headers, ("", false), None).await
}

/// `shown`: the number, and whether a code went to it.
async fn form(
    portal: &Portal,
    session: &Session,
    headers: &HeaderMap,
    shown: (&str, bool),
    error: Option<&'static str>,
) -> Result<Response, PageError> {
    let frame = any_frame(portal, session, headers, "/settings").await?;
    let had_flash = frame.flash.is_some();
    let page = SmsPage { frame, error, number: shown.0.to_owned(), sent: shown.1 };
    let mut response = show(portal, had_flash, &page)?;
    if error.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Deserialize)]
pub struct NumberForm {
    number: String,
}

pub async fn send(
    State(portal): State<Portal>,
    session: Session,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    SignedForm(given): SignedForm<NumberForm>,
) -> Result<Response, PageError> {
    let Ok(number) = PhoneNumber::parse(&given.number) else {
        return form(&portal, &session, &headers, (&given.number, false), Some(BAD_NUMBER)).await;
    };
    let from = client(&portal, peer, &headers);
    let (sent, error) = match portal.service().begin_sms(&session.actor, &number, &from).await {
        Ok(()) => (true, None),
        Err(SecondFactorError::Service(ServiceError::TooMany)) => (false, Some(TOO_MANY)),
        Err(SecondFactorError::Service(e)) => return Err(e.into()),
        Err(e) => (false, Some(e.for_people())),
    };
    form(&portal, &session, &headers, (number.as_str(), sent), error).await
}

#[derive(Deserialize)]
pub struct ConfirmForm {
    number: String,
    code: String,
}

pub async fn confirm(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(given): SignedForm<ConfirmForm>,
) -> Result<Response, PageError> {
    let Ok(number) = PhoneNumber::parse(&given.number) else {
        return form(&portal, &session, &headers, (&given.number, false), Some(BAD_NUMBER)).await;
    };
    match portal.service().confirm_sms(&session.actor, &session.token, &number, &given.code).await {
        Ok(codes) => show_codes(&portal, &session, &headers, codes).await,
        Err(SecondFactorError::Service(e)) => Err(e.into()),
        Err(SecondFactorError::WrongCode) => {
            let error = "確認コードが違うか、時間（5分）が過ぎています。";
            form(&portal, &session, &headers, (number.as_str(), true), Some(error)).await
        }
        Err(e) => form(&portal, &session, &headers, (number.as_str(), true), Some(e.for_people())).await,
    }
}

#[derive(Deserialize)]
pub struct AgainForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    next: String,
}

/// Another code for the login.
pub async fn again(
    State(portal): State<Portal>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let given: AgainForm = guard::decode(&body)?;
    from_the_door(&portal, &headers, &given.csrf)?;
    let next = own_path(&given.next);
    let value = portal.cookies().read(&headers, Cookie::Session).unwrap_or_default();
    let from = client(&portal, peer, &headers);
    let error = match portal.service().send_step_code(&SessionToken::from_cookie(value), &from).await {
        Ok(()) => None,
        Err(ServiceError::TooMany) => Some(TOO_MANY),
        Err(ServiceError::NotFound) => return Err(PageError::LoginNeeded { next: next.to_owned() }),
        Err(e) => return Err(e.into()),
    };
    let mut response = code_form(&portal, &headers, next, error).await?;
    if error.is_some() {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    }
    Ok(response)
}
