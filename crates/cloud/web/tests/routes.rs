//! Every route × every role × two companies (AC-05), and what forms have to carry.
//!
//! A route that this test does not know fails it.

mod api;
mod door;
mod support;
mod weight;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use mimamori_domain::Role;
use mimamori_service::Permission;
use mimamori_web::routes::{Access, Route, table};
use support::{Browser, Company, World};

const ROLES: [Role; 6] = [
    Role::CustomerAdmin,
    Role::CustomerViewer,
    Role::HelpDesk,
    Role::Reseller,
    Role::Operator,
    Role::Analyst,
];

/// What a route is about.
#[derive(Clone, Copy, PartialEq)]
enum Subject {
    /// Nothing of a company.
    Nobody,
    /// The company that the reader has before them.
    Present,
    /// The thing that the address names.
    Named,
}

/// The address of a route for one company, the fields its form needs, and its subject.
fn sample(route: &Route, of: &Company) -> (String, Vec<(&'static str, String)>, Subject) {
    use Subject::{Named, Nobody, Present};
    let path = |id: String| route.path.replace("{id}", &id);
    let plain = |subject| (route.path.to_owned(), vec![], subject);
    match (route.method.as_str(), route.path) {
        ("GET" | "POST", "/login") | ("GET", "/healthz" | "/customers") | ("POST", "/logout") => {
            plain(Nobody)
        }
        ("GET", "/assets/{name}") => (mimamori_web::assets::url("app.css").to_owned(), vec![], Nobody),
        (
            "GET",
            "/" | "/accounts" | "/compare" | "/alerts" | "/detections" | "/detections.csv" | "/gateways"
            | "/settings" | "/mailbox" | "/usage/apps" | "/usage/web" | "/usage/inspection"
            | "/usage/devices" | "/alerts.csv" | "/gateways.csv" | "/usage/devices.csv" | "/usage/apps.csv"
            | "/usage/web.csv" | "/compare.csv",
        ) => plain(Present),
        ("GET" | "POST", "/forgot" | "/login/code") | ("GET", "/confirm") => plain(Nobody),
        ("POST", "/login/passkey" | "/login/code/passkey" | "/login/code/sms") => plain(Nobody),
        ("GET", "/settings/second-factor/sms") => plain(Nobody),
        ("POST", "/settings/second-factor/sms" | "/settings/second-factor/sms/confirm") => {
            let fields = [("number", "09012345678"), ("code", "000000")];
            (route.path.to_owned(), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Nobody)
        }
        ("POST", "/settings/second-factor/passkeys") => {
            (route.path.to_owned(), vec![("name", "私の端末".to_owned())], Nobody)
        }
        (
            "POST",
            "/settings/second-factor/passkeys/{id}/name" | "/settings/second-factor/passkeys/{id}/remove",
        ) => (path("0".repeat(32)), vec![("name", "私の端末".to_owned())], Nobody),
        ("GET", "/settings/second-factor" | "/settings/second-factor/app" | "/settings/sessions") => {
            plain(Nobody)
        }
        ("GET", "/settings/activity") => plain(Nobody),
        ("GET" | "POST", "/reset/{token}") => {
            let fields = [("new", support::PASSWORD), ("again", support::PASSWORD)];
            let fields = fields.map(|(k, v)| (k, v.to_owned())).to_vec();
            (route.path.replace("{token}", "AAAA"), fields, Nobody)
        }
        ("POST", "/confirm" | "/settings/second-factor/off" | "/settings/second-factor/codes") => {
            (route.path.to_owned(), vec![("password", support::PASSWORD.to_owned())], Nobody)
        }
        ("POST", "/settings/second-factor/app") => {
            let fields = [("key", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), ("code", "1"), ("password", "x")];
            (route.path.to_owned(), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Nobody)
        }
        ("POST", "/settings/sessions/{id}/end") => (path("0".repeat(32)), vec![], Nobody),
        ("POST", "/settings/sessions/end-others") => plain(Nobody),
        ("POST", "/accounts") => {
            let fields = [("name", "乙"), ("email", "z@example.jp"), ("role", "customer_viewer")];
            (route.path.to_owned(), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Present)
        }
        ("GET", "/settings/integrations") => plain(Present),
        ("POST", "/settings/integrations/tokens") => {
            let fields = [("name", "表示"), ("days", "30"), ("read:status", "yes")];
            (route.path.to_owned(), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Nobody)
        }
        ("POST", "/settings/integrations/tokens/{id}/revoke") => {
            (path(of.token_id.to_string()), vec![], Named)
        }
        ("POST", "/settings/integrations/webhooks") => {
            (route.path.to_owned(), vec![("url", "https://hooks.example.jp/2".to_owned())], Present)
        }
        ("POST", "/settings/integrations/webhooks/{id}/switch") => {
            (path(of.webhook.to_string()), vec![("on", "yes".to_owned())], Named)
        }
        (
            "POST",
            "/settings/integrations/webhooks/{id}/secret"
            | "/settings/integrations/webhooks/{id}/remove"
            | "/settings/integrations/webhooks/{id}/test",
        ) => (path(of.webhook.to_string()), vec![], Named),
        ("POST", "/settings/integrations/deliveries/{id}/resend") => (path("00".repeat(16)), vec![], Nobody),
        ("POST", "/accounts/{id}/reissue" | "/accounts/{id}/second-factor" | "/accounts/{id}/stop") => {
            (path(of.account.to_string()), vec![], Named)
        }
        ("GET", "/alerts/{id}") => (path(of.alert.to_string()), vec![], Named),
        ("GET", "/a/{id}") => (path(of.alert.to_string()), vec![], Nobody),
        ("POST", "/alerts/{id}/acknowledge" | "/alerts/{id}/close") => {
            (path(of.alert.to_string()), vec![], Named)
        }
        ("POST", "/alerts/{id}/scan") => {
            (path(of.alert.to_string()), vec![("result", "clean".to_owned())], Named)
        }
        ("GET", "/alerts/{id}/files/{file}") => {
            (path(of.alert.to_string()).replace("{file}", &of.scan_file.to_string()), vec![], Named)
        }
        ("GET", "/detections/{id}") => (path(of.detection.to_string()), vec![], Named),
        ("GET", "/devices/{id}/{key}") => {
            (path(of.gateway.to_string()).replace("{key}", &of.device), vec![], Named)
        }
        ("GET", "/gateways/{id}") => (path(of.gateway.to_string()), vec![], Named),
        ("POST", "/gateways/{id}/name") => {
            (path(of.gateway.to_string()), vec![("name", format!("{}新館", of.mark))], Named)
        }
        ("GET", "/settings/sms") => plain(Present),
        ("POST", "/settings/sms" | "/settings/sms/verify") => {
            // Unproved and in use, whoever asks first; both answers are the form again or the page.
            let fields = [("number", "09012345678"), ("code", "000000")];
            (route.path.to_owned(), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Nobody)
        }
        ("POST", "/settings/sms/remove") => {
            (route.path.to_owned(), vec![("number", "09012345678".to_owned())], Nobody)
        }
        ("POST", "/gateways/{id}/outage") => {
            (path(of.gateway.to_string()), vec![("minutes", "30".to_owned())], Named)
        }
        ("POST", "/settings/password") => {
            let fields =
                [("current", support::PASSWORD), ("new", support::PASSWORD), ("again", support::PASSWORD)];
            (route.path.to_owned(), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Nobody)
        }
        ("POST", "/settings/addresses") => {
            (route.path.to_owned(), vec![("address1", "x@example.jp".to_owned())], Present)
        }
        ("POST", "/settings/test-mail") => {
            (route.path.to_owned(), vec![("to", "x@example.jp".to_owned())], Present)
        }
        ("POST", "/customers/{id}/open") => (path(of.customer.to_string()), vec![], Named),
        ("GET", "/investigations/{id}") => (path(of.alert.to_string()), vec![], Named),
        ("POST", "/investigations/{id}/note") => {
            (path(of.alert.to_string()), vec![("text", "メモ".to_owned())], Named)
        }
        ("POST", "/investigations/{id}/assign") => {
            (path(of.alert.to_string()), vec![("take", "yes".to_owned())], Named)
        }
        ("POST", "/investigations/{id}/finding") => {
            let fields = [("verdict", "harmless"), ("report", "調べました。")];
            (path(of.alert.to_string()), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Named)
        }
        ("POST", "/alerts/{id}/exception") => {
            let fields = [("by", "signature"), ("place", "device"), ("days", "30"), ("reason", "業務")];
            (path(of.alert.to_string()), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Named)
        }
        ("GET", "/investigations" | "/exceptions" | "/policies" | "/outbox")
        | ("GET" | "POST", "/received") => plain(Nobody),
        ("POST", "/policies") => {
            let source = mimamori_domain::policy::BUILTIN.to_owned();
            (route.path.to_owned(), vec![("source", source), ("note", "試し".to_owned())], Nobody)
        }
        ("GET", "/policies/{id}")
        | ("POST", "/policies/{id}/try" | "/outbox/{id}/resend" | "/exceptions/{id}/end") => {
            (path("00".repeat(16)), vec![], Nobody)
        }
        ("POST", "/policies/{id}/live") => (path("00".repeat(16)), vec![("why", "試し".to_owned())], Nobody),
        ("POST", "/policies/shipped/live") => {
            (route.path.to_owned(), vec![("why", "試し".to_owned())], Nobody)
        }
        ("POST", "/exceptions/{id}/decide") => {
            (path("00".repeat(16)), vec![("agreed", "yes".to_owned())], Nobody)
        }
        ("GET", "/mailbox/{number}") => (route.path.replace("{number}", "1"), vec![], Present),
        _ => paper_sample(route, of),
    }
}

/// The same for what customers and the desk tell each other, and what there is to read.
fn paper_sample(route: &Route, of: &Company) -> (String, Vec<(&'static str, String)>, Subject) {
    use Subject::{Named, Nobody, Present};
    let path = |id: String| route.path.replace("{id}", &id);
    let plain = |subject| (route.path.to_owned(), vec![], subject);
    let text = || vec![("text", "書きました。".to_owned())];
    match (route.method.as_str(), route.path) {
        ("GET", "/more" | "/contract" | "/reports" | "/reports/this-month" | "/inquiries/new") => {
            plain(Present)
        }
        // Everybody's announcements, and the desk's own queue.
        ("GET", "/announcements" | "/announcements/new" | "/inquiries" | "/documents") => plain(Nobody),
        ("POST", "/announcements") => {
            let fields = [("kind", "news"), ("title", "お知らせ"), ("text", "本文")];
            (route.path.to_owned(), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Nobody)
        }
        ("GET", "/announcements/{id}") | ("POST", "/announcements/{id}/withdraw") => {
            (path("00".repeat(16)), vec![], Nobody)
        }
        ("POST", "/inquiries") => {
            let fields = [("title", "件名"), ("topic", "other"), ("text", "本文")];
            (route.path.to_owned(), fields.map(|(k, v)| (k, v.to_owned())).to_vec(), Present)
        }
        ("GET", "/inquiries/{id}") | ("POST", "/inquiries/{id}/close") => {
            (path(of.inquiry.to_string()), vec![], Named)
        }
        ("POST", "/inquiries/{id}/reply" | "/inquiries/{id}/answer") => {
            (path(of.inquiry.to_string()), text(), Named)
        }
        ("GET", "/attachments/{id}") => (path(of.attachment.to_string()), vec![], Named),
        ("GET", "/reports/{id}/pdf") => (path(of.report.to_string()), vec![], Named),
        ("POST", "/reports/mail") => (route.path.to_owned(), vec![("wish", "yes".to_owned())], Present),
        ("GET", "/documents/{slug}" | "/documents/{slug}/pdf") => {
            (route.path.replace("{slug}", "quick-start"), vec![], Nobody)
        }
        ("GET", "/documents/pictures/{name}") => (route.path.replace("{name}", "status.png"), vec![], Nobody),
        (method, path) => panic!("{method} {path} is not classified in this test: say what it is about"),
    }
}

fn allowed(access: Access, role: Role) -> bool {
    match access {
        Access::Public | Access::Session | Access::Fresh => true,
        Access::Needs(permission) | Access::Proved(permission) => permission.of(role),
        Access::Api(_) => false,
    }
}

fn sees(role: Role, other_company: bool) -> bool {
    !other_company || matches!(role, Role::Operator | Role::Analyst)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_for_every_role_and_two_companies() {
    for role in ROLES {
        // Reading first, as writing changes what is read; a fresh world for each role.
        let world = World::new().await;
        let (reads, writes): (Vec<Route>, Vec<Route>) =
            table().into_iter().partition(|r| r.method == Method::GET);
        for route in reads.iter().chain(&writes) {
            for (company, other) in [(&world.a, false), (&world.b, true)] {
                walk(&world, route, role, company, other).await;
            }
        }
    }
}

async fn walk(world: &World, route: &Route, role: Role, company: &Company, other: bool) {
    let (path, mut fields, subject) = sample(route, company);
    let what = format!("{role:?} {} {path} of {}", route.method, company.mark);
    if subject == Subject::Present && other && role != Role::Operator {
        return; // The present company is the reader's own; there is no other one to ask for.
    }
    let mut browser = Browser::logged_in(world, role, "a").await;
    if subject == Subject::Present && !matches!(role, Role::CustomerAdmin | Role::CustomerViewer) {
        choose(&mut browser, company).await;
    }
    let answer = if route.method == Method::GET {
        browser.get(&path).await
    } else {
        let token = browser.get("/settings").await.csrf();
        fields.push(("csrf", token));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        browser.post(&path, &fields).await
    };
    let wanted = match (allowed(route.access, role), subject == Subject::Named && !sees(role, other)) {
        (false, _) => vec![StatusCode::FORBIDDEN],
        (true, true) => vec![StatusCode::NOT_FOUND],
        // A second walk through the same world meets an alert that is already dealt with.
        (true, false) => vec![StatusCode::OK, StatusCode::SEE_OTHER, StatusCode::CONFLICT],
    };
    // Forms about the reader's own account refuse made-up content with a reason.
    let own_form = subject == Subject::Nobody
        && matches!(answer.status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND);
    let at_the_door = route.access == Access::Public && route.method == Method::POST;
    assert!(
        wanted.contains(&answer.status) || own_form || at_the_door,
        "{what}: {}\n{}",
        answer.status,
        answer.body
    );
    let stranger = if other { &world.a } else { &world.b };
    if !matches!(role, Role::Operator | Role::Analyst) {
        assert!(!answer.body.contains(world.b.mark), "{what}: shows the other company");
    } else if subject == Subject::Present {
        assert!(!answer.body.contains(stranger.mark), "{what}: mixes two companies");
    }
    if answer.status == StatusCode::OK && subject == Subject::Named && route.method == Method::GET {
        assert!(answer.body.contains(company.mark), "{what}: does not show the company");
    }
}

async fn choose(browser: &mut Browser, company: &Company) {
    let csrf = browser.get("/settings").await.csrf();
    let path = format!("/customers/{}/open", company.customer);
    assert_eq!(browser.post(&path, &[("csrf", &csrf)]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nobody_gets_in_without_a_session_and_no_form_without_its_token() {
    let world = World::new().await;
    for route in table() {
        let (path, fields, _) = sample(&route, &world.a);
        let mut stranger = Browser::new(&world);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let answer = match route.method {
            Method::GET => stranger.get(&path).await,
            _ => stranger.post(&path, &fields).await,
        };
        if route.access != Access::Public {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{} {path}", route.method);
            let target = answer.location.unwrap_or_default();
            assert!(target.starts_with("/login"), "{} {path} leads to {target}", route.method);
            assert!(!answer.body.contains(world.a.mark));
        }
        if route.method == Method::POST && route.access != Access::Public {
            let mut admin = Browser::logged_in(&world, Role::Operator, "a").await;
            assert_eq!(admin.post(&path, &fields).await.status, StatusCode::FORBIDDEN, "no token: {path}");
            let csrf = admin.get("/settings").await.csrf();
            let mut with_token = fields.clone();
            with_token.push(("csrf", &csrf));
            let body = serde_urlencoded::to_string(&with_token).expect("a form");
            let foreign = Request::post(&path)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "cross-site");
            assert_eq!(admin.send(foreign, Body::from(body)).await.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    for path in
        ["/", "/login", "/nothing-here", "/healthz", "/detections.csv", mimamori_web::assets::url("app.js")]
    {
        let answer = browser.get(path).await;
        let header = |name: &str| answer.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let policy = mimamori_web::content_security_policy().to_str().expect("text");
        assert_eq!(header("content-security-policy"), policy, "{path}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        let cached = header("cache-control").contains("immutable");
        assert_eq!(cached, path.starts_with("/assets/"), "{path}: {}", header("cache-control"));
    }
    assert_eq!(browser.get("/nothing-here").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn login_refuses_alike_slows_down_and_leads_only_here() {
    let world = World::new().await;
    let mut browser = Browser::new(&world);
    let unknown = browser.log_in("nobody", "x").await;
    let wrong = browser.log_in(&support::user(Role::CustomerAdmin, "a"), "x").await;
    assert_eq!((unknown.status, wrong.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    let csrf = browser.get("/login").await.csrf();
    let user = support::user(Role::CustomerAdmin, "a");
    let form = [
        ("csrf", csrf.as_str()),
        ("user", &user),
        ("password", support::PASSWORD),
        ("next", "//evil.example"),
    ];
    let mut bad = form;
    bad[0].1 = "0";
    assert_eq!(browser.post("/login", &bad).await.status, StatusCode::FORBIDDEN, "wrong token of the door");
    assert_eq!(browser.post("/login", &form).await.location.as_deref(), Some("/"));
    let mut guesser = Browser::new(&world);
    let mut last = StatusCode::OK;
    for n in 0..25 {
        last = guesser.log_in(&format!("guess{n}"), "x").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_a_customer_does_about_an_alert() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let home = browser.get("/").await.body;
    assert!(home.contains("ご利用の環境で問題がみつかりました") && home.contains("次にすること"));
    let path = format!("/alerts/{}", world.a.alert);
    let page = browser.get(&path).await;
    for words in ["何が起きたか", "どの機器か", "止めたか", "今すること", "いつまで・連絡先", "★★★"]
    {
        assert!(page.body.contains(words), "{words}");
    }
    let csrf = page.csrf();
    let done = browser.post(&format!("{path}/acknowledge"), &[("csrf", &csrf)]).await;
    assert_eq!(done.location.as_deref(), Some(path.as_str()));
    let after = browser.get(&path).await.body;
    assert!(after.contains("「確認しました」を記録しました"));
    assert!(
        !browser.get(&path).await.body.contains("「確認しました」を記録しました"),
        "a message is shown once"
    );
    let again = browser.post(&format!("{path}/acknowledge"), &[("csrf", &csrf)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let scan = [("csrf", csrf.as_str()), ("result", "removed"), ("note", "=HYPERLINK")];
    assert_eq!(browser.post(&format!("{path}/scan"), &scan).await.status, StatusCode::SEE_OTHER);
    assert!(browser.get(&path).await.body.contains("スキャン報告済み"));
    // ★★★ is not done with before its scan; now it is.
    assert!(browser.get(&path).await.body.contains("完了にする"));
}

#[tokio::test]
async fn the_list_as_csv_is_safe_in_a_spreadsheet() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerViewer, "a").await;
    let csv = browser.get("/detections.csv?days=90").await;
    assert!(csv.body.starts_with("\u{feff}\"はじめの日時\""));
    assert_eq!(csv.body.lines().count(), 2, "{}", csv.body);
    assert!(csv.body.contains("\"'=cmd (0:9000000)\""), "{}", csv.body);
}

#[tokio::test]
async fn gw_03_a_gateways_page_says_which_files_were_not_inspected() {
    let world = World::new().await;
    let of = world.a.gateway;
    for role in [Role::CustomerViewer, Role::Operator] {
        let mut browser = Browser::logged_in(&world, role, "a").await;
        if role == Role::Operator {
            choose(&mut browser, &world.a).await;
        }
        let page = browser.get(&format!("/gateways/{of}")).await.body;
        assert!(page.contains("ファイルを1,234個検査し、うち2個が有害でした"), "{role:?}: {page}");
        assert!(page.contains("検査できなかったファイルは8個です"), "{role:?}");
        assert!(page.contains("パスワードがかかっている") && page.contains("間に合わなかった"), "{role:?}");
        assert!(!page.contains("大きすぎる"), "only reasons that occurred");
        let csv = browser.get("/gateways.csv").await.body;
        assert!(csv.contains("検査できなかったファイルの数"), "{csv}");
        assert!(csv.lines().nth(1).is_some_and(|line| line.ends_with("\"1234\",\"8\"")), "{csv}");
    }
}

#[tokio::test]
async fn settings_say_what_is_wrong_and_keep_what_was_typed() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let csrf = browser.get("/settings").await.csrf();
    let bad = browser.post("/settings/addresses", &[("csrf", &csrf), ("address1", "だめ")]).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.body.contains("value=\"だめ\"") && bad.body.contains("aria-invalid"));
    let good = browser.post("/settings/addresses", &[("csrf", &csrf), ("address1", "new@example.jp")]).await;
    assert_eq!(good.status, StatusCode::SEE_OTHER);
    assert!(browser.get("/settings").await.body.contains("new@example.jp"));
    let fields =
        [("csrf", csrf.as_str()), ("current", "x"), ("new", "long-enough-99"), ("again", "long-enough-99")];
    assert!(browser.post("/settings/password", &fields).await.body.contains("今のパスワードが違います"));
}

#[tokio::test]
async fn a_temporary_password_has_to_be_changed_first() {
    let world = World::new().await;
    let login = mimamori_domain::LoginName::parse(&support::user(Role::CustomerAdmin, "a")).expect("a login");
    let secret = world.service.reset_password(&world.service.console(), &login).await.expect("reset");
    let mut browser = Browser::new(&world);
    assert_eq!(browser.log_in(login.as_str(), secret.reveal()).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/alerts").await.location.as_deref(), Some("/settings"));
    let page = browser.get("/settings").await;
    assert!(page.body.contains("仮のパスワード"));
    let csrf = page.csrf();
    let new = "quite-another-77";
    let fields = [("csrf", csrf.as_str()), ("current", secret.reveal()), ("new", new), ("again", new)];
    assert_eq!(browser.post("/settings/password", &fields).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/alerts").await.status, StatusCode::OK);
    let csrf = browser.get("/settings").await.csrf();
    browser.post("/logout", &[("csrf", &csrf)]).await;
    assert!(!browser.has_cookie("mimamori-session"));
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
}

#[test]
fn writing_is_never_open_to_everybody_but_the_door() {
    let door = [
        "/login",
        "/login/passkey",
        "/login/code",
        "/login/code/passkey",
        "/login/code/sms",
        "/forgot",
        "/reset/{token}",
        "/received",
    ];
    for route in table() {
        let public = route.access == Access::Public;
        assert!(route.method == Method::GET || !public || door.contains(&route.path), "{}", route.path);
        if let Access::Needs(permission) = route.access {
            assert!(route.method == Method::GET || permission != Permission::ViewPortal, "{}", route.path);
        }
    }
}
