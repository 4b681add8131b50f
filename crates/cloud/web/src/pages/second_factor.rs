//! Setting up the second step of the login.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::SecondFactor;
use mimamori_service::{PASSKEYS_MAX, SecondFactorError};
use serde::Deserialize;

use super::{Done, any_frame, show};
use crate::error::PageError;
use crate::guard::{Session, SignedForm};
use crate::portal::Portal;
use crate::view::Moment;
use crate::view::second_factor::{AppPage, CodesPage, Page, PasskeyLine, QrSvg};

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    overview(&portal, &session, &headers, None).await
}

pub async fn overview(
    portal: &Portal,
    session: &Session,
    headers: &HeaderMap,
    error: Option<&'static str>,
) -> Result<Response, PageError> {
    let state = portal.service().second_factor(&session.actor).await?;
    let number = portal.service().sms_step_number(&session.actor).await?;
    let known = portal.service().passkeys(&session.actor).await?;
    let now = portal.service().now();
    let passkeys = known
        .iter()
        .map(|p| PasskeyLine {
            id: p.id.to_string(),
            name: p.name.to_string(),
            since: Moment::at(p.created_at, now),
            used: p.used_at.map(|at| Moment::at(at, now)),
        })
        .collect();
    let must = session.actor.role().is_staff();
    let frame = any_frame(portal, session, headers, "/settings").await?;
    let had_flash = frame.flash.is_some();
    let page = Page {
        frame,
        error,
        on: state.kind.asks(),
        app: state.kind == SecondFactor::App,
        kind: match (state.kind, number) {
            (SecondFactor::Sms, Some(number)) => format!("SMS　{number}"),
            (kind, _) => kind.label().to_owned(),
        },
        undecided: state.kind == SecondFactor::Undecided,
        must,
        codes_left: state.recovery_codes_left,
        sms: portal.service().sms_available() && !must && state.kind != SecondFactor::Sms,
        passkeys,
        room: known.len() < PASSKEYS_MAX as usize,
        proved: portal.service().proved_lately(&session.actor),
        request: portal.service().begin_passkey(&session.actor).await?.json(),
    };
    let mut response = show(portal, had_flash, &page)?;
    if error.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

pub async fn app_page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    set_up(&portal, &session, &headers, None, None).await
}

async fn set_up(
    portal: &Portal,
    session: &Session,
    headers: &HeaderMap,
    key: Option<&str>,
    error: Option<&'static str>,
) -> Result<Response, PageError> {
    let setup = portal.service().begin_app(&session.actor, key)?;
    let frame = any_frame(portal, session, headers, "/settings").await?;
    let had_flash = frame.flash.is_some();
    let page = AppPage { frame, error, qr: QrSvg::of(&setup.modules, setup.width), key: grouped(&setup.key) };
    let mut response = show(portal, had_flash, &page)?;
    if error.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// Four letters at a time, as people read it off.
fn grouped(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    letters.chunks(4).map(|c| c.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[derive(Deserialize)]
pub struct AppForm {
    key: String,
    code: String,
    password: String,
}

pub async fn confirm_app(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<AppForm>,
) -> Result<Response, PageError> {
    let key: String = form.key.chars().filter(|c| !c.is_whitespace()).collect();
    let done =
        portal.service().confirm_app(&session.actor, &session.token, &key, &form.code, &form.password).await;
    match done {
        Ok(codes) => show_codes(&portal, &session, &headers, codes).await,
        Err(SecondFactorError::Service(e)) => Err(e.into()),
        Err(e) => set_up(&portal, &session, &headers, Some(&key), Some(e.for_people())).await,
    }
}

pub async fn show_codes(
    portal: &Portal,
    session: &Session,
    headers: &HeaderMap,
    codes: Vec<String>,
) -> Result<Response, PageError> {
    // The session was read before the change: staff may go on from here.
    let frame = any_frame(portal, session, headers, "/settings").await?;
    show(portal, false, &CodesPage { frame, codes })
}

#[derive(Deserialize)]
pub struct PasswordForm {
    #[serde(default)]
    password: String,
}

pub async fn off(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<PasswordForm>,
) -> Result<Response, PageError> {
    match portal.service().switch_off_second_factor(&session.actor, &form.password).await {
        Ok(()) => Ok(Done::SecondFactorOff.lead_to(&portal, "/settings")),
        Err(SecondFactorError::Service(e)) => Err(e.into()),
        Err(e) => overview(&portal, &session, &headers, Some(e.for_people())).await,
    }
}

pub async fn codes(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<PasswordForm>,
) -> Result<Response, PageError> {
    match portal.service().new_recovery_codes(&session.actor, &form.password).await {
        Ok(codes) => show_codes(&portal, &session, &headers, codes).await,
        Err(SecondFactorError::Service(e)) => Err(e.into()),
        Err(e) => overview(&portal, &session, &headers, Some(e.for_people())).await,
    }
}
