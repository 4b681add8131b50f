//! 書類: the five documents to read here, as PDF, and their pictures.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use mimamori_paper::manual;
use mimamori_service::ServiceError;

use super::attachments::as_download;
use super::{any_frame, show};
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::paper::{DocumentPage, DocumentsPage};

const HERE: &str = "/documents";

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let frame = any_frame(&portal, &session, &headers, HERE).await?;
    show(&portal, frame.flash.is_some(), &DocumentsPage::new(frame))
}

pub async fn read(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(slug): Path<String>,
) -> Result<Response, PageError> {
    let manual = manual::find(&slug).ok_or(PageError::NotFound)?;
    let frame = any_frame(&portal, &session, &headers, HERE).await?;
    let (body, sections) = manual.html("/documents/pictures/");
    show(&portal, frame.flash.is_some(), &DocumentPage { frame, manual, sections, body })
}

pub async fn pdf(Path(slug): Path<String>) -> Result<Response, PageError> {
    let manual = manual::find(&slug).ok_or(PageError::NotFound)?;
    // Laid out once for the life of the program, beside the requests.
    let made = tokio::task::spawn_blocking(move || manual.pdf().map(<[u8]>::to_vec))
        .await
        .map_err(|e| ServiceError::Background(e.to_string()))?
        .map_err(|e| ServiceError::Background(e.to_string()))?;
    Ok(as_download("application/pdf", &format!("{}.pdf", manual.title), made))
}

pub async fn picture(Path(name): Path<String>) -> Result<Response, PageError> {
    let png = manual::picture(&name).ok_or(PageError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}
