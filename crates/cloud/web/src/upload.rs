//! Forms that carry files, with the token of their session.
//!
//! Holds always: the token stands before the first file, so that nothing is kept for a form that
//! is not ours; a form, its files and the uploads of a node at once are bounded. Deliberately
//! not here: what a file may be (`domain::attachment`, asked by the service).

use std::time::Duration;

use axum::RequestExt;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use mimamori_domain::attachment::{BadFile, FILE_MAX_BYTES, FILES_MAX};
use mimamori_service::{ServiceError, Upload};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::error::PageError;
use crate::guard::{Session, SignedForm, decode};
use crate::portal::Portal;

/// Most bytes of a form without its files.
const TEXT_MAX_BYTES: usize = 64 * 1024;
/// Most fields of a form.
const FIELDS_MAX: usize = 40;
/// One more than allowed still arrives, so that its page can say what is wrong.
const BODY_MAX_BYTES: usize = (FILES_MAX + 1) * FILE_MAX_BYTES + TEXT_MAX_BYTES;
/// Uploads that one node reads at once: bounds the memory that they take.
const AT_ONCE: usize = 8;
/// A slower one is given up.
const READ_WITHIN: Duration = Duration::from_secs(120);

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// A form with files. A form without any is read as well, in either encoding.
#[derive(Debug)]
pub struct SignedUpload<T> {
    pub form: T,
    pub files: Vec<Upload>,
    /// A file that was not even kept: too large, or one too many.
    pub refused: Option<BadFile>,
}

impl<T> SignedUpload<T> {
    /// The form, and its files or why they were refused.
    pub fn split(self) -> (T, Result<Vec<Upload>, ServiceError>) {
        let files = self.refused.map_or(Ok(self.files), |bad| Err(bad.into()));
        (self.form, files)
    }
}

impl<T: DeserializeOwned> FromRequest<Portal> for SignedUpload<T> {
    type Rejection = PageError;

    async fn from_request(mut request: Request, portal: &Portal) -> Result<Self, PageError> {
        if !is_multipart(&request) {
            let SignedForm(form) = SignedForm::from_request(request, portal).await?;
            return Ok(SignedUpload { form, files: Vec::new(), refused: None });
        }
        let session: Session = request.extract_parts().await?;
        let _turn = TURNS
            .try_acquire()
            .map_err(|_| ServiceError::Background("too many uploads at once".to_owned()))?;
        DefaultBodyLimit::max(BODY_MAX_BYTES).apply(&mut request);
        let multipart = Multipart::from_request(request, &()).await.map_err(|_| PageError::BadForm)?;
        let gathered = tokio::time::timeout(READ_WITHIN, gather(multipart, &session))
            .await
            .map_err(|_| PageError::BadForm)??;
        let fields = serde_urlencoded::to_string(&gathered.fields).map_err(|_| PageError::BadForm)?;
        Ok(SignedUpload {
            form: decode(fields.as_bytes())?,
            files: gathered.files,
            refused: gathered.refused,
        })
    }
}

fn is_multipart(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

#[derive(Default)]
struct Gathered {
    fields: Vec<(String, String)>,
    text_bytes: usize,
    signed: bool,
    files: Vec<Upload>,
    refused: Option<BadFile>,
}

async fn gather(mut multipart: Multipart, session: &Session) -> Result<Gathered, PageError> {
    let mut all = Gathered::default();
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if let Some(file) = field.file_name().map(str::to_owned) {
            if !all.signed {
                return Err(PageError::ForeignForm);
            }
            take_file(&mut all, file, field).await?;
        } else {
            take_text(&mut all, name, field, session).await?;
        }
    }
    if all.signed { Ok(all) } else { Err(PageError::ForeignForm) }
}

async fn take_text(
    all: &mut Gathered,
    name: String,
    mut field: Field<'_>,
    session: &Session,
) -> Result<(), PageError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        all.text_bytes += chunk.len();
        if all.text_bytes > TEXT_MAX_BYTES {
            return Err(PageError::BadForm);
        }
        bytes.extend_from_slice(&chunk);
    }
    let value = String::from_utf8(bytes).map_err(|_| PageError::BadForm)?;
    if name == "csrf" {
        all.signed = session.actor.csrf_matches(&value);
        return if all.signed { Ok(()) } else { Err(PageError::ForeignForm) };
    }
    if all.fields.len() >= FIELDS_MAX {
        return Err(PageError::BadForm);
    }
    all.fields.push((name, value));
    Ok(())
}

/// An empty choice of a file is no file.
async fn take_file(all: &mut Gathered, name: String, mut field: Field<'_>) -> Result<(), PageError> {
    let mut bytes = Vec::new();
    let room = all.files.len() < FILES_MAX;
    let mut length = 0_usize;
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        length = length.saturating_add(chunk.len());
        if room && length <= FILE_MAX_BYTES {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length == 0 && name.is_empty() {
        return Ok(());
    }
    if length > FILE_MAX_BYTES {
        all.refused.get_or_insert(BadFile::TooLarge);
    } else if room {
        all.files.push(Upload { name, bytes });
    } else {
        all.refused.get_or_insert(BadFile::TooMany);
    }
    Ok(())
}

fn broken(e: MultipartError) -> PageError {
    if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ServiceError::from(BadFile::TooLarge).into();
    }
    PageError::BadForm
}
