//! What can go wrong on the way to a page, and the page that says so.
//!
//! Holds always: a person reads what happened and what to do; the cause goes to the log, once,
//! here. "Not there" and "not yours" look the same.

use std::sync::Arc;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mimamori_service::ServiceError;

use crate::portal::Portal;
use crate::view::Link;
use crate::view::door::ErrorPage;

#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("nobody is logged in")]
    LoginNeeded { next: String },
    #[error("the temporary password has to be changed first")]
    PasswordFirst,
    #[error("staff has to set up a second factor first")]
    SecondFactorFirst,
    #[error("the password has to be given again")]
    ProveFirst { next: String },
    #[error("staff has not chosen a customer")]
    ChooseCustomer,
    #[error("no such page")]
    NotFound,
    #[error("the role may not do this")]
    Forbidden,
    #[error("the form has no valid token")]
    ForeignForm,
    #[error("the form cannot be read")]
    BadForm,
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error("a template failed")]
    Template(#[from] askama::Error),
}

impl PageError {
    /// A response that still has to be turned into a page, which needs the portal.
    pub(crate) fn respond(self) -> Response {
        match self {
            PageError::LoginNeeded { next } => {
                let target = if next == "/" {
                    "/login".to_owned()
                } else {
                    format!("/login?next={}", crate::query::escape(&next))
                };
                Redirect::to(&target).into_response()
            }
            PageError::PasswordFirst => Redirect::to("/settings").into_response(),
            PageError::SecondFactorFirst => Redirect::to("/settings/second-factor").into_response(),
            PageError::ProveFirst { next } => {
                Redirect::to(&format!("/confirm?next={}", crate::query::escape(&next))).into_response()
            }
            PageError::ChooseCustomer => Redirect::to("/customers").into_response(),
            other => {
                let mut response = other.status().into_response();
                response.extensions_mut().insert(Arc::new(other));
                response
            }
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            PageError::LoginNeeded { .. }
            | PageError::PasswordFirst
            | PageError::SecondFactorFirst
            | PageError::ProveFirst { .. }
            | PageError::ChooseCustomer => StatusCode::SEE_OTHER,
            PageError::NotFound | PageError::Service(ServiceError::NotFound) => StatusCode::NOT_FOUND,
            PageError::Forbidden | PageError::ForeignForm | PageError::Service(ServiceError::Forbidden) => {
                StatusCode::FORBIDDEN
            }
            PageError::BadForm => StatusCode::BAD_REQUEST,
            PageError::Service(ServiceError::SlowDown) => StatusCode::TOO_MANY_REQUESTS,
            PageError::Service(
                ServiceError::Incomplete
                | ServiceError::Exception(_)
                | ServiceError::Announcement(_)
                | ServiceError::File(_)
                | ServiceError::Role(_),
            ) => StatusCode::UNPROCESSABLE_ENTITY,
            PageError::Service(
                ServiceError::Conflict
                | ServiceError::Duplicate
                | ServiceError::TooMany
                | ServiceError::Inquiry(_)
                | ServiceError::Transition(_),
            ) => StatusCode::CONFLICT,
            PageError::Service(_) => StatusCode::SERVICE_UNAVAILABLE,
            PageError::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(&self) -> (&'static str, String) {
        match self {
            PageError::NotFound | PageError::Service(ServiceError::NotFound) => (
                "このページはありません",
                "アドレスが変わったか、90日を過ぎて消えた記録か、お使いのアカウントでは見られないページです。".to_owned(),
            ),
            PageError::Forbidden => ("この操作はできません", ServiceError::Forbidden.for_people().to_owned()),
            PageError::ForeignForm => (
                "もう一度お試しください",
                "画面を開いてから時間がたったため、送信を受け付けませんでした。何も変わっていません。前の画面を読み込み直してから、もう一度送信してください。".to_owned(),
            ),
            PageError::BadForm => (
                "送信の内容を読み取れませんでした",
                "何も変わっていません。前の画面に戻り、入力を確かめてもう一度送信してください。".to_owned(),
            ),
            PageError::Service(e) => ("うまくいきませんでした", e.for_people().to_owned()),
            _ => (
                "表示できませんでした",
                "システムの側で問題が起きました。記録は失われていません。少し待ってから、もう一度お試しください。".to_owned(),
            ),
        }
    }

    pub(crate) fn page(&self, portal: &Portal) -> Response {
        let status = self.status();
        let reference = status.is_server_error().then(|| {
            let reference = portal.nonce().get(..8).unwrap_or_default().to_owned();
            tracing::error!(reference, error = %chain(self), "a page could not be shown");
            reference
        });
        let (title, text) = self.words();
        let page = ErrorPage {
            title,
            text,
            link: Link::new("/", "状態のページへ"),
            contact: portal.options().contact.clone(),
            reference,
        };
        let mut response = (status, html(page.render())).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        response
    }
}

fn html(body: Result<String, askama::Error>) -> Response {
    match body {
        Ok(body) => axum::response::Html(body).into_response(),
        Err(error) => {
            tracing::error!(%error, "the error page failed");
            "表示できませんでした。少し待ってから、もう一度お試しください。".into_response()
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
