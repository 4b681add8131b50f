//! 状態 (PT-02), and what it says before the first gateway (PT-03).

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::jst::{self, JstDay};
use mimamori_domain::{Alert, GatewayState, Period};
use mimamori_service::views::{AlertFilter, DayCount};
use serde::Deserialize;

use super::{Desk, gateways, show};
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::announcement::Line;
use crate::view::{chart, status};

const REFRESH_SECONDS: u32 = 15;
/// Alerts looked through for the most urgent ones.
const OPEN_MAX: u32 = 100;
/// Unread announcements that stand above everything else.
const NEWS_MAX: usize = 2;

#[derive(Debug, Default, Deserialize)]
pub struct Choice {
    days: Option<u16>,
}

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<Choice>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let days = choice.days.filter(|d| matches!(d, 7 | 30 | 90)).unwrap_or(30);
    let period = Period::last_days(days, desk.now);
    let mut frame = desk.frame("/").await?;
    frame.refresh_seconds = REFRESH_SECONDS;
    let had_flash = frame.flash.is_some();
    let summary = desk.portal.service().status(desk.actor(), desk.id(), period).await?;
    let enrolled = summary.gateways.iter().any(|g| !matches!(g.gateway.state, GatewayState::Prepared { .. }));
    if !enrolled {
        return show(&desk.portal, had_flash, &status::FirstPage { frame });
    }
    let open = open_alerts(&desk, period).await?;
    let stopped: Vec<String> = summary
        .gateways
        .iter()
        .filter(|g| matches!(g.gateway.state, GatewayState::Stopped { .. }))
        .map(|g| g.gateway.name.to_string())
        .collect();
    let trend = daily(days, period, &summary.daily);
    let facts = status::Facts {
        headline: summary.headline,
        days,
        period,
        open: &open,
        open_total: summary.open.iter().map(|(_, n)| n).sum(),
        counts: &summary.counts,
        trend: &trend,
        stopped_gateways: &stopped,
        bytes_inspected: summary.bytes_inspected,
        bytes_uninspected: summary.bytes_uninspected,
    };
    let cards = gateways::cards(&desk, &summary.gateways).await?;
    let mut page = status::Page::new(frame, &facts, cards);
    let unread = desk.portal.service().unread_announcements(desk.actor()).await?;
    page.news = unread.iter().take(NEWS_MAX).map(|a| Line::unread(a, desk.now)).collect();
    show(&desk.portal, had_flash, &page)
}

/// The most urgent first.
async fn open_alerts(desk: &Desk, period: Period) -> Result<Vec<Alert>, PageError> {
    let filter = AlertFilter {
        customer: Some(desk.id()),
        period: Some(period),
        only_open: true,
        limit: OPEN_MAX,
        ..AlertFilter::default()
    };
    let page = desk.portal.service().alerts(desk.actor(), filter).await?;
    let mut open: Vec<Alert> = page.items.into_iter().map(|view| view.alert).collect();
    open.sort_by_key(|a| std::cmp::Reverse((a.rating, a.last_seen)));
    Ok(open)
}

/// One bar a day, also for days without any.
fn daily(days: u16, period: Period, counts: &[DayCount]) -> Vec<chart::Day> {
    let mut sums: HashMap<i64, (u64, u64)> = HashMap::new();
    for c in counts {
        let sum = sums.entry(c.day).or_default();
        sum.0 += c.count.total;
        sum.1 += c.count.stopped;
    }
    let first = JstDay::of(period.from);
    (0..i64::from(days))
        .map(|i| {
            let day = first.plus(i);
            let (total, stopped) = sums.get(&day.0).copied().unwrap_or_default();
            chart::Day { label: jst::month_day(day.start()), stopped, passed: total.saturating_sub(stopped) }
        })
        .collect()
}
