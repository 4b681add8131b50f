//! The lists as files: alerts, UTM devices, devices, use, comparison. Detections, of which there
//! are many, stand beside their page.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::comparison::{Cell, Measure};
use mimamori_domain::usage::UseSubject;
use mimamori_domain::{GatewayState, jst};
use mimamori_service::views::{AlertFilter, UsageBy};

use super::{Desk, compare, usage};
use crate::csv;
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::{alert, usage::device_name};

/// Alerts of one file, and how many are read at a time.
const ALERTS_MAX: usize = 10_000;
const ALERTS_STEP: u32 = 200;

pub async fn alerts(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let mut filter = AlertFilter { customer: Some(desk.id()), limit: ALERTS_STEP, ..AlertFilter::default() };
    let mut rows = Vec::new();
    loop {
        let page = desk.portal.service().alerts(desk.actor(), filter.clone()).await?;
        rows.extend(page.items.iter().map(|v| {
            let a = &v.alert;
            [
                jst::date_time(a.raised_at),
                jst::date_time(a.last_seen),
                a.rating.text(),
                alert::headline(a),
                a.state.label().to_owned(),
                a.count.to_string(),
                a.device.display_name(),
                a.device.ip.map(|ip| ip.to_string()).unwrap_or_default(),
                v.gateway_name.to_string(),
            ]
        }));
        filter.before = page.next;
        if filter.before.is_none() || rows.len() >= ALERTS_MAX {
            break;
        }
    }
    let head =
        ["出た日時", "最後の日時", "重要度", "内容", "状態", "回数", "機器", "機器のIPアドレス", "UTM装置"];
    Ok(csv::list("alert", desk.now, head, rows))
}

pub async fn gateways(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let views = desk.portal.service().gateways(desk.actor(), desk.id()).await?;
    let rows = views.iter().map(|v| {
        let (g, beat) = (&v.gateway, v.heartbeat.as_ref());
        let since = match &g.state {
            GatewayState::Prepared { .. } => String::new(),
            GatewayState::Online { enrolled_at } => jst::date_time(*enrolled_at),
            GatewayState::Stopped { since, .. } => jst::date_time(*since),
        };
        [
            g.name.to_string(),
            g.serial.to_string(),
            g.state.label().to_owned(),
            since,
            g.last_seen.map(jst::date_time).unwrap_or_default(),
            beat.map(|b| b.software.to_string()).unwrap_or_default(),
            beat.map(|b| b.rule_set.to_string()).unwrap_or_default(),
            beat.map_or(0, |b| b.devices.len()).to_string(),
            beat.map_or(0, |b| b.files.judged).to_string(),
            beat.map_or(0, |b| b.files.not_inspected()).to_string(),
        ]
    });
    let head = [
        "UTM装置",
        "装置ID",
        "状態",
        "いつから",
        "最後の連絡",
        "ソフトウェアの版",
        "検知規則の版",
        "機器の数",
        "検査したファイルの数",
        "検査できなかったファイルの数",
    ];
    Ok(csv::list("utm", desk.now, head, rows))
}

pub async fn devices(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let service = desk.portal.service();
    let gateways = service.gateways(desk.actor(), desk.id()).await?;
    let devices = service.devices(desk.actor(), desk.id()).await?;
    let rows = devices.iter().map(|d| {
        let device = &d.seen.device;
        let gateway = gateways.iter().find(|g| g.gateway.id == d.gateway);
        [
            device_name(device),
            device.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            device.mac.map(|mac| mac.to_string()).unwrap_or_default(),
            device.maker.as_deref().unwrap_or_default().to_owned(),
            gateway.map(|g| g.gateway.name.to_string()).unwrap_or_default(),
            jst::date_time(d.seen.first_seen),
            jst::date_time(d.seen.last_seen),
        ]
    });
    let head =
        ["機器", "IPアドレス", "MACアドレス", "メーカー", "UTM装置", "はじめて見た日時", "最後に見た日時"];
    Ok(csv::list("kiki", desk.now, head, rows))
}

pub async fn applications(
    state: State<Portal>,
    session: Session,
    headers: HeaderMap,
    choice: Query<usage::Choice>,
) -> Result<Response, PageError> {
    used(state, session, headers, choice, UseSubject::Application).await
}

pub async fn web(
    state: State<Portal>,
    session: Session,
    headers: HeaderMap,
    choice: Query<usage::Choice>,
) -> Result<Response, PageError> {
    used(state, session, headers, choice, UseSubject::WebCategory).await
}

async fn used(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<usage::Choice>,
    subject: UseSubject,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let filter = choice.filter(&desk, subject);
    let sums = desk.portal.service().usage(desk.actor(), filter, UsageBy::Item).await?;
    let rows = sums.iter().map(|s| {
        [
            if s.title.is_empty() { s.label.to_string() } else { s.title.to_string() },
            s.devices.to_string(),
            s.flows.to_string(),
            s.bytes_up.to_string(),
            s.bytes_down.to_string(),
        ]
    });
    let (name, item) = match subject {
        UseSubject::Application => ("appli", "アプリ・サービス"),
        UseSubject::WebCategory => ("web", "サイトの種類"),
    };
    let head = [item, "機器の数", "通信の回数", "送信バイト数", "受信バイト数"];
    Ok(csv::list(name, desk.now, head, rows))
}

pub async fn comparison(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<compare::Choice>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let c = desk.portal.service().comparison(desk.actor(), desk.id(), choice.span()).await?;
    let number = |hundredths: u64| format!("{}.{:02}", hundredths / 100, hundredths % 100);
    let cells = |cell: Option<&Cell>| match cell {
        Some(c) => [c.mean, c.lower, c.median, c.upper].map(number),
        None => [const { String::new() }; 4],
    };
    let rows = Measure::all().map(|m| {
        let own = c.own.get(&m).copied().unwrap_or(0).to_string();
        let all = cells(c.everyone.as_ref().and_then(|e| e.per_company.get(m.code())));
        let [mean, lower, median, upper] = all;
        let alike = cells(c.alike.as_ref().and_then(|e| e.per_company.get(m.code())));
        let [like_mean, like_lower, like_median, like_upper] = alike;
        let label = m.label().to_owned();
        [label, own, mean, lower, median, upper, like_mean, like_lower, like_median, like_upper]
    });
    let head = [
        "種類",
        "御社",
        "全体の平均",
        "全体の下から4分の1",
        "全体の中央値",
        "全体の上から4分の1",
        "同じ規模の平均",
        "同じ規模の下から4分の1",
        "同じ規模の中央値",
        "同じ規模の上から4分の1",
    ];
    Ok(csv::list("hikaku", desk.now, head, rows))
}
