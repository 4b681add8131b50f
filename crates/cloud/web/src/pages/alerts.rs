//! Alerts: the list, one of them, and what a customer does about it.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use mimamori_domain::attachment::About;
use mimamori_domain::{AlertId, DeliveryId, ScanOutcome};
use mimamori_service::views::{AlertFilter, PageMark};
use mimamori_service::{Permission, ScanAnswer};
use serde::Deserialize;

use super::inquiries::typed_wrong;
use super::{Desk, Done, show};
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::upload::SignedUpload;
use crate::view::alert::{Card, DetailPage, ListPage};
use crate::view::part::{Choice, Empty, Pager};
use crate::view::scan::{ScanDraft, ScanView};

const PAGE: u32 = 30;
const REFRESH_SECONDS: u32 = 15;

#[derive(Debug, Default, Deserialize)]
pub struct Show {
    #[serde(default)]
    show: String,
    #[serde(default)]
    before: String,
}

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(query): Query<Show>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let all = query.show == "all";
    let before = PageMark::decode(&query.before);
    let filter = AlertFilter {
        customer: Some(desk.id()),
        only_open: !all,
        before,
        limit: PAGE,
        ..AlertFilter::default()
    };
    let page = desk.portal.service().alerts(desk.actor(), filter).await?;
    let mut views = page.items;
    if !all {
        views.sort_by_key(|v| std::cmp::Reverse((v.alert.rating, v.alert.last_seen)));
    }
    let mut frame = desk.frame("/alerts").await?;
    frame.refresh_seconds = REFRESH_SECONDS;
    let had_flash = frame.flash.is_some();
    let base = if all { "/alerts?show=all" } else { "/alerts?show=open" };
    let view = ListPage {
        frame,
        views: vec![
            Choice { href: "/alerts".to_owned(), label: "確認待ち".to_owned(), current: !all },
            Choice { href: "/alerts?show=all".to_owned(), label: "すべて".to_owned(), current: all },
        ],
        count_text: match (all, page.next.is_some()) {
            (_, true) => "新しいものから表示しています。".to_owned(),
            (false, false) => format!("確認待ちは{}件です。重要なものから並んでいます。", views.len()),
            (true, false) => format!("{}件です。新しいものから並んでいます。", views.len()),
        },
        alerts: views.iter().map(|v| Card::new(&v.alert, &v.gateway_name, desk.now)).collect(),
        pager: Pager {
            newest: before.map(|_| base.to_owned()),
            older: page.next.map(|mark| format!("{base}&before={}", mark.encode())),
        },
        empty: empty(all),
        legend: ListPage::legend(),
    };
    show(&desk.portal, had_flash, &view)
}

const fn empty(all: bool) -> Empty {
    if all {
        Empty {
            title: "アラートはまだありません",
            text: "確認していただきたい検知があると、ここに並び、メールでもお知らせします。",
        }
    } else {
        Empty {
            title: "確認待ちのアラートはありません",
            text: "新しいアラートが出ると、メールでもお知らせします。これまでのアラートは「すべて」で見られます。",
        }
    }
}

/// The mark of the mail that the reader came from.
#[derive(Debug, Default, Deserialize)]
pub struct FromMail {
    #[serde(default)]
    m: String,
}

pub async fn detail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(from): Query<FromMail>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    if let Ok(mail) = DeliveryId::parse(&from.m) {
        portal.service().opened_from_mail(&session.actor, mail, id).await?;
    }
    show_one(portal, session, headers, id, None).await
}

async fn show_one(
    portal: Portal,
    session: Session,
    headers: HeaderMap,
    id: AlertId,
    refused: Option<ScanDraft>,
) -> Result<Response, PageError> {
    let found = portal.service().alert(&session.actor, id).await?;
    let files = portal.service().attachments(&session.actor, About::Alert(id)).await?;
    let desk = Desk::about(portal, session, headers, found.alert.customer).await?;
    let frame = desk.frame("/alerts").await?;
    let had_flash = frame.flash.is_some();
    let can_act = desk.actor().may(Permission::AcknowledgeAlert);
    let may_ask = desk.actor().may(Permission::AskException);
    let mut page = DetailPage::new(frame, &found.alert, &found.gateway_name, can_act, desk.now);
    page.can_ask_exception = may_ask;
    page.scan = ScanView::of(&found.alert, &files, desk.now);
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    if let Some(draft) = refused {
        page = page.with_draft(draft);
    }
    let mut response = show(&desk.portal, had_flash, &page)?;
    *response.status_mut() = status;
    Ok(response)
}

/// The short address that stands in mails.
pub async fn short(Path(id): Path<String>) -> Result<Response, PageError> {
    Ok(Redirect::to(&format!("/alerts/{}", parse(&id)?)).into_response())
}

fn parse(id: &str) -> Result<AlertId, PageError> {
    AlertId::parse(id).map_err(|_| PageError::NotFound)
}

pub async fn acknowledge(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    portal.service().acknowledge_alert(&session.actor, id).await?;
    Ok(Done::Acknowledged.lead_to(&portal, &format!("/alerts/{id}")))
}

pub async fn close(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    portal.service().close_alert(&session.actor, id).await?;
    Ok(Done::AlertClosed.lead_to(&portal, &format!("/alerts/{id}")))
}

#[derive(Debug, Deserialize)]
pub struct ScanForm {
    result: String,
    #[serde(default)]
    product: String,
    #[serde(default)]
    note: String,
}

pub async fn report_scan(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
    upload: SignedUpload<ScanForm>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    let (form, files) = upload.split();
    let outcome = ScanOutcome::from_code(&form.result).map_err(|_| PageError::BadForm)?;
    let reported = async {
        let product = form.product.trim().to_owned();
        let answer = ScanAnswer { outcome, product, note: form.note.trim().to_owned(), files: files? };
        portal.service().report_scan(&session.actor, id, answer).await
    };
    match reported.await {
        Ok(()) => Ok(Done::Scanned.lead_to(&portal, &format!("/alerts/{id}"))),
        Err(e) => {
            let error = Some(typed_wrong(e)?);
            let ScanForm { result, product, note } = form;
            show_one(portal, session, headers, id, Some(ScanDraft { result, product, note, error })).await
        }
    }
}
