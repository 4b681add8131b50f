//! Comparison, announcements, inquiries, exceptions, papers, the contract, and how mail arrives.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use mimamori_domain::InquiryId;
use mimamori_domain::comparison::{Cell, Cells, Measure};
use mimamori_domain::contract::Cover;
use mimamori_domain::jst::JstDay;
use mimamori_service::Comparison;
use serde::Deserialize;
use serde_json::{Value, json};

use super::network::Nothing;
use super::params::{self, Params};
use super::problem::Problem;
use super::{Answer, Call, shape};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    from: Option<String>,
    until: Option<String>,
}

pub async fn comparison(call: Call, Params(q): Params<Days>) -> Answer {
    let service = call.service();
    let span = params::span(q.from.as_deref(), q.until.as_deref(), service.now())?;
    let found = service.comparison(call.actor(), call.customer(), span).await?;
    Ok(Json(compared(&found)))
}

fn compared(of: &Comparison) -> Value {
    let gateways: Vec<Value> = of
        .gateways
        .iter()
        .map(|g| json!({"gateway": {"id": g.gateway, "name": g.name}, "counts": counts(&g.counts)}))
        .collect();
    json!({
        "from": of.span.from.iso(),
        "until": of.span.until.iso(),
        "first_day": of.choice.from.iso(),
        "last_day": of.choice.until.iso(),
        "own": counts(&of.own),
        "gateways": gateways,
        "size": shape::code(of.class.code(), of.class.label()),
        "everyone": of.everyone.as_ref().map(cells),
        "like_size": of.alike.as_ref().map(cells),
    })
}

fn counts(of: &BTreeMap<Measure, u64>) -> Value {
    Measure::all().map(|m| (m.code().to_owned(), json!(of.get(&m).copied().unwrap_or(0)))).collect()
}

fn cells(of: &Cells) -> Value {
    let table = |cells: &BTreeMap<String, Cell>| -> Value {
        cells.iter().map(|(measure, cell)| (measure.clone(), shown(cell))).collect()
    };
    json!({
        "companies": of.companies,
        "per_company": table(&of.per_company),
        "per_gateway": table(&of.per_gateway),
    })
}

/// Stored in hundredths.
fn shown(cell: &Cell) -> Value {
    let number = |hundredths: u64| json!(hundredths as f64 / 100.0);
    json!({
        "mean": number(cell.mean),
        "lower_quartile": number(cell.lower),
        "median": number(cell.median),
        "upper_quartile": number(cell.upper),
    })
}

pub async fn announcements(call: Call, _: Params<Nothing>) -> Answer {
    let found = call.service().announcements(call.actor()).await?;
    let items = found.iter().map(|v| shape::announcement(&v.announcement, v.read)).collect();
    Ok(Json(shape::page(items, None)))
}

pub async fn inquiries(call: Call, _: Params<Nothing>) -> Answer {
    let found = call.service().inquiries(call.actor(), Some(call.customer()), false).await?;
    Ok(Json(shape::page(found.iter().map(shape::inquiry).collect(), None)))
}

pub async fn inquiry(call: Call, Path(id): Path<String>) -> Answer {
    let id = InquiryId::parse(&id).map_err(|_| Problem::NoSuchAddress)?;
    let (inquiry, files) = call.service().inquiry(call.actor(), id).await?;
    Ok(Json(shape::inquiry_in_full(&inquiry, &files)))
}

pub async fn exceptions(call: Call, _: Params<Nothing>) -> Answer {
    let found = call.service().exceptions(call.actor(), Some(call.customer())).await?;
    let items = found
        .iter()
        .map(|e| {
            json!({
                "id": e.id,
                "state": shape::code(e.state.code(), e.state.label()),
                "reason": e.reason,
                "alert": e.alert,
                "gateway": e.matches.gateway,
                "device": e.matches.device,
                "sid": e.matches.sid,
                "host": e.matches.host,
                "asked_at": shape::time(e.asked_at),
                "decided_at": shape::maybe_time(e.decided_at),
                "expires_at": shape::time(e.expires_at),
            })
        })
        .collect();
    Ok(Json(shape::page(items, None)))
}

/// The papers themselves are on the portal.
pub async fn reports(call: Call, _: Params<Nothing>) -> Answer {
    let found = call.service().monthly_reports(call.actor(), call.customer()).await?;
    let items = found
        .iter()
        .map(|r| {
            let (year, month) = r.month.year_month();
            json!({
                "id": r.id,
                "month": format!("{year:04}-{month:02}"),
                "made_at": shape::time(r.made_at),
                "sentence": r.sentence,
                "bytes": r.size,
            })
        })
        .collect();
    Ok(Json(shape::page(items, None)))
}

pub async fn contract(call: Call, _: Params<Nothing>) -> Answer {
    let found = call.service().contract(call.actor(), call.customer()).await?;
    let day = |d: Option<i64>| d.map(|d| JstDay(d).iso());
    let (state, label, year) = match found.cover {
        Cover::NotStarted => ("not_started", "サービスは始まっていません", None),
        Cover::From(from) => ("from", "これから始まります", Some((from, None))),
        Cover::InForce(year) => ("in_force", "補償されています", Some((year.from, Some(year.to)))),
        Cover::Ended(end) => ("ended", "契約は終わりました", Some((end, Some(end)))),
    };
    let claims: Vec<Value> = found
        .claims
        .iter()
        .map(|c| {
            json!({
                "id": c.id,
                "at": shape::time(c.at),
                "alert": c.alert,
                "state": shape::code(c.state.code(), c.state.label()),
                "responded_on": day(c.responded_on),
                "yen": c.yen,
            })
        })
        .collect();
    Ok(Json(json!({
        "number": found.contract.as_ref().map(|c| &c.number),
        "started_on": found.started.map(JstDay::iso),
        "ends_on": day(found.contract.as_ref().and_then(|c| c.ends_on)),
        "cover": shape::code(state, label),
        "cover_from": year.map(|(from, _)| from.iso()),
        "cover_until": year.and_then(|(_, to)| to).map(JstDay::iso),
        "responses_used": found.responses.map(|(used, _)| used),
        "responses_left": found.responses.map(|(_, left)| left),
        "claims": claims,
    })))
}

/// The addresses of the company, and what became of the latest mail to each.
pub async fn mail_addresses(call: Call, _: Params<Nothing>) -> Answer {
    let found = call.service().address_states(call.actor(), call.customer()).await?;
    let items = found
        .iter()
        .map(|a| {
            let last = a.last.as_ref().map(|m| {
                json!({
                    "state": m.state,
                    "at": shape::time(m.at),
                    "attempts": m.attempts,
                    "answer": m.words,
                    "opened_at": shape::maybe_time(m.opened_at),
                })
            });
            json!({
                "address": a.address,
                "confirmed_at": shape::maybe_time(a.verified_at),
                "last_mail": last,
            })
        })
        .collect();
    Ok(Json(shape::page(items, None)))
}
