//! Detections: the list with filters, as CSV, and one with its evidence.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::{DetectionId, DetectionKind, GatewayId, Period, jst};
use mimamori_service::views::{DetectionFilter, DetectionView, DeviceView, Order, Page, PageMark};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{Desk, show};
use crate::csv;
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::query::escape;
use crate::view::detection::{DetailPage, Filter, FilterOption, ListPage, Row};
use crate::view::part::{Empty, Pager};
use crate::view::usage::device_name;

const PAGE: u32 = 50;
const CSV_MAX: usize = 1_000_000;
/// Pieces of a file that wait for a slow reader.
const PIECES_WAITING: usize = 2;
const CSV_STEP: u32 = 1_000;
const REFRESH_SECONDS: u32 = 30;
/// Devices that the filter offers.
const DEVICES_SHOWN: usize = 300;

/// The filter as it stands in the address.
#[derive(Debug, Default, Deserialize)]
pub struct Choice {
    #[serde(default)]
    days: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    gateway: String,
    #[serde(default)]
    device: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    before: String,
}

impl Choice {
    fn days(&self) -> u16 {
        self.days.parse().ok().filter(|d| matches!(d, 1 | 7 | 30 | 90)).unwrap_or(30)
    }

    fn kind(&self) -> Option<DetectionKind> {
        DetectionKind::from_code(&self.kind).ok()
    }

    fn gateway(&self) -> Option<GatewayId> {
        GatewayId::parse(&self.gateway).ok()
    }

    fn text(&self) -> Option<&str> {
        Some(self.q.trim()).filter(|q| !q.is_empty())
    }

    fn device(&self) -> Option<&str> {
        Some(self.device.trim()).filter(|d| !d.is_empty() && d.len() <= 80)
    }

    fn order(&self) -> Order {
        if self.order == "oldest" { Order::OldestFirst } else { Order::NewestFirst }
    }

    fn narrows(&self) -> bool {
        self.kind().is_some() || self.gateway().is_some() || self.device().is_some() || self.text().is_some()
    }

    fn filter(&self, desk: &Desk, limit: u32) -> DetectionFilter {
        DetectionFilter {
            customer: Some(desk.id()),
            gateway: self.gateway(),
            period: Some(Period::last_days(self.days(), desk.now)),
            kind: self.kind(),
            device_key: self.device().map(str::to_owned),
            order: self.order(),
            text: self.text().map(|q| q.chars().take(100).collect()),
            before: PageMark::decode(&self.before),
            limit,
            ..DetectionFilter::default()
        }
    }

    /// The same filter as an address, from the newest on.
    fn address(&self, path: &str) -> String {
        let mut address = format!("{path}?days={}", self.days());
        if let Some(kind) = self.kind() {
            address.push_str(&format!("&kind={}", kind.code()));
        }
        if let Some(gateway) = self.gateway() {
            address.push_str(&format!("&gateway={gateway}"));
        }
        if let Some(device) = self.device() {
            address.push_str(&format!("&device={}", escape(device)));
        }
        if self.order() == Order::OldestFirst {
            address.push_str("&order=oldest");
        }
        if let Some(text) = self.text() {
            address.push_str(&format!("&q={}", escape(text)));
        }
        address
    }
}

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<Choice>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let service = desk.portal.service();
    let page = service.detections(desk.actor(), choice.filter(&desk, PAGE)).await?;
    let gateways = service.gateways(desk.actor(), desk.id()).await?;
    let names: Vec<(String, String)> =
        gateways.iter().map(|g| (g.gateway.id.to_string(), g.gateway.name.to_string())).collect();
    let devices = service.devices(desk.actor(), desk.id()).await?;
    let mut frame = desk.frame("/alerts").await?;
    let first_page = choice.before.is_empty();
    frame.refresh_seconds = if first_page { REFRESH_SECONDS } else { 0 };
    let had_flash = frame.flash.is_some();
    let view = ListPage {
        frame,
        filters: filters(&choice, &names, &devices),
        query: choice.q.clone(),
        filtered: choice.narrows(),
        csv_href: choice.address("/detections.csv"),
        count_text: match (&page.next, first_page) {
            (None, true) => format!("{}件です。{}", page.items.len(), order_words(choice.order())),
            _ => order_words(choice.order()).to_owned(),
        },
        so_far: so_far(&choice, &page),
        detections: page.items.iter().map(|d| Row::new(&d.detection, &d.gateway_name, desk.now)).collect(),
        pager: Pager {
            newest: (!first_page).then(|| choice.address("/detections")),
            older: page
                .next
                .map(|mark| format!("{}&before={}", choice.address("/detections"), mark.encode())),
        },
        empty: if choice.narrows() {
            Empty {
                title: "この条件に合う検知はありません",
                text: "期間を長くするか、条件をへらしてみてください。",
            }
        } else {
            Empty {
                title: "この期間に検知した通信はありません",
                text: "UTM装置が何かを見つけると、ここに並びます。記録は90日間残ります。",
            }
        },
    };
    show(&desk.portal, had_flash, &view)
}

/// A narrowed list looks through so many records at a time; the rest is behind the next page.
fn so_far(choice: &Choice, page: &Page<DetectionView>) -> Option<String> {
    let mark = page.next.filter(|_| page.items.len() < PAGE as usize)?;
    let (until, rest) = match choice.order() {
        Order::NewestFirst => ("までさかのぼって", "さらに古い記録"),
        Order::OldestFirst => ("まで", "さらに新しい記録"),
    };
    Some(format!(
        "記録が多いため、{}{until}探しました。{rest}は「続きを見る」から探せます。",
        jst::date_time(mark.at)
    ))
}

const fn order_words(order: Order) -> &'static str {
    match order {
        Order::NewestFirst => "新しいものから並んでいます。",
        Order::OldestFirst => "古いものから並んでいます。",
    }
}

fn filters(choice: &Choice, gateways: &[(String, String)], devices: &[DeviceView]) -> Vec<Filter> {
    let option = |value: &str, label: &str, selected: bool| FilterOption {
        value: value.to_owned(),
        label: label.to_owned(),
        selected,
    };
    let days = choice.days();
    let periods = [(1, "今日"), (7, "7日間"), (30, "30日間"), (90, "90日間")]
        .map(|(n, label)| option(&n.to_string(), label, n == days))
        .to_vec();
    let mut kinds = vec![option("", "すべての種類", choice.kind().is_none())];
    kinds.extend(DetectionKind::ALL.iter().map(|k| option(k.code(), k.label(), choice.kind() == Some(*k))));
    let mut units = vec![option("", "すべての装置", choice.gateway().is_none())];
    units.extend(
        gateways
            .iter()
            .map(|(id, name)| option(id, name, choice.gateway().is_some_and(|g| g.to_string() == *id))),
    );
    let mut machines = vec![option("", "すべての機器", choice.device().is_none())];
    machines.extend(
        devices.iter().take(DEVICES_SHOWN).map(|d| {
            option(&d.key.0, &device_name(&d.seen.device), choice.device() == Some(d.key.0.as_str()))
        }),
    );
    // One that is not among them, e.g. from the page of a device long gone.
    if let Some(device) = choice.device().filter(|c| machines.iter().all(|m| m.value != **c)) {
        machines.push(option(device, device, true));
    }
    let oldest = choice.order() == Order::OldestFirst;
    let orders = vec![option("", "新しい順", !oldest), option("oldest", "古い順", oldest)];
    vec![
        Filter { name: "days", label: "期間", options: periods },
        Filter { name: "kind", label: "種類", options: kinds },
        Filter { name: "gateway", label: "UTM装置", options: units },
        Filter { name: "device", label: "機器", options: machines },
        Filter { name: "order", label: "並び順", options: orders },
    ]
}

pub async fn detail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = DetectionId::parse(&id).map_err(|_| PageError::NotFound)?;
    let found = portal.service().detection(&session.actor, id).await?;
    let desk = Desk::about(portal, session, headers, found.customer).await?;
    let frame = desk.frame("/alerts").await?;
    let had_flash = frame.flash.is_some();
    let page = DetailPage::new(frame, &found.detection, &found.gateway_name, found.alert);
    show(&desk.portal, had_flash, &page)
}

/// The filtered list as a file, at most [`CSV_MAX`] lines. They go out as they are read.
pub async fn csv(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<Choice>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let mut filter = choice.filter(&desk, CSV_STEP);
    let now = desk.now;
    // The first piece before the answer, so that what goes wrong at once is told by its status.
    let first = desk.portal.service().detections(desk.actor(), filter.clone()).await?;
    let (send, pieces) = mpsc::channel(PIECES_WAITING);
    tokio::spawn(async move {
        let mut out = csv::BOM.to_owned();
        csv::line(&mut out, HEAD);
        let (mut page, mut lines) = (first, 0);
        loop {
            for d in page.items.iter().take(CSV_MAX.saturating_sub(lines)) {
                let cells = cells(d);
                csv::line(&mut out, cells.iter().map(String::as_str));
                lines += 1;
            }
            // Nobody reads any more.
            if send.send(std::mem::take(&mut out)).await.is_err() {
                return;
            }
            filter.before = match page.next {
                Some(mark) if lines < CSV_MAX => Some(mark),
                _ => return,
            };
            page = match desk.portal.service().detections(desk.actor(), filter.clone()).await {
                Ok(page) => page,
                Err(e) => {
                    tracing::warn!(error = %e, "a list to download ends early");
                    csv::line(&mut out, ["ここから先を読み出せませんでした。もう一度保存してください。"]);
                    let _ = send.send(out).await;
                    return;
                }
            };
        }
    });
    Ok(csv::response("kenchi", now, Body::from_stream(csv::Pieces(pieces))))
}

const HEAD: [&str; 15] = [
    "はじめの日時",
    "最後の日時",
    "回数",
    "種類",
    "対処",
    "向き",
    "機器",
    "機器のIPアドレス",
    "機器のMACアドレス",
    "UTM装置",
    "送信元",
    "送信先",
    "通信先の名前",
    "検知した規則",
    "ファイル",
];

fn cells(view: &DetectionView) -> [String; 15] {
    let d = &view.detection;
    let file = d.file.as_ref().map(|f| {
        let name = f.name.as_deref().unwrap_or_default();
        let hash = f.sha256.as_deref().unwrap_or_default();
        format!("{name} {hash}").trim().to_owned()
    });
    [
        jst::date_time(d.at),
        jst::date_time(d.last_at),
        d.count.to_string(),
        d.kind.label().to_owned(),
        d.outcome.label().to_owned(),
        d.direction.label().to_owned(),
        d.device.display_name(),
        d.device.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        d.device.mac.map(|mac| mac.to_string()).unwrap_or_default(),
        view.gateway_name.to_string(),
        d.source.to_string(),
        d.destination.to_string(),
        d.host.as_deref().unwrap_or_default().to_owned(),
        d.signature.as_ref().map(|s| format!("{} ({}:{})", s.msg, s.gid, s.sid)).unwrap_or_default(),
        file.unwrap_or_default(),
    ]
}
