//! Sample pages of the account and of other machines, for the gallery.

use askama::Template;
use mimamori_base::{SeededRng, Timestamp};
use mimamori_domain::{
    AccountId, AlertId, ApiTokenId, CustomerId, Name, Notice, NoticeId, NoticeKind, StarRating,
    WebhookDeliveryId, WebhookId, WebhookState,
};
use mimamori_service::integrations::{ApiTokenRow, WebhookDelivery, WebhookRow};
use mimamori_web::view::access::CodePage;
use mimamori_web::view::integrations::{DeliveryLine, Fresh, HookLine, Page, ScopeChoice, TokenLine};
use mimamori_web::view::second_factor::{self, PasskeyLine};
use mimamori_web::view::{Contact, Frame, Moment};

const NOW: Timestamp = Timestamp::from_secs(1_795_496_700);

fn token(name: &str, revoked: bool) -> ApiTokenRow {
    let rng = SeededRng::new(3);
    ApiTokenRow {
        id: ApiTokenId::generate(NOW, &rng),
        customer: CustomerId([1; 16]),
        account: AccountId([2; 16]),
        name: Name::parse(name).expect("a name"),
        token_hash: [0; 32],
        scopes: "read:status read:alerts".to_owned(),
        created_at: Timestamp::from_secs(NOW.secs() - 86_400),
        expires_at: Timestamp::from_secs(NOW.secs() + 30 * 86_400),
        used_at: revoked.then_some(NOW),
        revoked_at: revoked.then_some(NOW),
    }
}

fn hook(n: u8, state: WebhookState) -> WebhookRow {
    WebhookRow {
        id: WebhookId([n; 16]),
        customer: CustomerId([1; 16]),
        url: format!("https://hooks.example.jp/{n}?a=<b>を含む"),
        secret: Vec::new(),
        old_secret: None,
        old_until: Timestamp(0),
        state,
        failures: 0,
        created_at: NOW,
    }
}

fn delivery(n: u8, state: &str, answer: &str) -> WebhookDelivery {
    let kind = NoticeKind::AlertRaised { alert: AlertId([9; 16]), rating: StarRating::Three };
    WebhookDelivery {
        id: WebhookDeliveryId([n; 16]),
        webhook: WebhookId([1; 16]),
        customer: CustomerId([1; 16]),
        notice: Notice {
            id: NoticeId([n; 16]),
            customer: CustomerId([1; 16]),
            kind,
            created_at: NOW,
            due_at: NOW,
        },
        state: state.to_owned(),
        attempts: u32::from(n),
        created_at: NOW,
        updated_at: NOW,
        answer: answer.into(),
    }
}

fn integrations(frame: Frame, full: bool) -> String {
    let hooks = if full {
        vec![hook(1, WebhookState::On), hook(2, WebhookState::Failing), hook(3, WebhookState::Off)]
    } else {
        Vec::new()
    };
    let sent =
        [delivery(0, "queued", ""), delivery(2, "queued", "HTTP 503"), delivery(9, "dead", "つながりません")];
    let sent = sent.iter().filter(|_| full).map(|d| DeliveryLine::new(d, &hooks, NOW)).collect();
    let tokens = [token("社内ダッシュボード<b>を含む", false), token("古い連携", true)];
    let page = Page {
        frame,
        error: full.then_some("https:// で始まるアドレスを入れてください。"),
        fresh: full.then(|| Fresh::token("社内ダッシュボード", "mmt_sample")),
        url: "http://x\"><script>".to_owned(),
        name: String::new(),
        may_make_tokens: full,
        proved: full,
        scopes: vec![ScopeChoice { code: "read:status", label: "状態と件数" }],
        tokens: tokens.iter().filter(|_| full).map(|t| TokenLine::new(t, NOW)).collect(),
        deliveries: sent,
        hooks: hooks.iter().map(|h| HookLine::new(h, NOW)).collect(),
    };
    page.render().expect("renders")
}

fn second_factor(frame: Frame, on: bool) -> String {
    let passkey = PasskeyLine {
        id: "0".repeat(32),
        name: "事務所のパソコン<b>を含む".to_owned(),
        since: Moment::at(NOW, NOW),
        used: None,
    };
    let page = second_factor::Page {
        frame,
        error: on.then_some("パスキーを確かめられませんでした。"),
        on,
        app: on,
        kind: "認証アプリ".to_owned(),
        undecided: !on,
        must: false,
        codes_left: 9,
        sms: true,
        passkeys: if on { vec![passkey] } else { Vec::new() },
        room: true,
        proved: on,
        request: "{\"challenge\":\"AAAA\"}".to_owned(),
    };
    page.render().expect("renders")
}

fn code(app: bool, sms: bool) -> String {
    let page = CodePage {
        csrf: "x".to_owned(),
        next: "/".to_owned(),
        error: app.then_some("確認コードが違うか、すでに使われています。"),
        app,
        sms,
        sms_to: "090-****-5678".to_owned(),
        passkey: (!sms).then(|| "{}".to_owned()),
        contact: Contact::new("相談窓口", "0120-000-000", "平日 9:00–18:00"),
    };
    page.render().expect("renders")
}

pub fn all(frame: impl Fn(&str) -> Frame) -> Vec<(&'static str, String)> {
    let frame = || frame("/settings");
    let sms = second_factor::SmsPage {
        frame: frame(),
        error: Some("確認コードが違うか、時間（5分）が過ぎています。"),
        number: "+819012345678".to_owned(),
        sent: true,
    };
    let codes = second_factor::CodesPage { frame: frame(), codes: vec!["abcde-fghjk".to_owned(); 10] };
    vec![
        ("integrations", integrations(frame(), true)),
        ("integrations-empty", integrations(frame(), false)),
        ("second-factor", second_factor(frame(), true)),
        ("second-factor-offer", second_factor(frame(), false)),
        ("second-factor-sms", sms.render().expect("renders")),
        ("second-factor-codes", codes.render().expect("renders")),
        ("code-app", code(true, false)),
        ("code-sms", code(false, true)),
        ("code-passkey", code(false, false)),
    ]
}
