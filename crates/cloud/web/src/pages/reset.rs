//! Forgotten passwords. What the pages say is the same whether an account exists or not.

use std::net::SocketAddr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_service::{PasswordChangeError, SessionToken};
use serde::Deserialize;

use super::door::{at_the_door, from_the_door};
use crate::error::PageError;
use crate::guard;
use crate::portal::Portal;
use crate::view::access::{ForgotPage, ResetPage};

pub async fn ask_page(State(portal): State<Portal>, headers: HeaderMap) -> Result<Response, PageError> {
    forgot(&portal, &headers, false)
}

fn forgot(portal: &Portal, headers: &HeaderMap, asked: bool) -> Result<Response, PageError> {
    at_the_door(portal, headers, |csrf| ForgotPage { csrf, asked, contact: portal.options().contact.clone() })
}

#[derive(Deserialize)]
pub struct AskForm {
    #[serde(default)]
    csrf: String,
    given: String,
}

pub async fn ask(
    State(portal): State<Portal>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let form: AskForm = guard::decode(&body)?;
    from_the_door(&portal, &headers, &form.csrf)?;
    let from = super::door::client(&portal, peer, &headers);
    portal.service().ask_for_reset(&form.given, from.ip);
    forgot(&portal, &headers, true)
}

pub async fn page(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, PageError> {
    let open = portal.service().reset_is_open(&SessionToken::from_cookie(&token)).await?;
    form_page(&portal, &headers, &token, Shown { closed: !open, ..Shown::default() })
}

/// What the page says.
#[derive(Default)]
struct Shown {
    closed: bool,
    done: bool,
    error: Option<&'static str>,
}

fn form_page(portal: &Portal, headers: &HeaderMap, token: &str, shown: Shown) -> Result<Response, PageError> {
    let refused = shown.error.is_some() || shown.closed;
    let token = SessionToken::from_cookie(token).cookie_value().to_owned();
    let mut response = at_the_door(portal, headers, |csrf| ResetPage {
        csrf,
        token,
        closed: shown.closed,
        done: shown.done,
        error: shown.error,
        contact: portal.options().contact.clone(),
    })?;
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Deserialize)]
pub struct ResetForm {
    #[serde(default)]
    csrf: String,
    new: String,
    again: String,
}

pub async fn reset(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Path(token): Path<String>,
    body: Bytes,
) -> Result<Response, PageError> {
    let form: ResetForm = guard::decode(&body)?;
    from_the_door(&portal, &headers, &form.csrf)?;
    let mut shown = Shown::default();
    if form.new == form.again {
        match portal.service().reset(&SessionToken::from_cookie(&token), &form.new).await {
            Ok(true) => shown.done = true,
            Ok(false) => shown.closed = true,
            Err(PasswordChangeError::Service(e)) => return Err(e.into()),
            Err(e) => shown.error = Some(e.for_people()),
        }
    } else {
        shown.error = Some("2つの欄が同じではありません。");
    }
    form_page(&portal, &headers, &token, shown)
}
