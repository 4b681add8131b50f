//! Addresses for mails and the password.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::Response;
use mimamori_domain::{EmailAddress, NotifyAddresses};
use mimamori_service::{PasswordChangeError, Permission};
use serde::Deserialize;

use super::{Desk, Done, show, staff_frame};
use crate::error::PageError;
use crate::guard::{Session, SignedForm};
use crate::portal::Portal;
use crate::view::settings::{AddressField, Page, ReachLine};

const FIELDS: usize = 3;

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    render(portal, session, headers, Again::default()).await
}

/// What a refused form shows again.
#[derive(Debug, Default)]
struct Again {
    addresses: Option<Vec<AddressField>>,
    password_error: Option<&'static str>,
    /// The user ID that the first login wished for.
    login: String,
}

async fn render(
    portal: Portal,
    session: Session,
    headers: HeaderMap,
    again: Again,
) -> Result<Response, PageError> {
    let refused = again.addresses.is_some() || again.password_error.is_some();
    let must_change = session.actor.account().is_some_and(|a| a.must_change_password);
    let desk = Desk::open_if_chosen(&portal, &session, &headers).await?;
    let frame = match &desk {
        Some(desk) => desk.frame("/settings").await?,
        None => staff_frame(&portal, &session, &headers, "/settings"),
    };
    let second = portal.service().second_factor(&session.actor).await?;
    let had_flash = frame.flash.is_some();
    let stored = || {
        let known = desk.as_ref().map(|d| d.customer.customer.addresses.as_slice()).unwrap_or_default();
        (0..FIELDS)
            .map(|i| AddressField {
                value: known.get(i).map(ToString::to_string).unwrap_or_default(),
                error: None,
            })
            .collect()
    };
    let reach = match &desk {
        Some(desk) if !must_change => portal.service().address_states(&session.actor, desk.id()).await?,
        _ => Vec::new(),
    };
    let now = portal.service().now();
    let page = Page {
        reach: reach.iter().map(|s| ReachLine::new(s, now)).collect(),
        can_edit: session.actor.may(Permission::EditAddresses),
        has_addresses: desk.is_some() && !must_change,
        addresses: again.addresses.unwrap_or_else(stored),
        password_error: again.password_error,
        must_change,
        own_login: again.login,
        proved: portal.service().proved_lately(&session.actor),
        second_factor: second.kind.label(),
        may_issue: desk.is_some() && session.actor.may(Permission::IssueAccounts),
        may_integrate: desk.is_some() && session.actor.may(Permission::Integrate),
        may_see_log: session.actor.may(Permission::ViewAudit),
        frame,
    };
    let mut response = show(&portal, had_flash, &page)?;
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub struct AddressForm {
    #[serde(default)]
    address1: String,
    #[serde(default)]
    address2: String,
    #[serde(default)]
    address3: String,
}

pub async fn addresses(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<AddressForm>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal.clone(), session.clone(), headers.clone()).await?;
    match check([form.address1, form.address2, form.address3]) {
        Ok(addresses) => {
            portal.service().set_addresses(&session.actor, desk.id(), addresses).await?;
            Ok(Done::Addresses.lead_to(&portal, "/settings"))
        }
        Err(fields) => {
            render(portal, session, headers, Again { addresses: Some(fields), ..Again::default() }).await
        }
    }
}

/// The addresses, or the fields again with what is wrong with each.
fn check(given: [String; FIELDS]) -> Result<NotifyAddresses, Vec<AddressField>> {
    let mut fields: Vec<AddressField> = Vec::with_capacity(FIELDS);
    let mut good: Vec<EmailAddress> = Vec::new();
    for value in given {
        let value = value.trim().to_owned();
        let mut error = None;
        if !value.is_empty() {
            match EmailAddress::parse(&value) {
                Ok(a) if good.iter().any(|g| g.as_str().eq_ignore_ascii_case(a.as_str())) => {
                    error = Some("同じ宛先が2回入っています。");
                }
                Ok(a) => good.push(a),
                Err(_) => error = Some("メールアドレスの形ではありません。例: kanri@example.co.jp"),
            }
        }
        fields.push(AddressField { value, error });
    }
    if good.is_empty()
        && fields.iter().all(|f| f.error.is_none())
        && let Some(first) = fields.first_mut()
    {
        first.error = Some("宛先を1件は入れてください。アラートをお知らせできなくなります。");
    }
    if fields.iter().any(|f| f.error.is_some()) {
        return Err(fields);
    }
    NotifyAddresses::new(good).map_err(|_| fields)
}

#[derive(Debug, Deserialize)]
pub struct TestMailForm {
    to: String,
}

pub async fn test_mail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<TestMailForm>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal.clone(), session.clone(), headers).await?;
    let to = EmailAddress::parse(&form.to).map_err(|_| PageError::BadForm)?;
    portal.service().send_test_mail(&session.actor, desk.id(), to).await?;
    Ok(Done::TestMail.lead_to(&portal, "/settings"))
}

#[derive(Deserialize)]
pub struct PasswordForm {
    /// An own user ID, at the first login.
    #[serde(default)]
    login: Option<String>,
    current: String,
    new: String,
    again: String,
}

pub async fn password(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<PasswordForm>,
) -> Result<Response, PageError> {
    let first = session.actor.account().is_some_and(|a| a.must_change_password);
    let login = form.login.as_deref().map(str::trim).filter(|l| first && !l.is_empty());
    let refused = if form.new == form.again {
        let service = portal.service();
        match service.first_login(&session.actor, &session.token, login, &form.current, &form.new).await {
            Ok(()) => None,
            Err(PasswordChangeError::Service(e)) => return Err(e.into()),
            Err(e) => Some(e.for_people()),
        }
    } else {
        Some("新しいパスワードの2つの欄が同じではありません。")
    };
    match refused {
        None if first => Ok(Done::FirstLogin.lead_to(&portal, "/settings/second-factor")),
        None => Ok(Done::Password.lead_to(&portal, "/settings")),
        some => {
            let login = form.login.unwrap_or_default();
            render(portal, session, headers, Again { addresses: None, password_error: some, login }).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_told_what_is_wrong_with_it() {
        let given = |a: &str, b: &str| [a.to_owned(), b.to_owned(), String::new()];
        assert!(check(given("a@b.example", "")).is_ok());
        let fields = check(given("a@b.example", "A@b.example")).expect_err("twice");
        assert_eq!(fields.iter().map(|f| f.error.is_some()).collect::<Vec<_>>(), [false, true, false]);
        assert!(check(given("", "")).is_err());
        assert!(check(given("だめ", "")).is_err());
    }
}
