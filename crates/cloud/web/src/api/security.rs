//! Status, alerts and detections.

use axum::Json;
use axum::extract::Path;
use mimamori_domain::{AlertId, DetectionId, DetectionKind, Period, StarRating};
use mimamori_service::views::{AlertFilter, DetectionFilter, Order, PageMark};
use serde::Deserialize;
use serde_json::{Value, json};

use super::params::{self, Params};
use super::problem::Problem;
use super::{Answer, Call, shape};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    days: Option<String>,
}

pub async fn status(call: Call, Params(q): Params<Days>) -> Answer {
    let service = call.service();
    let period = Period::last_days(params::days(q.days.as_deref(), 30)?, service.now());
    let found = service.status(call.actor(), call.customer(), period).await?;
    let open: Vec<Value> = found
        .open
        .iter()
        .map(|(rating, n)| json!({"rating": shape::code(rating.code(), rating.label()), "alerts": n}))
        .collect();
    let by_gateway: Vec<Value> = found
        .by_gateway
        .iter()
        .map(|g| json!({"gateway": g.gateway, "total": g.total, "stopped": g.stopped}))
        .collect();
    let daily: Vec<Value> = found
        .daily
        .iter()
        .map(|d| {
            let mut count = shape::count(&d.count);
            if let Some(object) = count.as_object_mut() {
                object.insert("day".to_owned(), json!(mimamori_domain::jst::JstDay(d.day).iso()));
            }
            count
        })
        .collect();
    Ok(Json(json!({
        "headline": shape::code(found.headline.code(), found.headline.label()),
        "from": shape::time(period.from),
        "to": shape::time(period.to),
        "open_alerts": open,
        "counts": found.counts.iter().map(shape::count).collect::<Vec<_>>(),
        "by_gateway": by_gateway,
        "daily": daily,
        "last_update": shape::maybe_time(found.last_update),
        "bytes_inspected": found.bytes_inspected,
        "bytes_uninspected": found.bytes_uninspected,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    state: Option<String>,
    rating: Option<String>,
    gateway: Option<String>,
    device: Option<String>,
    from: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

pub async fn alerts(call: Call, Params(q): Params<Alerts>) -> Answer {
    let service = call.service();
    let only_open = match q.state.as_deref() {
        None | Some("all") => false,
        Some("open") => true,
        Some(_) => return Err(Problem::parameter("state", " open か all ")),
    };
    let rating = q.rating.as_deref().map(StarRating::from_code).transpose();
    let rating =
        rating.map_err(|_| Problem::parameter("rating", " one・two・three・investigating のどれか"))?;
    let filter = AlertFilter {
        customer: Some(call.customer()),
        gateway: params::gateway(q.gateway.as_deref())?,
        period: params::period(q.from.as_deref(), q.until.as_deref(), service.now())?,
        rating,
        device_key: q.device.as_deref().map(|key| key.chars().take(80).collect()),
        only_open,
        before: params::cursor(q.cursor.as_deref())?,
        limit: params::limit(q.limit.as_deref())?,
    };
    let page = service.alerts(call.actor(), filter).await?;
    let url = &service.config().portal_url;
    let items = page.items.iter().map(|a| shape::alert(a, url)).collect();
    Ok(Json(shape::page(items, page.next)))
}

pub async fn alert(call: Call, Path(id): Path<String>) -> Answer {
    let id = AlertId::parse(&id).map_err(|_| Problem::NoSuchAddress)?;
    let view = call.service().alert(call.actor(), id).await?;
    Ok(Json(shape::alert_in_full(&view, &call.service().config().portal_url)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detections {
    kind: Option<String>,
    gateway: Option<String>,
    device: Option<String>,
    alert: Option<String>,
    q: Option<String>,
    order: Option<String>,
    from: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

pub async fn detections(call: Call, Params(q): Params<Detections>) -> Answer {
    let service = call.service();
    let kind = q.kind.as_deref().map(DetectionKind::from_code).transpose();
    let alert = q.alert.as_deref().map(AlertId::parse).transpose();
    let filter = DetectionFilter {
        customer: Some(call.customer()),
        gateway: params::gateway(q.gateway.as_deref())?,
        period: params::period(q.from.as_deref(), q.until.as_deref(), service.now())?,
        kind: kind.map_err(|_| Problem::parameter("kind", "検知の種類のコード"))?,
        alert: alert.map_err(|_| Problem::parameter("alert", "アラートの id"))?,
        device_key: q.device.as_deref().map(|key| key.chars().take(80).collect()),
        text: q.q.as_deref().map(|text| text.chars().take(100).collect()),
        order: match q.order.as_deref() {
            None | Some("newest") => Order::NewestFirst,
            Some("oldest") => Order::OldestFirst,
            Some(_) => return Err(Problem::parameter("order", " newest か oldest ")),
        },
        before: params::cursor(q.cursor.as_deref())?,
        limit: params::limit(q.limit.as_deref())?,
    };
    let page = service.detections(call.actor(), filter).await?;
    let next: Option<PageMark> = page.next;
    Ok(Json(shape::page(page.items.iter().map(shape::detection).collect(), next)))
}

pub async fn detection(call: Call, Path(id): Path<String>) -> Answer {
    let id = DetectionId::parse(&id).map_err(|_| Problem::NoSuchAddress)?;
    Ok(Json(shape::detection(&call.service().detection(call.actor(), id).await?)))
}
