//! UTM devices: the list, one of them, its name (PT-04).

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_base::Timestamp;
use mimamori_domain::jst::JstDay;
use mimamori_domain::usage::UseSubject;
use mimamori_domain::{GatewayId, GatewayState, Name, Period};
use mimamori_service::views::{GatewayView, InspectionBy, UsageBy, UsageFilter};
use serde::Deserialize;

use super::{Desk, Done, show};
use crate::error::PageError;
use crate::guard::{Session, SignedForm};
use crate::portal::Portal;
use crate::view::gateway::{Beats, Card, DetailPage, HISTORY_DAYS, History, ListPage, Speed, UPTIME_HOURS};
use crate::view::usage::DepthFigure;
use mimamori_service::Permission;

const REFRESH_SECONDS: u32 = 30;

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let views = desk.portal.service().gateways(desk.actor(), desk.id()).await?;
    let stopped = views.iter().filter(|v| matches!(v.gateway.state, GatewayState::Stopped { .. })).count();
    let mut frame = desk.frame("/gateways").await?;
    frame.refresh_seconds = REFRESH_SECONDS;
    let had_flash = frame.flash.is_some();
    let page = ListPage::new(frame, cards(&desk, &views).await?, stopped);
    show(&desk.portal, had_flash, &page)
}

/// The cards of gateways, each with its uptime of the last day.
pub async fn cards(desk: &Desk, views: &[GatewayView]) -> Result<Vec<Card>, PageError> {
    let mut cards = Vec::with_capacity(views.len());
    for view in views {
        cards.push(card(desk, view).await?);
    }
    Ok(cards)
}

async fn card(desk: &Desk, view: &GatewayView) -> Result<Card, PageError> {
    let day_us = i64::try_from(UPTIME_HOURS).unwrap_or(24) * 3_600_000_000;
    let period = Period { from: Timestamp(desk.now.micros() - day_us), to: desk.now };
    let beats: Vec<Beats> = desk
        .portal
        .service()
        .uptime(desk.actor(), view.gateway.id, period)
        .await?
        .into_iter()
        .map(|h| Beats { hour: h.hour, count: h.beats })
        .collect();
    Ok(Card::new(&view.gateway, view.heartbeat.as_ref(), &beats, desk.now))
}

pub async fn detail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let view = portal.service().gateway(&session.actor, parse(&id)?).await?;
    let desk = Desk::about(portal, session, headers, view.gateway.customer).await?;
    let mut frame = desk.frame("/gateways").await?;
    frame.refresh_seconds = REFRESH_SECONDS;
    let had_flash = frame.flash.is_some();
    let card = card(&desk, &view).await?;
    let may_rename = desk.actor().may(Permission::RenameGateway);
    let depth = depth(&desk, view.gateway.id).await?;
    let more = (depth, history(&desk, &view).await?, speed(&desk, view.gateway.id).await?);
    let mut page = DetailPage::new(frame, &view.gateway, view.heartbeat.as_ref(), card, may_rename, more);
    page.may_plan = desk.actor().may(Permission::Provision);
    show(&desk.portal, had_flash, &page)
}

async fn history(desk: &Desk, view: &GatewayView) -> Result<History, PageError> {
    let from = JstDay::of(desk.now).plus(1 - HISTORY_DAYS).start();
    let period = Period { from, to: desk.now };
    let hours = desk.portal.service().uptime(desk.actor(), view.gateway.id, period).await?;
    let beats: Vec<Beats> = hours.iter().map(|h| Beats { hour: h.hour, count: h.beats }).collect();
    Ok(History::new(&view.gateway, &beats, desk.now))
}

/// What went through in each of the last 24 hours.
async fn speed(desk: &Desk, gateway: GatewayId) -> Result<Speed, PageError> {
    const HOUR: i64 = 3_600_000_000;
    let this = desk.now.micros().div_euclid(HOUR);
    let filter = UsageFilter {
        customer: desk.id(),
        period: Period { from: Timestamp((this - 24) * HOUR), to: Timestamp(this * HOUR) },
        subject: UseSubject::Application,
        gateway: Some(gateway),
        device: None,
        item: None,
    };
    let sums = desk.portal.service().usage(desk.actor(), filter, UsageBy::Hour).await?;
    let hours: Vec<(Timestamp, u64)> = (this - 24..this)
        .map(|h| {
            let at = Timestamp(h * HOUR);
            let sum = sums.iter().find(|s| s.hour == at);
            (at, sum.map_or(0, |s| s.bytes_up.saturating_add(s.bytes_down)))
        })
        .collect();
    Ok(Speed::new(&hours))
}

/// How deep the traffic of the last day was looked into.
async fn depth(desk: &Desk, gateway: GatewayId) -> Result<DepthFigure, PageError> {
    let day = Timestamp(desk.now.micros() - 24 * 3_600_000_000);
    let filter = UsageFilter {
        customer: desk.id(),
        period: Period { from: day, to: Timestamp(desk.now.micros() + 1) },
        subject: UseSubject::Application,
        gateway: Some(gateway),
        device: None,
        item: None,
    };
    let service = desk.portal.service();
    let sums = service.inspection(desk.actor(), filter.clone(), InspectionBy::Whole).await?;
    let by_device = service.inspection(desk.actor(), filter, InspectionBy::Device).await?;
    let devices = service.devices(desk.actor(), desk.id()).await?;
    Ok(DepthFigure::new(&sums, &by_device, &devices))
}

fn parse(id: &str) -> Result<GatewayId, PageError> {
    GatewayId::parse(id).map_err(|_| PageError::NotFound)
}

#[derive(Debug, Deserialize)]
pub struct OutageForm {
    minutes: u64,
}

/// A power-off by plan (firmware, works on the building): no fault while it lasts.
pub async fn plan_outage(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<OutageForm>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    let length = std::time::Duration::from_secs(form.minutes.min(120) * 60);
    portal.service().plan_outage(&session.actor, id, length).await?;
    Ok(Done::OutagePlanned.lead_to(&portal, &format!("/gateways/{id}")))
}

#[derive(Debug, Deserialize)]
pub struct NameForm {
    name: String,
}

pub async fn rename(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<NameForm>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    let name = Name::parse(&form.name).map_err(|_| PageError::BadForm)?;
    portal.service().rename_gateway(&session.actor, id, name).await?;
    Ok(Done::Renamed.lead_to(&portal, &format!("/gateways/{id}")))
}
