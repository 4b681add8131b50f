//! くらべる (PT-05, PT-06).

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::jst::JstDay;
use mimamori_service::Span;
use serde::Deserialize;

use super::{Desk, show};
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::compare::{Chosen, Page, Per};

/// The choice as it stands in the address.
#[derive(Debug, Default, Deserialize)]
pub struct Choice {
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    per: String,
    #[serde(default)]
    size: String,
}

impl Choice {
    pub(super) fn span(&self) -> Option<Span> {
        Some(Span { from: JstDay::parse(&self.from)?, until: JstDay::parse(&self.until)? })
    }
}

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Query(choice): Query<Choice>,
) -> Result<Response, PageError> {
    let desk = Desk::open(portal, session, headers).await?;
    let found = desk.portal.service().comparison(desk.actor(), desk.id(), choice.span()).await?;
    let frame = desk.frame("/compare").await?;
    let had_flash = frame.flash.is_some();
    let chosen = Chosen { per: Per::from_code(&choice.per), alike: choice.size == "alike" };
    show(&desk.portal, had_flash, &Page::new(frame, &found, chosen))
}
