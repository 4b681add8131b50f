//! The accounts of the customer that the desk has before it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::{AccountId, EmailAddress, Name, Role};
use mimamori_service::FurtherAccount;
use serde::Deserialize;

use super::{Desk, Done, show};
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::view::access::{AccountFormAgain, AccountLine, AccountsPage};

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    render(portal, session, headers, AccountFormAgain::default()).await
}

async fn render(
    portal: Portal,
    session: Session,
    headers: HeaderMap,
    again: AccountFormAgain,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal.clone(), session, headers).await?;
    let accounts = portal.service().customer_accounts(desk.actor(), desk.id()).await?;
    let accounts = accounts
        .into_iter()
        .map(|a| AccountLine {
            id: a.id.to_string(),
            name: a.name.to_string(),
            login: a.login.to_string(),
            email: a.email.to_string(),
            role: a.role.label(),
            asks: a.second_factor.asks(),
            state: if a.must_change_password { "初回ログイン前" } else { "利用中" },
        })
        .collect();
    let frame = desk.frame("/settings").await?;
    let had_flash = frame.flash.is_some();
    let refused = again.error.is_some();
    let mut response = show(&portal, had_flash, &AccountsPage { frame, accounts, again })?;
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub struct IssueForm {
    name: String,
    email: String,
    role: String,
}

pub async fn issue(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<IssueForm>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal.clone(), session.clone(), headers.clone()).await?;
    let role = Role::from_code(&form.role).map_err(|_| PageError::BadForm)?;
    let error = match (Name::parse(&form.name), EmailAddress::parse(form.email.trim())) {
        (Ok(name), Ok(email)) => {
            portal
                .service()
                .issue_account(desk.actor(), desk.id(), FurtherAccount { name, email, role })
                .await?;
            return Ok(Done::AccountIssued.lead_to(&portal, "/accounts"));
        }
        (Err(_), _) => "お名前を入れてください（100文字まで）。",
        (_, Err(_)) => "メールアドレスの形ではありません。例: kanri@example.co.jp",
    };
    let again = AccountFormAgain { name: form.name, email: form.email, error: Some(error) };
    render(portal, session, headers, again).await
}

pub async fn reissue(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = AccountId::parse(&id).map_err(|_| PageError::NotFound)?;
    portal.service().reissue_account(&session.actor, id).await?;
    Ok(Done::AccountReissued.lead_to(&portal, "/accounts"))
}

pub async fn reset_second_factor(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = AccountId::parse(&id).map_err(|_| PageError::NotFound)?;
    portal.service().reset_second_factor(&session.actor, id).await?;
    Ok(Done::SecondFactorReset.lead_to(&portal, "/accounts"))
}

pub async fn stop(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = AccountId::parse(&id).map_err(|_| PageError::NotFound)?;
    portal.service().stop_account(&session.actor, id).await?;
    Ok(Done::AccountStopped.lead_to(&portal, "/accounts"))
}
