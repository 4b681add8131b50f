//! The API for other machines: what the pages show, as JSON, read with a token (docs/api.md).
//!
//! Holds always: an operation stands in [`operations`] with the scope that it needs, and from
//! there comes its route and its place in the OpenAPI document; a token reads its own company
//! alone; cookies open nothing here, so that no page can make a browser ask; nothing changes
//! anything. Deliberately not here: making tokens (`pages::integrations`, `service`).

mod network;
mod office;
pub mod openapi;
mod params;
mod problem;
mod schemas;
mod security;
mod shape;

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use mimamori_domain::{ApiScope, CustomerId};
use mimamori_service::{Actor, ApiCaller, Service};
use serde_json::Value;

use crate::portal::Portal;
use problem::Problem;

/// Where the API begins. A change that breaks callers gets another number.
pub const ROOT: &str = "/api/v1";

type Answer = Result<Json<Value>, Problem>;

/// One operation.
#[derive(Debug)]
pub struct Operation {
    pub path: &'static str,
    /// `None`: open to everybody, as the document itself.
    pub scope: Option<ApiScope>,
    pub id: &'static str,
    pub summary: &'static str,
    pub parameters: &'static [&'static str],
    /// Name of the answer's schema; lists name what they hold.
    pub answer: Shape,
    pub(crate) handler: MethodRouter<Portal>,
}

/// What an operation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    One(&'static str),
    ListOf(&'static str),
    Document,
}

/// All operations.
pub fn operations() -> Vec<Operation> {
    use ApiScope::{
        Alerts, Announcements, Comparison, Contract, Detections, Gateways, Inquiries, Mails, Status, Usage,
    };
    use Shape::{Document, ListOf, One};
    let all: [(_, _, _, _, &[&str], _, MethodRouter<Portal>); 21] = [
        ("/api/v1/openapi.json", None, "document", "この文書", &[], Document, get(openapi::document)),
        (
            "/api/v1/status",
            Some(Status),
            "status",
            "状態と件数",
            &["days"],
            One("Status"),
            get(security::status),
        ),
        (
            "/api/v1/alerts",
            Some(Alerts),
            "alerts",
            "アラートの一覧（新しい順）",
            &["state", "rating", "gateway", "device", "from", "until", "cursor", "limit"],
            ListOf("Alert"),
            get(security::alerts),
        ),
        (
            "/api/v1/alerts/{id}",
            Some(Alerts),
            "alert",
            "1つのアラートと証拠",
            &["id"],
            One("AlertInFull"),
            get(security::alert),
        ),
        (
            "/api/v1/detections",
            Some(Detections),
            "detections",
            "検知の一覧",
            &["kind", "gateway", "device", "alert", "q", "order", "from", "until", "cursor", "limit"],
            ListOf("Detection"),
            get(security::detections),
        ),
        (
            "/api/v1/detections/{id}",
            Some(Detections),
            "detection",
            "1つの検知",
            &["id"],
            One("Detection"),
            get(security::detection),
        ),
        (
            "/api/v1/gateways",
            Some(Gateways),
            "gateways",
            "UTM装置の一覧",
            &[],
            ListOf("Gateway"),
            get(network::gateways),
        ),
        (
            "/api/v1/gateways/{id}",
            Some(Gateways),
            "gateway",
            "1台のUTM装置",
            &["id"],
            One("Gateway"),
            get(network::gateway),
        ),
        (
            "/api/v1/gateways/{id}/uptime",
            Some(Gateways),
            "uptime",
            "稼働の記録（1時間ごと。記録のない時間は含みません）",
            &["id", "days"],
            ListOf("UptimeHour"),
            get(network::uptime),
        ),
        (
            "/api/v1/devices",
            Some(Gateways),
            "devices",
            "UTM装置の内側の機器",
            &[],
            ListOf("SeenDevice"),
            get(network::devices),
        ),
        (
            "/api/v1/usage/apps",
            Some(Usage),
            "usageApps",
            "アプリの利用",
            &["by", "from", "until", "gateway", "device", "item"],
            ListOf("Usage"),
            get(network::applications),
        ),
        (
            "/api/v1/usage/web",
            Some(Usage),
            "usageWeb",
            "ウェブの利用（分類ごと）",
            &["by", "from", "until", "gateway", "device", "item"],
            ListOf("Usage"),
            get(network::web),
        ),
        (
            "/api/v1/usage/inspection",
            Some(Usage),
            "usageInspection",
            "どこまで検査できたか",
            &["by", "from", "until", "gateway", "device"],
            ListOf("Inspection"),
            get(network::inspection),
        ),
        (
            "/api/v1/comparison",
            Some(Comparison),
            "comparison",
            "全体平均との比較",
            &["from", "until"],
            One("Comparison"),
            get(office::comparison),
        ),
        (
            "/api/v1/announcements",
            Some(Announcements),
            "announcements",
            "お知らせの一覧（新しい順）",
            &[],
            ListOf("Announcement"),
            get(office::announcements),
        ),
        (
            "/api/v1/inquiries",
            Some(Inquiries),
            "inquiries",
            "お問合せの一覧",
            &[],
            ListOf("Inquiry"),
            get(office::inquiries),
        ),
        (
            "/api/v1/inquiries/{id}",
            Some(Inquiries),
            "inquiry",
            "1つのお問合せ",
            &["id"],
            One("InquiryInFull"),
            get(office::inquiry),
        ),
        (
            "/api/v1/exceptions",
            Some(Alerts),
            "exceptions",
            "業務の例外（「これは業務です」）",
            &[],
            ListOf("Exception"),
            get(office::exceptions),
        ),
        (
            "/api/v1/reports",
            Some(Status),
            "reports",
            "月次レポートの一覧（新しい順）",
            &[],
            ListOf("MonthlyReport"),
            get(office::reports),
        ),
        (
            "/api/v1/contract",
            Some(Contract),
            "contract",
            "契約、保険の期間、駆け付けの回数",
            &[],
            One("Contract"),
            get(office::contract),
        ),
        (
            "/api/v1/mail-addresses",
            Some(Mails),
            "mailAddresses",
            "お知らせメールの宛先と届き方",
            &[],
            ListOf("MailAddress"),
            get(office::mail_addresses),
        ),
    ];
    all.into_iter()
        .map(|(path, scope, id, summary, parameters, answer, handler)| Operation {
            path,
            scope,
            id,
            summary,
            parameters,
            answer,
            handler,
        })
        .collect()
}

/// Who asks, for the handlers.
#[derive(Clone, Debug)]
pub struct Call {
    portal: Portal,
    caller: ApiCaller,
}

impl Call {
    fn service(&self) -> &Service {
        self.portal.service()
    }

    fn actor(&self) -> &Actor {
        &self.caller.actor
    }

    fn customer(&self) -> CustomerId {
        self.caller.customer
    }
}

impl FromRequestParts<Portal> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Portal) -> Result<Self, Problem> {
        parts.extensions.get::<Call>().cloned().ok_or(Problem::Unauthorized)
    }
}

/// Before each handler: the token, and what it may read.
pub(crate) async fn check(portal: Portal, scope: ApiScope, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let from = portal.client(peer, request.headers());
    let value = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = value.and_then(bearer).map(str::to_owned);
    match caller(&portal, scope, token, from).await {
        Ok(caller) => {
            request.extensions_mut().insert(Call { portal, caller });
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn caller(
    portal: &Portal,
    scope: ApiScope,
    token: Option<String>,
    from: IpAddr,
) -> Result<ApiCaller, Problem> {
    let token = token.ok_or(Problem::Unauthorized)?;
    let caller = portal.service().api_caller(&token, from).await?;
    if caller.may(scope) { Ok(caller) } else { Err(Problem::MissingScope(scope)) }
}

/// The scheme is compared without regard to case (RFC 9110, 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Answers that no handler made, below [`ROOT`]: as problems as well.
pub(crate) fn dress(response: Response) -> Response {
    match response.status() {
        StatusCode::NOT_FOUND if !is_problem(&response) => Problem::NoSuchAddress.into_response(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::NoSuchMethod.into_response(),
        _ => response,
    }
}

fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/problem+json")
}
