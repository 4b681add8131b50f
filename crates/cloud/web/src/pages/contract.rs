//! 契約と補償.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Desk, show};
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::contract::Page;

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let summary = desk.portal.service().contract(desk.actor(), desk.id()).await?;
    let frame = desk.frame("/contract").await?;
    show(&desk.portal, frame.flash.is_some(), &Page::new(frame, &summary))
}
