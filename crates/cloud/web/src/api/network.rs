//! Gateways, devices, and what was used.

use axum::Json;
use axum::extract::Path;
use mimamori_domain::usage::UseSubject;
use mimamori_domain::{DeviceKey, GatewayId, Line, Period};
use mimamori_service::views::{InspectionBy, InspectionSum, UsageBy, UsageFilter, UsageSum};
use serde::Deserialize;
use serde_json::{Value, json};

use super::params::{self, Params};
use super::problem::Problem;
use super::{Answer, Call, shape};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

pub async fn gateways(call: Call, _: Params<Nothing>) -> Answer {
    let found = call.service().gateways(call.actor(), call.customer()).await?;
    Ok(Json(shape::page(found.iter().map(shape::gateway).collect(), None)))
}

fn gateway_id(text: &str) -> Result<GatewayId, Problem> {
    GatewayId::parse(text).map_err(|_| Problem::NoSuchAddress)
}

pub async fn gateway(call: Call, Path(id): Path<String>) -> Answer {
    let view = call.service().gateway(call.actor(), gateway_id(&id)?).await?;
    Ok(Json(shape::gateway(&view)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    days: Option<String>,
}

/// Hours without any heartbeat are absent.
pub async fn uptime(call: Call, Path(id): Path<String>, Params(q): Params<Days>) -> Answer {
    let id = gateway_id(&id)?;
    let service = call.service();
    let period = Period::last_days(params::days(q.days.as_deref(), 7)?, service.now());
    service.gateway(call.actor(), id).await?;
    let hours = service.uptime(call.actor(), id, period).await?;
    let items = hours.iter().map(|h| json!({"hour": shape::time(h.hour), "heartbeats": h.beats})).collect();
    Ok(Json(shape::page(items, None)))
}

pub async fn devices(call: Call, _: Params<Nothing>) -> Answer {
    let found = call.service().devices(call.actor(), call.customer()).await?;
    Ok(Json(shape::page(found.iter().map(shape::seen_device).collect(), None)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    by: Option<String>,
    from: Option<String>,
    until: Option<String>,
    gateway: Option<String>,
    device: Option<String>,
    item: Option<String>,
}

impl Usage {
    fn filter(&self, call: &Call, subject: UseSubject) -> Result<UsageFilter, Problem> {
        let now = call.service().now();
        let period = params::period(self.from.as_deref(), self.until.as_deref(), now)?;
        Ok(UsageFilter {
            customer: call.customer(),
            period: period.unwrap_or_else(|| Period::last_days(1, now)),
            subject,
            gateway: params::gateway(self.gateway.as_deref())?,
            device: self.device.as_deref().map(|key| DeviceKey(key.chars().take(80).collect())),
            item: self.item.as_deref().map(Line::clip),
        })
    }
}

pub async fn applications(call: Call, Params(q): Params<Usage>) -> Answer {
    usage(&call, &q, UseSubject::Application).await
}

pub async fn web(call: Call, Params(q): Params<Usage>) -> Answer {
    usage(&call, &q, UseSubject::WebCategory).await
}

async fn usage(call: &Call, q: &Usage, subject: UseSubject) -> Answer {
    let by = match q.by.as_deref() {
        None | Some("item") => UsageBy::Item,
        Some("kind") => UsageBy::Kind,
        Some("device") => UsageBy::Device,
        Some("hour") => UsageBy::Hour,
        Some(_) => return Err(Problem::parameter("by", " item・kind・device・hour のどれか")),
    };
    let sums = call.service().usage(call.actor(), q.filter(call, subject)?, by).await?;
    Ok(Json(shape::page(sums.iter().map(|s| sum(s, by)).collect(), None)))
}

fn sum(of: &UsageSum, by: UsageBy) -> Value {
    let name = |wanted| (by == wanted).then_some(&of.label);
    json!({
        "item": name(UsageBy::Item),
        "title": (by == UsageBy::Item).then_some(&of.title),
        "kind": if by == UsageBy::Item { Some(&of.kind) } else { name(UsageBy::Kind) },
        "device": name(UsageBy::Device),
        "hour": (by == UsageBy::Hour).then(|| shape::time(of.hour)),
        "devices": of.devices,
        "flows": of.flows,
        "bytes_up": of.bytes_up,
        "bytes_down": of.bytes_down,
    })
}

pub async fn inspection(call: Call, Params(q): Params<Usage>) -> Answer {
    let by = match q.by.as_deref() {
        None => InspectionBy::Whole,
        Some("device") => InspectionBy::Device,
        Some(_) => return Err(Problem::parameter("by", " device ")),
    };
    let by_device = by == InspectionBy::Device;
    let filter = q.filter(&call, UseSubject::Application)?;
    let sums = call.service().inspection(call.actor(), filter, by).await?;
    let one = |s: &InspectionSum| {
        let depth = s.how.depth();
        json!({
            "how": shape::code(s.how.code(), s.how.label()),
            "depth": shape::code(depth.code(), depth.label()),
            "device": by_device.then_some(&s.device),
            "flows": s.flows,
            "bytes": s.bytes,
        })
    };
    Ok(Json(shape::page(sums.iter().map(one).collect(), None)))
}
