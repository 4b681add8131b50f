//! お問合せ: the customer's threads, the desk's queue, asking, answering, closing (HD-01 to HD-04).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::business;
use mimamori_domain::inquiry::{Answer, Channel, Inquiry, InquiryState, Topic, Urgency};
use mimamori_domain::{CustomerId, InquiryId, jst};
use mimamori_service::{AskDesk, Permission, ServiceError};
use serde::Deserialize;

use super::{Desk, Done, show, staff_frame};
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::upload::SignedUpload;
use crate::view::Choice;
use crate::view::inquiry::{self, Draft, Line, ListPage, NewPage, ThreadPage};

#[derive(Debug, Default, Deserialize)]
pub struct Show {
    #[serde(default)]
    show: String,
    /// For staff: only this company's.
    customer: Option<String>,
}

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<Show>,
) -> Result<Response, PageError> {
    let actor = session.actor.clone();
    let now = portal.service().now();
    let home = actor.home_customer();
    let only = match &choice.customer {
        Some(id) => Some(CustomerId::parse(id).map_err(|_| PageError::NotFound)?),
        None => home,
    };
    let all = choice.show == "all";
    let found = portal.service().inquiries(&actor, only, !all).await?;
    let frame = match home {
        Some(_) => Desk::open(portal.clone(), session, headers).await?.frame("/inquiries").await?,
        None => staff_frame(&portal, &session, &headers, "/inquiries"),
    };
    let names = if home.is_none() { names(&portal, &actor, &found).await? } else { HashMap::new() };
    let lines = found
        .iter()
        .map(|q| Line::new(q, names.get(&q.customer).cloned().unwrap_or_default(), home.is_none(), now));
    let suffix = choice.customer.map(|id| format!("customer={id}")).unwrap_or_default();
    let view = |show: &str, label: &str, current| Choice {
        href: format!("/inquiries?show={show}&{suffix}").trim_end_matches('&').to_owned(),
        label: label.to_owned(),
        current,
    };
    let page = ListPage {
        summary: summary(&found, home.is_none(), now),
        desk: home.is_none(),
        may_ask: home.is_some() && actor.may(Permission::AskDesk),
        views: vec![view("live", "完了していないもの", !all), view("all", "すべて", all)],
        lines: lines.collect(),
        frame,
    };
    show(&portal, page.frame.flash.is_some(), &page)
}

fn summary(found: &[Inquiry], desk: bool, now: mimamori_base::Timestamp) -> String {
    let of = |state| found.iter().filter(|q| q.state == state).count();
    if !desk {
        return match of(InquiryState::Answered) {
            0 => "相談窓口とのやりとりです。回答はメールでもお知らせします。".to_owned(),
            n => format!("{n}件に回答があります。内容をご確認ください。"),
        };
    }
    let late = found.iter().filter(|q| q.urgency(now) == Urgency::Overdue).count();
    let near = found.iter().filter(|q| q.urgency(now) == Urgency::Near).count();
    format!(
        "回答を待っているお問合せ {}件（期限を過ぎたもの {late}件、期限が近いもの {near}件）。期限の近い順に並んでいます。",
        of(InquiryState::Open)
    )
}

/// The companies' names, each asked for once.
async fn names(
    portal: &Portal,
    actor: &mimamori_service::Actor,
    found: &[Inquiry],
) -> Result<HashMap<CustomerId, String>, PageError> {
    let mut names = HashMap::new();
    for q in found {
        if let Entry::Vacant(place) = names.entry(q.customer) {
            place.insert(portal.service().customer(actor, q.customer).await?.customer.name.to_string());
        }
    }
    Ok(names)
}

#[derive(Debug, Default, Deserialize)]
pub struct Prefill {
    #[serde(default)]
    topic: String,
    #[serde(default)]
    title: String,
}

pub async fn new_page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(given): Query<Prefill>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let title = given.title.chars().take(80).collect();
    show_new(&desk, Draft { title, topic: given.topic, ..Draft::default() }).await
}

async fn show_new(desk: &Desk, draft: Draft) -> Result<Response, PageError> {
    let frame = desk.frame("/inquiries").await?;
    let had_flash = frame.flash.is_some();
    let refused = draft.error.is_some();
    let page = NewPage {
        desk: desk.actor().may(Permission::AnswerDesk),
        topics: inquiry::topics(&draft.topic),
        channels: inquiry::channels(&draft.channel),
        answer_by: jst::date(business::due(desk.now, business::ANSWER_DAYS)),
        draft,
        frame,
    };
    let mut response = show(&desk.portal, had_flash, &page)?;
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub struct AskForm {
    title: String,
    topic: String,
    #[serde(default)]
    channel: String,
    text: String,
}

pub async fn ask(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    upload: SignedUpload<AskForm>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal.clone(), session, headers).await?;
    let (form, files) = upload.split();
    let asked = async {
        let ask = AskDesk {
            customer: desk.id(),
            title: form.title.clone(),
            topic: Topic::from_code(&form.topic).unwrap_or(Topic::Other),
            channel: Channel::from_code(&form.channel).unwrap_or(Channel::Portal),
            text: form.text.clone(),
            files: files?,
        };
        portal.service().ask_desk(desk.actor(), ask).await
    };
    match asked.await {
        Ok(id) => Ok(Done::Asked.lead_to(&portal, &format!("/inquiries/{id}"))),
        Err(e) => {
            let error = Some(typed_wrong(e)?);
            let AskForm { title, topic, channel, text } = form;
            show_new(&desk, Draft { title, topic, channel, text, error, ..Draft::default() }).await
        }
    }
}

/// What the form says beside its fields; other errors have their own page.
pub(super) fn typed_wrong(e: ServiceError) -> Result<&'static str, PageError> {
    match e {
        ServiceError::Incomplete | ServiceError::File(_) | ServiceError::Inquiry(_) => Ok(e.for_people()),
        other => Err(other.into()),
    }
}

fn parse(id: &str) -> Result<InquiryId, PageError> {
    InquiryId::parse(id).map_err(|_| PageError::NotFound)
}

pub async fn thread(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    show_thread(portal, session, headers, parse(&id)?, Draft::default(), Draft::default()).await
}

async fn show_thread(
    portal: Portal,
    session: Session,
    headers: HeaderMap,
    id: InquiryId,
    reply: Draft,
    answer: Draft,
) -> Result<Response, PageError> {
    let (q, files) = portal.service().inquiry(&session.actor, id).await?;
    let staff = session.actor.home_customer().is_none();
    let refused = reply.error.is_some() || answer.error.is_some();
    let desk = Desk::about(portal, session, headers, q.customer).await?;
    let frame = desk.frame("/inquiries").await?;
    let had_flash = frame.flash.is_some();
    let page = ThreadPage {
        id: id.to_string(),
        title: q.title.to_string(),
        state: if staff { inquiry::urgency_tag(&q, desk.now) } else { inquiry::state_tag(&q) },
        facts: inquiry::facts(&q, staff.then(|| desk.customer.customer.name.to_string())),
        next: inquiry::next(&q, staff),
        posts: inquiry::posts(&q, &files, desk.now),
        closed: q.state == InquiryState::Closed,
        may_write: desk.actor().may(Permission::AskDesk),
        may_answer: desk.actor().may(Permission::AnswerDesk),
        reply,
        answer,
        frame,
    };
    let mut response = show(&desk.portal, had_flash, &page)?;
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub struct ReplyForm {
    text: String,
}

pub async fn reply(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
    upload: SignedUpload<ReplyForm>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    let (form, files) = upload.split();
    let done = match files {
        Ok(files) => portal.service().reply_inquiry(&session.actor, id, &form.text, files).await,
        Err(e) => Err(e),
    };
    match done {
        Ok(()) => Ok(Done::Replied.lead_to(&portal, &format!("/inquiries/{id}"))),
        Err(e) => {
            let draft = Draft { error: Some(typed_wrong(e)?), text: form.text, ..Draft::default() };
            show_thread(portal, session, headers, id, draft, Draft::default()).await
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct AnswerForm {
    text: String,
    /// `final`, or business days until the rest.
    #[serde(default)]
    days: String,
}

pub async fn answer(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
    upload: SignedUpload<AnswerForm>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    let (form, files) = upload.split();
    let how = form.days.parse().map_or(Answer::Final, |days| Answer::Interim { days });
    let done = match files {
        Ok(files) => portal.service().answer_inquiry(&session.actor, id, &form.text, how, files).await,
        Err(e) => Err(e),
    };
    match done {
        Ok(()) => Ok(Done::Answered.lead_to(&portal, &format!("/inquiries/{id}"))),
        Err(e) => {
            let error = Some(typed_wrong(e)?);
            let draft = Draft { error, text: form.text, days: form.days, ..Draft::default() };
            show_thread(portal, session, headers, id, Draft::default(), draft).await
        }
    }
}

pub async fn close(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    portal.service().close_inquiry(&session.actor, id).await?;
    Ok(Done::InquiryClosed.lead_to(&portal, &format!("/inquiries/{id}")))
}
