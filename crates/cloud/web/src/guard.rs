//! Stands before every handler: who asks, may they, and does the form come from our page.

use axum::RequestExt;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mimamori_service::{Actor, SessionToken};
use serde::de::DeserializeOwned;

use crate::api;
use crate::cookie::Cookie;
use crate::error::PageError;
use crate::headers;
use crate::portal::Portal;
use crate::routes::Access;

/// Most bytes of a form.
const FORM_MAX_BYTES: usize = 256 * 1024;

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    pub actor: Actor,
    pub token: SessionToken,
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        parts.extensions.get::<Session>().cloned().ok_or(PageError::LoginNeeded { next: "/".to_owned() })
    }
}

/// Outermost: security headers, and errors as pages.
pub async fn surround(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let for_machines = request.uri().path().starts_with(api::ROOT);
    let mut response = next.run(request).await;
    if for_machines {
        response = api::dress(response);
    }
    if let Some(error) = response.extensions_mut().remove::<std::sync::Arc<PageError>>() {
        response = error.page(&portal);
    }
    headers::protect(response.headers_mut(), portal.options().https);
    response
}

/// Before each handler.
pub async fn check(
    State((portal, access)): State<(Portal, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, PageError> {
    if request.method() == Method::POST && foreign(request.headers()) {
        tracing::warn!(path = request.uri().path(), "a form from another site was refused");
        return Err(PageError::ForeignForm);
    }
    match access {
        Access::Public => return Ok(next.run(request).await),
        Access::Api(scope) => return Ok(api::check(portal, scope, request, next).await),
        _ => {}
    }
    let session = find_session(&portal, request.headers()).await?.ok_or_else(|| PageError::LoginNeeded {
        next: request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned(),
    })?;
    if let Access::Needs(permission) | Access::Proved(permission) = access
        && !session.actor.may(permission)
    {
        let account = session.actor.account().map(|a| a.id.to_string()).unwrap_or_default();
        tracing::warn!(account, path = request.uri().path(), ?permission, "not permitted");
        return Err(PageError::Forbidden);
    }
    let must_change = session.actor.account().is_some_and(|a| a.must_change_password);
    if must_change && !allowed_before_password_change(request.uri().path()) {
        return Err(PageError::PasswordFirst);
    }
    if portal.service().needs_second_factor(&session.actor)
        && !must_change
        && !allowed_before_second_factor(request.uri().path())
    {
        return Err(PageError::SecondFactorFirst);
    }
    if let Access::Proved(_) | Access::Fresh = access
        && !portal.service().proved_lately(&session.actor)
    {
        return Err(PageError::ProveFirst { next: came_from(request.headers()) });
    }
    request.extensions_mut().insert(session);
    Ok(next.run(request).await)
}

/// The session of the cookie, if it still holds.
pub async fn find_session(portal: &Portal, headers: &HeaderMap) -> Result<Option<Session>, PageError> {
    let Some(value) = portal.cookies().read(headers, Cookie::Session) else { return Ok(None) };
    let token = SessionToken::from_cookie(value);
    let actor = portal.service().authenticate(&token).await?;
    Ok(actor.map(|actor| Session { actor, token }))
}

fn allowed_before_password_change(path: &str) -> bool {
    matches!(path, "/settings" | "/settings/password" | "/logout")
}

fn allowed_before_second_factor(path: &str) -> bool {
    matches!(path, "/logout" | "/confirm" | "/settings/second-factor")
        || path.starts_with("/settings/second-factor/")
}

/// The page whose form was sent, to go back to after the password.
fn came_from(headers: &HeaderMap) -> String {
    let referrer = headers.get(header::REFERER).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let path = referrer.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    crate::query::own_path(path.unwrap_or("/settings")).to_owned()
}

/// A browser says that another site sent this form. Old browsers say nothing: the token decides.
fn foreign(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split("://").nth(1) != Some(host),
        _ => false,
    }
}

pub async fn no_such_page() -> PageError {
    PageError::NotFound
}

/// A form with the token of its session.
#[derive(Debug)]
pub struct SignedForm<T>(pub T);

/// A form that is only a button.
#[derive(Debug, serde::Deserialize)]
pub struct NoFields {}

#[derive(serde::Deserialize)]
struct Token {
    #[serde(default)]
    csrf: String,
}

impl<T: DeserializeOwned> FromRequest<Portal> for SignedForm<T> {
    type Rejection = PageError;

    async fn from_request(mut request: Request, _: &Portal) -> Result<Self, PageError> {
        let session: Session = request.extract_parts().await?;
        let body = axum::body::to_bytes(request.into_body(), FORM_MAX_BYTES)
            .await
            .map_err(|_| PageError::BadForm)?;
        let token: Token = decode(&body)?;
        if !session.actor.csrf_matches(&token.csrf) {
            return Err(PageError::ForeignForm);
        }
        decode(&body).map(SignedForm)
    }
}

/// Decodes `application/x-www-form-urlencoded`.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, PageError> {
    serde_urlencoded::from_bytes(body).map_err(|_| PageError::BadForm)
}

/// Pages and errors both become responses; errors become pages in [`surround`].
impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        self.respond()
    }
}
