//! Login in its two steps, logout, static files, the health check.

use std::net::SocketAddr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mimamori_domain::{Line, SecondFactor};
use mimamori_service::{ClientInfo, LoggedIn, LoginError, SessionToken};
use serde::Deserialize;

use crate::assets;
use crate::cookie::Cookie;
use crate::error::PageError;
use crate::guard::{self, NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::query::own_path;
use crate::view::access::CodePage;
use crate::view::door::LoginPage;

#[derive(Debug, Default, Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

pub async fn login_page(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Query(query): Query<Next>,
) -> Result<Response, PageError> {
    if guard::find_session(&portal, &headers).await?.is_some() {
        return Ok(Redirect::to("/").into_response());
    }
    let next = own_path(&query.next);
    let info = (next != "/").then_some("ログインすると、続きのページを表示します。");
    door(&portal, &headers, Form { next, user: "", error: None, info }, StatusCode::OK)
}

/// What the login page shows again.
struct Form<'a> {
    next: &'a str,
    user: &'a str,
    error: Option<&'a str>,
    info: Option<&'static str>,
}

fn door(
    portal: &Portal,
    headers: &HeaderMap,
    form: Form<'_>,
    status: StatusCode,
) -> Result<Response, PageError> {
    let mut response = at_the_door(portal, headers, |csrf| LoginPage {
        passkey: portal.service().begin_passkey_login(&csrf).json(),
        csrf,
        next: form.next.to_owned(),
        user: form.user.to_owned(),
        error: form.error.map(str::to_owned),
        info: form.info,
        contact: portal.options().contact.clone(),
    })?;
    *response.status_mut() = status;
    Ok(response)
}

/// The login page once more, with what went wrong.
pub fn again_at_the_door(
    portal: &Portal,
    headers: &HeaderMap,
    next: &str,
    error: &str,
    status: StatusCode,
) -> Result<Response, PageError> {
    door(portal, headers, Form { next, user: "", error: Some(error), info: None }, status)
}

fn is_nonce(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[derive(Debug, Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    next: String,
    user: String,
    password: String,
}

pub async fn login(
    State(portal): State<Portal>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let form: LoginForm = guard::decode(&body)?;
    let next = own_path(&form.next);
    let door_token = portal.cookies().read(&headers, Cookie::Door).filter(|t| is_nonce(t));
    let again = |error: &str, status| {
        door(&portal, &headers, Form { next, user: &form.user, error: Some(error), info: None }, status)
    };
    if door_token != Some(form.csrf.as_str()) {
        return again(
            "画面を開いてから時間がたちました。もう一度ログインしてください。",
            StatusCode::FORBIDDEN,
        );
    }
    let from = client(&portal, peer, &headers);
    match portal.service().login(form.user.trim(), &form.password, &from).await {
        Ok(fresh) => {
            if let Some(old) = guard::find_session(&portal, &headers).await? {
                portal.service().logout(&old.token).await?;
            }
            Ok(let_in(&portal, &fresh, next))
        }
        Err(LoginError::Service(e)) => Err(PageError::Service(e)),
        Err(e @ LoginError::Throttled) => {
            let mut response = again(e.for_people(), StatusCode::TOO_MANY_REQUESTS)?;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("600"));
            Ok(response)
        }
        Err(e) => again(e.for_people(), StatusCode::UNAUTHORIZED),
    }
}

/// Who is at the other end, and whether this browser has been here before.
pub fn client(
    portal: &Portal,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: &HeaderMap,
) -> ClientInfo {
    let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
    ClientInfo {
        ip: portal.client(peer.map(|Extension(ConnectInfo(peer))| peer), headers),
        user_agent: agent.map(Line::clip).unwrap_or_default(),
        browser: portal.cookies().read(headers, Cookie::Browser).map(SessionToken::from_cookie),
    }
}

/// The cookies of a login, and where it leads: to the code if one is still needed.
pub fn let_in(portal: &Portal, fresh: &LoggedIn, next: &str) -> Response {
    let cookies = portal.cookies();
    let target = match (fresh.needs_code, next) {
        (false, _) => next.to_owned(),
        (true, "/") => "/login/code".to_owned(),
        (true, _) => format!("/login/code?next={}", crate::query::escape(next)),
    };
    let mut response = Redirect::to(&target).into_response();
    let set = response.headers_mut();
    set.append(header::SET_COOKIE, cookies.set(Cookie::Session, fresh.token.cookie_value()));
    set.append(header::SET_COOKIE, cookies.clear(Cookie::Customer));
    if !fresh.needs_code {
        set.append(header::SET_COOKIE, cookies.clear(Cookie::Door));
    }
    if let Some(browser) = &fresh.browser {
        set.append(header::SET_COOKIE, cookies.keep(Cookie::Browser, browser.cookie_value()));
    }
    response
}

pub async fn code_page(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Query(query): Query<Next>,
) -> Result<Response, PageError> {
    let next = own_path(&query.next);
    if guard::find_session(&portal, &headers).await?.is_some() {
        return Ok(Redirect::to(next).into_response());
    }
    code_form(&portal, &headers, next, None).await
}

/// The page of the second step; back to the login if nothing waits for one.
pub async fn code_form(
    portal: &Portal,
    headers: &HeaderMap,
    next: &str,
    error: Option<&'static str>,
) -> Result<Response, PageError> {
    let value = portal.cookies().read(headers, Cookie::Session).unwrap_or_default();
    let step = portal.service().second_step(&SessionToken::from_cookie(value)).await?;
    let step = step.ok_or_else(|| PageError::LoginNeeded { next: next.to_owned() })?;
    at_the_door(portal, headers, |csrf| CodePage {
        csrf,
        next: next.to_owned(),
        error,
        app: step.kind == SecondFactor::App,
        sms: step.kind == SecondFactor::Sms,
        sms_to: step.sms_to.unwrap_or_default(),
        passkey: step.passkey.map(|p| p.json()),
        contact: portal.options().contact.clone(),
    })
}

/// A page before the login: its form carries the token of the door's cookie.
pub fn at_the_door<T: askama::Template>(
    portal: &Portal,
    headers: &HeaderMap,
    page: impl FnOnce(String) -> T,
) -> Result<Response, PageError> {
    let known = portal.cookies().read(headers, Cookie::Door).filter(|t| is_nonce(t)).map(str::to_owned);
    let csrf = known.clone().unwrap_or_else(|| portal.nonce());
    let mut response = super::show(portal, false, &page(csrf.clone()))?;
    if known.is_none() {
        response.headers_mut().append(header::SET_COOKIE, portal.cookies().set(Cookie::Door, &csrf));
    }
    Ok(response)
}

/// Whether a form from before the login carries the token of the door's cookie.
pub fn from_the_door(portal: &Portal, headers: &HeaderMap, csrf: &str) -> Result<(), PageError> {
    let token = portal.cookies().read(headers, Cookie::Door).filter(|t| is_nonce(t));
    if token == Some(csrf) { Ok(()) } else { Err(PageError::ForeignForm) }
}

#[derive(Deserialize)]
pub struct CodeForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    next: String,
    code: String,
}

pub async fn code(
    State(portal): State<Portal>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let form: CodeForm = guard::decode(&body)?;
    from_the_door(&portal, &headers, &form.csrf)?;
    let next = own_path(&form.next);
    let value = portal.cookies().read(&headers, Cookie::Session).unwrap_or_default();
    let from = client(&portal, peer, &headers);
    let status = match portal.service().give_code(&SessionToken::from_cookie(value), &form.code, &from).await
    {
        Ok(fresh) => return Ok(let_in(&portal, &fresh, next)),
        Err(LoginError::Service(e)) => return Err(e.into()),
        Err(e @ (LoginError::StartAgain | LoginError::Refused)) => {
            let again = Form { next, user: "", error: Some(e.for_people()), info: None };
            return door(&portal, &headers, again, StatusCode::UNAUTHORIZED);
        }
        Err(e @ LoginError::Throttled) => (StatusCode::TOO_MANY_REQUESTS, e.for_people()),
        Err(e @ (LoginError::WrongCode | LoginError::PasskeyRefused)) => {
            (StatusCode::UNAUTHORIZED, e.for_people())
        }
    };
    let mut response = code_form(&portal, &headers, next, Some(status.1)).await?;
    *response.status_mut() = status.0;
    Ok(response)
}

pub async fn logout(
    State(portal): State<Portal>,
    session: Session,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    portal.service().logout(&session.token).await?;
    let mut response = Redirect::to("/login").into_response();
    for cookie in [Cookie::Session, Cookie::Customer, Cookie::Flash] {
        response.headers_mut().append(header::SET_COOKIE, portal.cookies().clear(cookie));
    }
    // The browser's copies go as well; the cookie of a known browser stays.
    let clear = HeaderValue::from_static("\"cache\", \"storage\"");
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), clear);
    Ok(response)
}

pub async fn asset(Path(name): Path<String>) -> Result<Response, PageError> {
    let asset = assets::find(&name).ok_or(PageError::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    Ok((headers, asset.body).into_response())
}

/// For load balancers: the portal answers and its database does.
pub async fn healthz(State(portal): State<Portal>) -> Response {
    match portal.service().ping().await {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "database does not answer\n").into_response()
        }
    }
}
