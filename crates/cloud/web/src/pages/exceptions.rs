//! 「これは業務です」: asking from an alert, the list, an analyst's decision.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::{AlertId, CustomerId, ExceptionId};
use mimamori_service::{AskException, Permission};
use serde::Deserialize;

use super::{Done, any_frame, show, staff_frame};
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::view::rating::{ExceptionLine, ExceptionsPage};

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let actor = &session.actor;
    let home = actor.home_customer();
    let exceptions = portal.service().exceptions(actor, home).await?;
    let names: HashMap<CustomerId, String> = if home.is_some() {
        HashMap::new()
    } else {
        let customers = portal.service().customers(actor).await?;
        customers.into_iter().map(|c| (c.customer.id, c.customer.name.to_string())).collect()
    };
    let now = portal.service().now();
    let (decides, ends) = (actor.may(Permission::DecideException), actor.may(Permission::AskException));
    let lines = exceptions.iter().map(|e| {
        ExceptionLine::new(e, names.get(&e.customer).cloned().unwrap_or_default(), decides, ends, now)
    });
    let lines = lines.collect();
    let frame = match home {
        Some(_) => any_frame(&portal, &session, &headers, "/settings").await?,
        None => staff_frame(&portal, &session, &headers, "/exceptions"),
    };
    let had_flash = frame.flash.is_some();
    show(&portal, had_flash, &ExceptionsPage { frame, exceptions: lines, several: home.is_none() })
}

#[derive(Deserialize)]
pub struct AskForm {
    by: String,
    place: String,
    days: u16,
    reason: String,
}

pub async fn ask(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<AskForm>,
) -> Result<Response, PageError> {
    let alert = AlertId::parse(&id).map_err(|_| PageError::NotFound)?;
    let ask = AskException {
        alert,
        every_device: form.place == "all",
        by_signature: form.by == "signature",
        days: form.days,
        reason: form.reason,
    };
    portal.service().ask_exception(&session.actor, ask).await?;
    Ok(Done::ExceptionAsked.lead_to(&portal, &format!("/alerts/{alert}")))
}

fn parse(id: &str) -> Result<ExceptionId, PageError> {
    ExceptionId::parse(id).map_err(|_| PageError::NotFound)
}

#[derive(Deserialize)]
pub struct DecideForm {
    agreed: String,
}

pub async fn decide(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<DecideForm>,
) -> Result<Response, PageError> {
    portal.service().decide_exception(&session.actor, parse(&id)?, form.agreed == "yes").await?;
    Ok(Done::ExceptionDecided.lead_to(&portal, "/exceptions"))
}

pub async fn end(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    portal.service().end_exception(&session.actor, parse(&id)?).await?;
    Ok(Done::ExceptionEnded.lead_to(&portal, "/exceptions"))
}
