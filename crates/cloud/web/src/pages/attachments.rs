//! Files that people added to inquiries and scan reports, only ever as downloads.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use mimamori_domain::{AlertId, AttachmentId};

use crate::error::PageError;
use crate::guard::Session;
use crate::headers::FILE_SECURITY_POLICY;
use crate::portal::Portal;
use crate::query;

pub async fn download(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = AttachmentId::parse(&id).map_err(|_| PageError::NotFound)?;
    let (file, bytes) = portal.service().attachment(&session.actor, id).await?;
    // The type is not told: nothing of ours shows it, and a browser must not either.
    Ok(as_download("application/octet-stream", &file.name, bytes))
}

/// A file of a scan report, under the alert that it belongs to.
pub async fn of_scan(
    State(portal): State<Portal>,
    session: Session,
    Path((alert, file)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let alert = AlertId::parse(&alert).map_err(|_| PageError::NotFound)?;
    let file = AttachmentId::parse(&file).map_err(|_| PageError::NotFound)?;
    let (file, bytes) = portal.service().scan_file(&session.actor, alert, file).await?;
    Ok(as_download("application/octet-stream", &file.name, bytes))
}

/// An answer that a browser saves and never shows.
pub fn as_download(content_type: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{}", query::escape(name))),
        (header::CONTENT_SECURITY_POLICY, FILE_SECURITY_POLICY.to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, bytes).into_response()
}
