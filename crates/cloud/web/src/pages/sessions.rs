//! Logins that hold, the log of what was done, and giving the password once more.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use mimamori_domain::SessionId;
use serde::Deserialize;

use super::{Done, any_frame, show};
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::query::own_path;
use crate::view::Moment;
use crate::view::access::{
    ActivityLine, ActivityPage, ConfirmPage, SessionLine, SessionsPage, action_words, client_words,
    is_identifier,
};

/// Lines of the activity log on its page.
const LINES: u32 = 200;

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let now = portal.service().now();
    let sessions = portal.service().sessions(&session.actor).await?;
    let sessions = sessions
        .into_iter()
        .map(|s| SessionLine {
            id: s.id.to_string(),
            client: client_words(s.client.as_str()),
            since: Moment::at(s.created_at, now),
            seen: Moment::at(s.seen_at, now),
            current: Some(s.id) == session.actor.session(),
        })
        .collect();
    let frame = any_frame(&portal, &session, &headers, "/settings").await?;
    let had_flash = frame.flash.is_some();
    show(&portal, had_flash, &SessionsPage { frame, sessions })
}

pub async fn end(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = SessionId::parse(&id).map_err(|_| PageError::NotFound)?;
    portal.service().end_session(&session.actor, id).await?;
    Ok(Done::SessionEnded.lead_to(&portal, "/settings/sessions"))
}

pub async fn end_others(
    State(portal): State<Portal>,
    session: Session,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    portal.service().end_other_sessions(&session.actor, &session.token).await?;
    Ok(Done::SessionEnded.lead_to(&portal, "/settings/sessions"))
}

pub async fn activity(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let now = portal.service().now();
    let entries = portal.service().audit_log(&session.actor, LINES).await?;
    let lines = entries
        .iter()
        .map(|e| ActivityLine {
            at: Moment::at(e.at, now),
            who: e.actor.as_ref().map_or_else(|| "（システム）".to_owned(), |a| a.name.to_string()),
            what: action_words(e),
            detail: [e.subject.as_str(), e.detail.as_str()]
                .into_iter()
                .filter(|t| !t.is_empty() && !is_identifier(t))
                .collect::<Vec<_>>()
                .join("　"),
        })
        .collect();
    let frame = any_frame(&portal, &session, &headers, "/settings").await?;
    let had_flash = frame.flash.is_some();
    show(&portal, had_flash, &ActivityPage { frame, lines })
}

#[derive(Debug, Default, Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

pub async fn confirm_page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(query): Query<Next>,
) -> Result<Response, PageError> {
    ask(&portal, &session, &headers, own_path(&query.next), None).await
}

async fn ask(
    portal: &Portal,
    session: &Session,
    headers: &HeaderMap,
    next: &str,
    error: Option<&'static str>,
) -> Result<Response, PageError> {
    let frame = any_frame(portal, session, headers, "/settings").await?;
    let had_flash = frame.flash.is_some();
    let mut response = show(portal, had_flash, &ConfirmPage { frame, next: next.to_owned(), error })?;
    if error.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Deserialize)]
pub struct ConfirmForm {
    #[serde(default)]
    next: String,
    password: String,
}

pub async fn confirm(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<ConfirmForm>,
) -> Result<Response, PageError> {
    let next = own_path(&form.next);
    if portal.service().prove(&session.actor, &session.token, &form.password).await? {
        return Ok(Redirect::to(next).into_response());
    }
    ask(&portal, &session, &headers, next, Some("パスワードが違います。")).await
}
