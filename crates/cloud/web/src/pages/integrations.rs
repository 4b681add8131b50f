//! 「APIとWebhook」: tokens of the API and webhooks of the own company, with what was sent.
//!
//! Holds always: a secret stands in one answer, the one to its making, and in no address.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::{ApiScope, ApiTokenId, Name, WebhookDeliveryId, WebhookId};
use mimamori_service::{NewToken, OneTimeSecret, ServiceError};
use serde::Deserialize;

use super::{Desk, Done, show};
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::view::integrations::{DeliveryLine, Fresh, HookLine, Page, ScopeChoice, TokenLine};

const ADDRESS: &str = "/settings/integrations";
const DAYS: u64 = 365;
const BAD_URL: &str = "https:// で始まる、インターネットから届くアドレスを入れてください（例: https://hooks.example.co.jp/mimamori）。";

/// What the page says besides the lists.
#[derive(Default)]
struct Said {
    fresh: Option<Fresh>,
    error: Option<&'static str>,
    /// As it was typed.
    url: String,
    name: String,
}

impl Said {
    fn refused(error: &'static str) -> Self {
        Said { error: Some(error), ..Said::default() }
    }
}

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    render(&desk, Said::default()).await
}

async fn render(desk: &Desk, said: Said) -> Result<Response, PageError> {
    let service = desk.portal.service();
    let tokens = service.api_tokens(desk.actor(), desk.id()).await?;
    let hooks = service.webhooks(desk.actor(), desk.id()).await?;
    let sent = service.webhook_deliveries(desk.actor(), desk.id()).await?;
    let frame = desk.frame("/settings").await?;
    let had_flash = frame.flash.is_some();
    let refused = said.error.is_some();
    let page = Page {
        frame,
        error: said.error,
        fresh: said.fresh,
        url: said.url,
        name: said.name,
        // A token of staff would read more than one company's administrator may give away.
        may_make_tokens: desk.actor().home_customer().is_some(),
        proved: service.proved_lately(desk.actor()),
        scopes: ApiScope::ALL.iter().map(|s| ScopeChoice { code: s.code(), label: s.label() }).collect(),
        tokens: tokens.iter().map(|t| TokenLine::new(t, desk.now)).collect(),
        deliveries: sent.iter().map(|d| DeliveryLine::new(d, &hooks, desk.now)).collect(),
        hooks: hooks.iter().map(|h| HookLine::new(h, desk.now)).collect(),
    };
    let mut response = show(&desk.portal, had_flash, &page)?;
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Deserialize)]
pub struct TokenForm {
    name: String,
    #[serde(default)]
    days: String,
    /// The boxes that were ticked, by the codes of the scopes.
    #[serde(flatten)]
    ticked: BTreeMap<String, String>,
}

pub async fn create_token(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<TokenForm>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal.clone(), session, headers).await?;
    let scopes: Vec<ApiScope> =
        ApiScope::ALL.iter().copied().filter(|s| form.ticked.contains_key(s.code())).collect();
    let name = form.name.trim().to_owned();
    let again = |error| Said { name: name.clone(), ..Said::refused(error) };
    if desk.actor().home_customer().is_none() {
        let error = "APIの鍵は、お客様の管理者の方だけが作れます。";
        return render(&desk, again(error)).await;
    }
    let Ok(parsed) = Name::parse(&name) else {
        return render(&desk, again("鍵の名前を入れてください（100文字まで）。")).await;
    };
    if scopes.is_empty() {
        return render(&desk, again("読めるようにする内容を、1つ以上選んでください。")).await;
    }
    let days = form.days.parse().ok().filter(|d| (1..=DAYS).contains(d)).unwrap_or(DAYS);
    let new = NewToken { name: parsed, scopes, days };
    match portal.service().create_api_token(desk.actor(), desk.id(), new).await {
        Ok((row, secret)) => {
            let fresh = Fresh::token(row.name.as_str(), secret.reveal());
            render(&desk, Said { fresh: Some(fresh), ..Said::default() }).await
        }
        Err(e @ ServiceError::TooMany) => render(&desk, again(e.for_people())).await,
        Err(e) => Err(e.into()),
    }
}

pub async fn revoke_token(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = ApiTokenId::parse(&id).map_err(|_| PageError::NotFound)?;
    portal.service().revoke_api_token(&session.actor, id).await?;
    Ok(Done::TokenRevoked.lead_to(&portal, ADDRESS))
}

#[derive(Deserialize)]
pub struct HookForm {
    url: String,
}

pub async fn create_webhook(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<HookForm>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal.clone(), session, headers).await?;
    let again = |error| Said { url: form.url.clone(), ..Said::refused(error) };
    match portal.service().create_webhook(desk.actor(), desk.id(), &form.url).await {
        Ok(secret) => shown(&desk, form.url.trim(), &secret).await,
        Err(ServiceError::Incomplete) => render(&desk, again(BAD_URL)).await,
        Err(e @ ServiceError::TooMany) => render(&desk, again(e.for_people())).await,
        Err(e) => Err(e.into()),
    }
}

async fn shown(desk: &Desk, url: &str, secret: &OneTimeSecret) -> Result<Response, PageError> {
    render(desk, Said { fresh: Some(Fresh::webhook(url, secret.reveal())), ..Said::default() }).await
}

fn hook(id: &str) -> Result<WebhookId, PageError> {
    WebhookId::parse(id).map_err(|_| PageError::NotFound)
}

pub async fn rotate_webhook(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = hook(&id)?;
    let desk = Desk::open(portal.clone(), session, headers).await?;
    let secret = portal.service().rotate_webhook(desk.actor(), id).await?;
    let known = portal.service().webhooks(desk.actor(), desk.id()).await?;
    let url = known.iter().find(|h| h.id == id).map(|h| h.url.clone()).unwrap_or_default();
    shown(&desk, &url, &secret).await
}

#[derive(Deserialize)]
pub struct SwitchForm {
    on: String,
}

pub async fn switch_webhook(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<SwitchForm>,
) -> Result<Response, PageError> {
    portal.service().switch_webhook(&session.actor, hook(&id)?, form.on == "yes").await?;
    Ok(Done::WebhookChanged.lead_to(&portal, ADDRESS))
}

pub async fn remove_webhook(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    portal.service().remove_webhook(&session.actor, hook(&id)?).await?;
    Ok(Done::WebhookRemoved.lead_to(&portal, ADDRESS))
}

pub async fn test_webhook(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    portal.service().test_webhook(&session.actor, hook(&id)?).await?;
    Ok(Done::WebhookTested.lead_to(&portal, ADDRESS))
}

pub async fn resend(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = WebhookDeliveryId::parse(&id).map_err(|_| PageError::NotFound)?;
    portal.service().resend_webhook(&session.actor, id).await?;
    Ok(Done::Resent.lead_to(&portal, ADDRESS))
}
