//! レポート: the monthly papers, the month so far, the wish to get them by mail (PT-10).

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::MonthlyId;
use mimamori_domain::monthly::Month;
use mimamori_service::{Permission, ServiceError};
use serde::Deserialize;

use super::attachments::as_download;
use super::{Desk, Done, show};
use crate::error::PageError;
use crate::guard::{Session, SignedForm};
use crate::portal::Portal;
use crate::view::paper::{ReportLine, ReportsPage};

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let (service, actor) = (desk.portal.service(), desk.actor());
    let rows = service.monthly_reports(actor, desk.id()).await?;
    let frame = desk.frame("/reports").await?;
    let page = ReportsPage {
        reports: rows.iter().map(|row| ReportLine::new(row, desk.now)).collect(),
        this_month: Month::of(desk.now).label(),
        by_mail: service.wants_monthly_mail(actor, desk.id()).await?,
        may_edit: actor.may(Permission::EditAddresses),
        frame,
    };
    show(&desk.portal, page.frame.flash.is_some(), &page)
}

pub async fn pdf(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = MonthlyId::parse(&id).map_err(|_| PageError::NotFound)?;
    let (row, bytes) = portal.service().monthly_report(&session.actor, id).await?;
    Ok(as_download("application/pdf", &file_name(row.month), bytes))
}

fn file_name(month: Month) -> String {
    format!("月次レポート_{}.pdf", month.code())
}

/// The month that is not over yet, laid out now.
pub async fn so_far(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let month = Month::of(desk.now);
    let facts = desk.portal.service().month_so_far(desk.actor(), desk.id(), month).await?;
    let bytes = tokio::task::spawn_blocking(move || mimamori_paper::monthly::pdf(&facts))
        .await
        .map_err(|e| ServiceError::Background(e.to_string()))?
        .map_err(|e| ServiceError::Background(e.to_string()))?;
    Ok(as_download("application/pdf", &format!("途中の{}", file_name(month)), bytes))
}

#[derive(Debug, Deserialize)]
pub struct MailForm {
    wish: String,
}

pub async fn mail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<MailForm>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let wish = form.wish == "yes";
    desk.portal.service().set_monthly_mail(desk.actor(), desk.id(), wish).await?;
    let done = if wish { Done::MonthlyMail } else { Done::NoMonthlyMail };
    Ok(done.lead_to(&desk.portal, "/reports"))
}
