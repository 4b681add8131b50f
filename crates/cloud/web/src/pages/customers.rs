//! The customers that staff may look at.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use mimamori_domain::{CustomerId, GatewayState, Headline, Period};

use super::{show, staff_frame};
use crate::cookie::Cookie;
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::view::customers::{Page, Row};
use crate::view::{Tag, wording};

const DAYS: u16 = 30;
/// Customers whose state is looked up for one page.
const ROWS_MAX: usize = 200;

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let service = portal.service();
    let period = Period::last_days(DAYS, service.now());
    let customers = service.customers(&session.actor).await?;
    let unreachable = service.unreachable(&session.actor).await?;
    let mut rows: Vec<(Headline, Row)> = Vec::new();
    for view in customers.iter().take(ROWS_MAX) {
        let status = service.status(&session.actor, view.customer.id, period).await?;
        let stopped = status
            .gateways
            .iter()
            .filter(|g| matches!(g.gateway.state, GatewayState::Stopped { .. }))
            .count();
        let total = status.gateways.len();
        let words = wording::headline(status.headline);
        rows.push((
            status.headline,
            Row {
                id: view.customer.id.to_string(),
                name: view.customer.name.to_string(),
                state: Tag { class: words.class, icon: words.icon, word: status.headline.label() },
                unreachable: unreachable
                    .iter()
                    .filter(|u| u.customer == view.customer.id)
                    .map(|u| u.address.to_string())
                    .collect(),
                open_alerts: status.open.iter().map(|(_, n)| n).sum(),
                gateways: if stopped > 0 {
                    format!("{total}台（{stopped}台停止）")
                } else {
                    format!("{total}台")
                },
            },
        ));
    }
    rows.sort_by_key(|(headline, _)| std::cmp::Reverse(*headline));
    let waiting = rows.iter().filter(|(headline, _)| *headline != Headline::AllWell).count();
    let frame = staff_frame(&portal, &session, &headers, "/customers");
    let had_flash = frame.flash.is_some();
    let page = Page {
        frame,
        summary: match (customers.len(), waiting) {
            (n, 0) => format!("{n}社すべて、問題は見つかっていません。"),
            (n, w) => format!("{n}社のうち{w}社に、確認していただきたいことがあります。"),
        },
        customers: rows.into_iter().map(|(_, row)| row).collect(),
    };
    show(&portal, had_flash, &page)
}

/// Chooses the customer whose pages are shown.
pub async fn open(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = CustomerId::parse(&id).map_err(|_| PageError::NotFound)?;
    portal.service().customer(&session.actor, id).await?;
    let mut response = Redirect::to("/").into_response();
    response
        .headers_mut()
        .append(header::SET_COOKIE, portal.cookies().set(Cookie::Customer, &id.to_string()));
    Ok(response)
}
