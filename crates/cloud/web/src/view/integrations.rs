//! Tokens, webhooks and what was sent to them, ready to print.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::{ApiScope, NoticeKind, WebhookState};
use mimamori_service::integrations::{ApiTokenRow, WebhookDelivery, WebhookRow};

use super::{Frame, Moment, Tag};

/// A secret, the only time that it is shown.
#[derive(Debug)]
pub struct Fresh {
    pub title: &'static str,
    /// What it belongs to.
    pub of: String,
    pub secret: String,
    /// What to do with it.
    pub words: &'static str,
}

impl Fresh {
    pub fn token(name: &str, secret: &str) -> Self {
        Fresh {
            title: "APIの鍵ができました",
            of: name.to_owned(),
            secret: secret.to_owned(),
            words: "要求の Authorization: Bearer のあとに付けて使います。",
        }
    }

    pub fn webhook(url: &str, secret: &str) -> Self {
        Fresh {
            title: "Webhookの署名鍵ができました",
            of: url.to_owned(),
            secret: secret.to_owned(),
            words: "受け取る側で、通知が本物かどうかを確かめるために使います。作り直したときは、前の鍵でも1日のあいだ署名します。",
        }
    }
}

#[derive(Debug)]
pub struct ScopeChoice {
    pub code: &'static str,
    pub label: &'static str,
}

/// One token.
#[derive(Debug)]
pub struct TokenLine {
    pub id: String,
    pub name: String,
    pub scopes: String,
    pub made: Moment,
    pub used: Option<Moment>,
    pub ends: Moment,
    pub state: Tag,
    pub usable: bool,
}

impl TokenLine {
    pub fn new(of: &ApiTokenRow, now: Timestamp) -> Self {
        let scopes = of.scopes.split(' ').filter_map(|code| ApiScope::from_code(code).ok());
        let usable = of.revoked_at.is_none() && now < of.expires_at;
        let state = match (of.revoked_at, usable) {
            (Some(_), _) => Tag { class: "check", icon: "lock", word: "使えなくしました" },
            (None, false) => Tag { class: "check", icon: "clock", word: "期限が切れました" },
            (None, true) => Tag { class: "ok", icon: "ok", word: "使えます" },
        };
        TokenLine {
            id: of.id.to_string(),
            name: of.name.to_string(),
            scopes: scopes.map(ApiScope::label).collect::<Vec<_>>().join("、"),
            made: Moment::at(of.created_at, now),
            used: of.used_at.map(|at| Moment::at(at, now)),
            ends: Moment::at(of.expires_at, now),
            state,
            usable,
        }
    }
}

/// One webhook.
#[derive(Debug)]
pub struct HookLine {
    pub id: String,
    pub url: String,
    pub made: Moment,
    pub state: Tag,
    pub on: bool,
}

impl HookLine {
    pub fn new(of: &WebhookRow, now: Timestamp) -> Self {
        let state = match of.state {
            WebhookState::On => Tag { class: "ok", icon: "ok", word: of.state.label() },
            WebhookState::Failing => Tag { class: "act", icon: "act", word: of.state.label() },
            WebhookState::Off => Tag { class: "check", icon: "clock", word: of.state.label() },
        };
        HookLine {
            id: of.id.to_string(),
            url: of.url.clone(),
            made: Moment::at(of.created_at, now),
            state,
            on: of.state == WebhookState::On,
        }
    }
}

/// One event that was sent, or waits.
#[derive(Debug)]
pub struct DeliveryLine {
    pub id: String,
    pub what: &'static str,
    pub to: String,
    pub at: Moment,
    pub attempts: u32,
    pub state: Tag,
    pub answer: String,
    pub dead: bool,
}

impl DeliveryLine {
    pub fn new(of: &WebhookDelivery, hooks: &[WebhookRow], now: Timestamp) -> Self {
        let state = match of.state.as_str() {
            "done" => Tag { class: "ok", icon: "ok", word: "届きました" },
            "queued" if of.attempts == 0 => Tag { class: "look", icon: "clock", word: "送信待ち" },
            "queued" => Tag { class: "check", icon: "clock", word: "もう一度送ります" },
            _ => Tag { class: "act", icon: "act", word: "届けられませんでした" },
        };
        DeliveryLine {
            id: of.id.to_string(),
            what: words(&of.notice.kind),
            to: hooks.iter().find(|h| h.id == of.webhook).map(|h| h.url.clone()).unwrap_or_default(),
            at: Moment::at(of.created_at, now),
            attempts: of.attempts,
            state,
            answer: of.answer.to_string(),
            dead: of.state == "dead",
        }
    }
}

const fn words(of: &NoticeKind) -> &'static str {
    match of {
        NoticeKind::AlertRaised { .. } => "新しいアラート",
        NoticeKind::AlertRose { .. } => "アラートの重要度が上がりました",
        NoticeKind::Investigated { .. } => "調査結果が出ました",
        NoticeKind::GatewayStopped { .. } => "UTM装置が停止しました",
        NoticeKind::GatewayRecovered { .. } => "UTM装置が復旧しました",
        _ => "確認の通知",
    }
}

#[derive(Debug, Template)]
#[template(path = "integrations.html")]
pub struct Page {
    pub frame: Frame,
    pub error: Option<&'static str>,
    pub fresh: Option<Fresh>,
    pub url: String,
    pub name: String,
    pub may_make_tokens: bool,
    /// The password was given lately.
    pub proved: bool,
    pub scopes: Vec<ScopeChoice>,
    pub tokens: Vec<TokenLine>,
    pub hooks: Vec<HookLine>,
    pub deliveries: Vec<DeliveryLine>,
}
