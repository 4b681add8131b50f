//! Errors of the API as `application/problem+json` (RFC 9457).
//!
//! Holds always: "not there" and "not yours" look the same; the cause goes to the log, once,
//! here; a person who reads the answer learns what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mimamori_domain::ApiScope;
use mimamori_service::{ServiceError, TokenError};
use serde_json::json;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("no token, or one that cannot be used")]
    Unauthorized,
    #[error("the token may not read this")]
    MissingScope(ApiScope),
    #[error("the parameter {name} cannot be read")]
    BadParameter { name: String, wanted: &'static str },
    #[error("the parameters cannot be read: {0}")]
    BadQuery(String),
    #[error("no such address")]
    NoSuchAddress,
    #[error("only reading is possible here")]
    NoSuchMethod,
    #[error("too many requests")]
    SlowDown,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<TokenError> for Problem {
    fn from(e: TokenError) -> Self {
        match e {
            TokenError::Invalid => Problem::Unauthorized,
            TokenError::SlowDown => Problem::SlowDown,
            TokenError::Service(e) => Problem::Service(e),
        }
    }
}

impl Problem {
    pub fn parameter(name: &str, wanted: &'static str) -> Self {
        Problem::BadParameter { name: name.to_owned(), wanted }
    }

    /// Status, code of the type, title.
    const fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Problem::Unauthorized => {
                (StatusCode::UNAUTHORIZED, "unauthorized", "APIの鍵を確かめられませんでした")
            }
            Problem::MissingScope(_) => {
                (StatusCode::FORBIDDEN, "missing-scope", "この鍵では読めない内容です")
            }
            Problem::BadParameter { .. } | Problem::BadQuery(_) => {
                (StatusCode::BAD_REQUEST, "bad-parameter", "パラメーターを読み取れませんでした")
            }
            Problem::NoSuchAddress | Problem::Service(ServiceError::NotFound | ServiceError::Forbidden) => {
                (StatusCode::NOT_FOUND, "not-found", "見つかりませんでした")
            }
            Problem::NoSuchMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, "read-only", "このAPIでできるのは読み取り（GET）だけです")
            }
            Problem::SlowDown | Problem::Service(ServiceError::SlowDown) => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "要求が多すぎます")
            }
            Problem::Service(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "今は答えられません"),
        }
    }

    fn detail(&self) -> String {
        match self {
            Problem::Unauthorized => {
                "ポータルの「設定」の「APIとWebhook」で鍵を作り、Authorization: Bearer のあとに付けてください。期限が切れた鍵と、使えなくした鍵は受け付けません。".to_owned()
            }
            Problem::MissingScope(scope) => {
                format!("「{}」（{}）を読める鍵を作り直してください。", scope.label(), scope.code())
            }
            Problem::BadParameter { name, wanted } => format!("{name} には{wanted}を書いてください。"),
            Problem::BadQuery(why) => format!("使えるパラメーターは /api/v1/openapi.json にあります（{why}）。"),
            Problem::NoSuchAddress | Problem::Service(ServiceError::NotFound | ServiceError::Forbidden) => {
                "アドレスが違うか、90日を過ぎて消えた記録か、この鍵の会社のものではありません。".to_owned()
            }
            Problem::NoSuchMethod => "変更はポータルの画面で行ってください。".to_owned(),
            Problem::SlowDown | Problem::Service(ServiceError::SlowDown) => {
                "1分ほど待ってから、もう一度送ってください。1つの鍵で1分間に300回まで受け付けます。".to_owned()
            }
            Problem::Service(_) => "記録は失われていません。数分おいて、もう一度送ってください。".to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = self.kind();
        if let Problem::Service(error) = &self
            && status.is_server_error()
        {
            tracing::error!(%error, "the API could not answer");
        }
        let mut body = json!({
            "type": format!("urn:mimamori:problem:{code}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        if let (Problem::MissingScope(scope), Some(body)) = (&self, body.as_object_mut()) {
            body.insert("scope".to_owned(), json!(scope.code()));
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
            }
            _ => {}
        }
        response
    }
}
