//! Use of applications and of the web, and the devices that were seen (GW-04, GW-14).

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::usage::UseSubject;
use mimamori_domain::{DeviceKey, GatewayId, Line, Period};
use mimamori_service::views::{DeviceView, InspectionBy, UsageBy, UsageFilter};
use serde::Deserialize;

use super::{Desk, show};
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::query::escape;
use crate::view::depth::{InspectionPage, Sums};
use crate::view::detection::{Filter, FilterOption};
use crate::view::usage::{DevicesPage, UsagePage, device_name};

/// The filter as it stands in the address.
#[derive(Debug, Default, Deserialize)]
pub struct Choice {
    #[serde(default)]
    days: String,
    #[serde(default)]
    gateway: String,
    #[serde(default)]
    device: String,
    #[serde(default)]
    item: String,
}

impl Choice {
    fn days(&self) -> u16 {
        self.days.parse().ok().filter(|d| matches!(d, 1 | 7 | 30 | 90)).unwrap_or(1)
    }

    fn device(&self) -> Option<DeviceKey> {
        Some(self.device.trim()).filter(|d| !d.is_empty() && d.len() <= 80).map(|d| DeviceKey(d.to_owned()))
    }

    fn item(&self) -> Option<Line> {
        Some(self.item.trim()).filter(|i| !i.is_empty() && i.len() <= 64).map(Line::clip)
    }

    pub(super) fn filter(&self, desk: &Desk, subject: UseSubject) -> UsageFilter {
        UsageFilter {
            customer: desk.id(),
            period: Period::last_days(self.days(), desk.now),
            subject,
            gateway: GatewayId::parse(&self.gateway).ok(),
            device: self.device(),
            item: self.item(),
        }
    }

    /// The same filter as an address, with another device or item.
    fn address(&self, path: &str, device: Option<&str>, item: Option<&str>) -> String {
        let mut address = format!("{path}?days={}", self.days());
        for (name, value) in [("gateway", Some(self.gateway.as_str())), ("device", device), ("item", item)] {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                address.push_str(&format!("&{name}={}", escape(value)));
            }
        }
        address
    }
}

pub async fn applications(
    state: State<Portal>,
    session: Session,
    headers: HeaderMap,
    choice: Query<Choice>,
) -> Result<Response, PageError> {
    page(state, session, headers, choice, UseSubject::Application).await
}

pub async fn web(
    state: State<Portal>,
    session: Session,
    headers: HeaderMap,
    choice: Query<Choice>,
) -> Result<Response, PageError> {
    page(state, session, headers, choice, UseSubject::WebCategory).await
}

async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<Choice>,
    subject: UseSubject,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let service = desk.portal.service();
    let filter = choice.filter(&desk, subject);
    let items = service.usage(desk.actor(), filter.clone(), UsageBy::Item).await?;
    let kinds = match subject {
        UseSubject::Application => service.usage(desk.actor(), filter.clone(), UsageBy::Kind).await?,
        UseSubject::WebCategory => Vec::new(),
    };
    let by_device = service.usage(desk.actor(), filter.clone(), UsageBy::Device).await?;
    let slots = if choice.days() == 1 { UsageBy::Hour } else { UsageBy::Day };
    let by_slot = service.usage(desk.actor(), filter.clone(), slots).await?;
    let devices = service.devices(desk.actor(), desk.id()).await?;
    let gateways = service.gateways(desk.actor(), desk.id()).await?;
    let frame = desk.frame("/usage/apps").await?;
    let had_flash = frame.flash.is_some();
    let path = path_of(subject);
    let gateways: Vec<(String, String)> =
        gateways.iter().map(|g| (g.gateway.id.to_string(), g.gateway.name.to_string())).collect();
    let link = |device: Option<&str>, item: Option<&str>| {
        let device = device.or(filter.device.as_ref().map(|d| d.0.as_str()));
        let item = item.or(filter.item.as_ref().map(Line::as_str));
        choice.address(path, device, item)
    };
    let view = UsagePage::new(frame, subject, choice.days(), &filter, &devices, &link)
        .filters(filters(&choice, &gateways, &devices))
        .clear_href(choice.address(path, None, None))
        .csv_href(choice.address(
            &format!("{path}.csv"),
            filter.device.as_ref().map(|d| d.0.as_str()),
            filter.item.as_ref().map(Line::as_str),
        ))
        .sums(&items, &kinds, &by_device, &by_slot, desk.now);
    show(&desk.portal, had_flash, &view)
}

/// How deep traffic was looked into: whole, by hour or day, by device.
pub async fn inspection(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<Choice>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let service = desk.portal.service();
    let filter = UsageFilter {
        customer: desk.id(),
        period: Period::last_days(choice.days(), desk.now),
        subject: UseSubject::Application,
        gateway: GatewayId::parse(&choice.gateway).ok(),
        device: choice.device(),
        item: None,
    };
    let time = if choice.days() == 1 { InspectionBy::Hour } else { InspectionBy::Day };
    let whole = service.inspection(desk.actor(), filter.clone(), InspectionBy::Whole).await?;
    let by_time = service.inspection(desk.actor(), filter.clone(), time).await?;
    let by_device = service.inspection(desk.actor(), filter, InspectionBy::Device).await?;
    let devices = service.devices(desk.actor(), desk.id()).await?;
    let gateways = service.gateways(desk.actor(), desk.id()).await?;
    let gateways: Vec<(String, String)> =
        gateways.iter().map(|g| (g.gateway.id.to_string(), g.gateway.name.to_string())).collect();
    let frame = desk.frame("/usage/apps").await?;
    let had_flash = frame.flash.is_some();
    let filters = filters(&choice, &gateways, &devices);
    let sums = Sums { whole: &whole, by_time: &by_time, by_device: &by_device };
    let page = InspectionPage::new(frame, filters, choice.days(), sums, &devices, desk.now);
    show(&desk.portal, had_flash, &page)
}

const fn path_of(subject: UseSubject) -> &'static str {
    match subject {
        UseSubject::Application => "/usage/apps",
        UseSubject::WebCategory => "/usage/web",
    }
}

fn filters(choice: &Choice, gateways: &[(String, String)], devices: &[DeviceView]) -> Vec<Filter> {
    let option = |value: String, label: String, selected: bool| FilterOption { value, label, selected };
    let days = [(1, "今日"), (7, "7日間"), (30, "30日間"), (90, "90日間")];
    let mut all = vec![Filter {
        name: "days",
        label: "期間",
        options: days
            .iter()
            .map(|(n, label)| option(n.to_string(), (*label).to_owned(), choice.days() == *n))
            .collect(),
    }];
    let mut list = vec![option(String::new(), "すべての機器".to_owned(), choice.device.is_empty())];
    list.extend(
        devices
            .iter()
            .take(300)
            .map(|d| option(d.key.0.clone(), device_name(&d.seen.device), d.key.0 == choice.device)),
    );
    all.push(Filter { name: "device", label: "機器", options: list });
    if gateways.len() > 1 {
        let mut list = vec![option(String::new(), "すべての装置".to_owned(), choice.gateway.is_empty())];
        list.extend(
            gateways.iter().map(|(id, name)| option(id.clone(), name.clone(), *id == choice.gateway)),
        );
        all.push(Filter { name: "gateway", label: "UTM装置", options: list });
    }
    all
}

/// Which page of the list of devices, counted from 0.
#[derive(Debug, Default, Deserialize)]
pub struct PageOf {
    #[serde(default)]
    page: String,
}

pub async fn devices(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(of): Query<PageOf>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let service = desk.portal.service();
    let devices = service.devices(desk.actor(), desk.id()).await?;
    let gateways = service.gateways(desk.actor(), desk.id()).await?;
    let page = of.page.parse().unwrap_or(0);
    let frame = desk.frame("/usage/apps").await?;
    let had_flash = frame.flash.is_some();
    show(&desk.portal, had_flash, &DevicesPage::new(frame, &devices, &gateways, page, desk.now))
}
