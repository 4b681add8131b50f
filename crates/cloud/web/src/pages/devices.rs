//! One device's page.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::{DeviceKey, GatewayId, Period};
use serde::Deserialize;

use super::{Desk, show};
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::device::Page;

/// Longest key of a device in an address.
const KEY_MAX: usize = 80;

#[derive(Debug, Default, Deserialize)]
pub struct Choice {
    #[serde(default)]
    days: String,
}

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path((gateway, key)): Path<(String, String)>,
    Query(choice): Query<Choice>,
) -> Result<Response, PageError> {
    let gateway = GatewayId::parse(&gateway).map_err(|_| PageError::NotFound)?;
    if key.len() > KEY_MAX {
        return Err(PageError::NotFound);
    }
    let days = choice.days.parse().ok().filter(|d| matches!(d, 1 | 7 | 30 | 90)).unwrap_or(30);
    let period = Period::last_days(days, portal.service().now());
    let found = portal.service().device(&session.actor, gateway, &DeviceKey(key), period).await;
    let (customer, summary) = found?;
    let desk = Desk::about(portal, session, headers, customer).await?;
    let frame = desk.frame("/usage/apps").await?;
    let had_flash = frame.flash.is_some();
    show(&desk.portal, had_flash, &Page::new(frame, &summary, days, desk.now))
}
