//! Passkeys: registering, naming and removing them, and logging in with one.
//!
//! The page's script (`passkey.js`) talks to the browser and fills the form; what it fills in is
//! checked by the service.

use std::net::SocketAddr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::{Name, PasskeyId};
use mimamori_service::{LoginError, PasskeyAnswer, SecondFactorError, SessionToken};
use serde::Deserialize;

use super::Done;
use super::door::{again_at_the_door, client, code_form, from_the_door, let_in};
use super::second_factor::{overview, show_codes};
use crate::cookie::Cookie;
use crate::error::PageError;
use crate::guard::{self, NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::query::own_path;

#[derive(Deserialize)]
pub struct AddForm {
    name: String,
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    client_data: String,
    #[serde(default)]
    attestation: String,
}

pub async fn add(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<AddForm>,
) -> Result<Response, PageError> {
    let name = if form.name.trim().is_empty() { "パスキー" } else { form.name.trim() };
    let Ok(name) = Name::parse(name) else {
        let error = "名前は100文字までで入れてください。";
        return overview(&portal, &session, &headers, Some(error)).await;
    };
    let answer = PasskeyAnswer {
        challenge: form.challenge,
        client_data: form.client_data,
        ..PasskeyAnswer::default()
    };
    let service = portal.service();
    match service.add_passkey(&session.actor, &session.token, name, &answer, &form.attestation).await {
        Ok(Some(codes)) => show_codes(&portal, &session, &headers, codes).await,
        Ok(None) => Ok(Done::PasskeyAdded.lead_to(&portal, "/settings/second-factor")),
        Err(SecondFactorError::Service(e)) => Err(e.into()),
        Err(e) => overview(&portal, &session, &headers, Some(e.for_people())).await,
    }
}

#[derive(Deserialize)]
pub struct NameForm {
    name: String,
}

pub async fn rename(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    SignedForm(form): SignedForm<NameForm>,
) -> Result<Response, PageError> {
    let id = PasskeyId::parse(&id).map_err(|_| PageError::NotFound)?;
    let Ok(name) = Name::parse(form.name.trim()) else {
        let error = "名前を入れてください（100文字まで）。";
        return overview(&portal, &session, &headers, Some(error)).await;
    };
    portal.service().rename_passkey(&session.actor, id, name).await?;
    Ok(Done::PasskeyRenamed.lead_to(&portal, "/settings/second-factor"))
}

pub async fn remove(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = PasskeyId::parse(&id).map_err(|_| PageError::NotFound)?;
    match portal.service().remove_passkey(&session.actor, id).await {
        Ok(()) => Ok(Done::PasskeyRemoved.lead_to(&portal, "/settings/second-factor")),
        Err(SecondFactorError::Service(e)) => Err(e.into()),
        Err(e) => overview(&portal, &session, &headers, Some(e.for_people())).await,
    }
}

#[derive(Deserialize)]
pub struct AnswerForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    credential: String,
    #[serde(default)]
    client_data: String,
    #[serde(default)]
    authenticator_data: String,
    #[serde(default)]
    signature: String,
}

impl AnswerForm {
    fn answer(&self) -> PasskeyAnswer {
        PasskeyAnswer {
            challenge: self.challenge.clone(),
            credential: self.credential.clone(),
            client_data: self.client_data.clone(),
            authenticator_data: self.authenticator_data.clone(),
            signature: self.signature.clone(),
        }
    }
}

/// Instead of both steps.
pub async fn login(
    State(portal): State<Portal>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let form: AnswerForm = guard::decode(&body)?;
    from_the_door(&portal, &headers, &form.csrf)?;
    let next = own_path(&form.next);
    let from = client(&portal, peer, &headers);
    match portal.service().passkey_login(&form.csrf, &form.answer(), &from).await {
        Ok(fresh) => {
            if let Some(old) = guard::find_session(&portal, &headers).await? {
                portal.service().logout(&old.token).await?;
            }
            Ok(let_in(&portal, &fresh, next))
        }
        Err(LoginError::Service(e)) => Err(e.into()),
        Err(e) => again_at_the_door(&portal, &headers, next, e.for_people(), refused(&e)),
    }
}

/// As the second step.
pub async fn step(
    State(portal): State<Portal>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let form: AnswerForm = guard::decode(&body)?;
    from_the_door(&portal, &headers, &form.csrf)?;
    let next = own_path(&form.next);
    let value = portal.cookies().read(&headers, Cookie::Session).unwrap_or_default();
    let token = SessionToken::from_cookie(value);
    let from = client(&portal, peer, &headers);
    match portal.service().passkey_step(&token, &form.answer(), &from).await {
        Ok(fresh) => Ok(let_in(&portal, &fresh, next)),
        Err(LoginError::Service(e)) => Err(e.into()),
        Err(e @ LoginError::StartAgain) => {
            again_at_the_door(&portal, &headers, next, e.for_people(), StatusCode::UNAUTHORIZED)
        }
        Err(e) => {
            let mut response = code_form(&portal, &headers, next, Some(e.for_people())).await?;
            *response.status_mut() = refused(&e);
            Ok(response)
        }
    }
}

const fn refused(e: &LoginError) -> StatusCode {
    match e {
        LoginError::Throttled => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNAUTHORIZED,
    }
}
