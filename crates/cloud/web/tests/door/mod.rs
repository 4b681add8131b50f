//! The door as a browser meets it: code, reset, confirmation (AC-01…AC-03).

use crate::support::{Browser, PASSWORD, World, user};
use axum::http::StatusCode;
use mimamori_domain::Role;
use mimamori_service::short::SmsPurpose;
use mimamori_service::views::Attempt;
use totp_rs::{Builder, Secret};

fn code_of(key: &str, seconds: i64) -> String {
    let secret = Secret::try_from_base32(key).expect("a key");
    let seconds = u64::try_from(seconds).expect("a time");
    Builder::new().with_secret(secret).build().expect("totp").generate(seconds).to_string()
}

#[tokio::test]
async fn an_authenticator_is_set_up_and_asked_for_at_the_next_login() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let page = browser.get("/settings/second-factor/app").await;
    assert!(page.body.contains("<svg class=\"qr\""), "{}", page.body);
    let key =
        page.body.split("name=\"key\" value=\"").nth(1).and_then(|s| s.split('"').next()).expect("a key");
    let plain: String = key.chars().filter(|c| !c.is_whitespace()).collect();
    let now = world.service.now().secs();
    let send = |code: String| {
        [("csrf", page.csrf()), ("key", key.to_owned()), ("code", code), ("password", PASSWORD.to_owned())]
    };
    let post = async |browser: &mut Browser, fields: [(&str, String); 4]| {
        let fields = fields.each_ref().map(|(k, v)| (*k, v.as_str()));
        browser.post("/settings/second-factor/app", &fields).await
    };
    let wrong = post(&mut browser, send("000000".to_owned())).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains(key), "the same key again, as the app has it already");
    let done = post(&mut browser, send(code_of(&plain, now))).await;
    assert_eq!(done.status, StatusCode::OK);
    let codes: Vec<&str> = done
        .body
        .split("<li>")
        .skip(1)
        .filter_map(|s| s.split("</li>").next())
        .filter(|s| s.len() == 11)
        .collect();
    assert_eq!(codes.len(), 10, "{}", done.body);

    let mut next = Browser::new(&world);
    let half = next.log_in(&user(Role::CustomerAdmin, "a"), PASSWORD).await;
    assert_eq!(half.location.as_deref(), Some("/login/code"));
    assert_eq!(next.get("/").await.location.as_deref(), Some("/login"), "half a login opens nothing");
    let csrf = next.get("/login/code").await.csrf();
    let wrong = next.post("/login/code", &[("csrf", &csrf), ("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let done = next.post("/login/code", &[("csrf", &csrf), ("code", codes[0]), ("next", "/alerts")]).await;
    assert_eq!(done.location.as_deref(), Some("/alerts"), "{}", done.body);
    assert_eq!(next.get("/alerts").await.status, StatusCode::OK);
    assert!(next.has_cookie("mimamori-browser"));
    assert!(next.get("/settings/activity").await.body.contains("認証アプリ"));
    let page = next.get("/settings/second-factor").await;
    assert!(page.body.contains("残り<b>9件</b>"), "{}", page.body);
}

#[tokio::test]
async fn what_matters_asks_for_the_password_again() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let csrf = browser.get("/settings").await.csrf();
    let save = [("csrf", csrf.as_str()), ("address1", "new@example.jp")];
    assert_eq!(browser.post("/settings/addresses", &save).await.location.as_deref(), Some("/settings"));
    world.clock.advance(std::time::Duration::from_secs(1_900));
    let asked = browser.post("/settings/addresses", &save).await;
    assert_eq!(asked.location.as_deref(), Some("/confirm?next=%2Fsettings"));
    let wrong = browser.post("/confirm", &[("csrf", &csrf), ("password", "x"), ("next", "/settings")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = [("csrf", csrf.as_str()), ("password", PASSWORD), ("next", "/settings")];
    assert_eq!(browser.post("/confirm", &right).await.location.as_deref(), Some("/settings"));
    assert_eq!(browser.post("/settings/addresses", &save).await.location.as_deref(), Some("/settings"));
}

#[tokio::test]
async fn forgetting_a_password_tells_nobody_who_has_an_account() {
    let world = World::new().await;
    let mut answers = Vec::new();
    for given in [user(Role::CustomerAdmin, "a"), "nobody-at-all".to_owned()] {
        let mut browser = Browser::new(&world);
        let csrf = browser.get("/forgot").await.csrf();
        let answer = browser.post("/forgot", &[("csrf", &csrf), ("given", &given)]).await;
        assert_eq!(answer.status, StatusCode::OK);
        answers.push(answer.body);
    }
    assert_eq!(answers[0], answers[1]);
    let mut browser = Browser::new(&world);
    let closed = browser.get("/reset/AAAA").await;
    assert_eq!(closed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(closed.body.contains("このリンクは使えません"));
}

#[tokio::test]
async fn the_desk_issues_an_account_without_seeing_its_password() {
    let world = World::new().await;
    let mut desk = Browser::logged_in(&world, Role::HelpDesk, "a").await;
    let csrf = desk.get("/settings").await.csrf();
    desk.post(&format!("/customers/{}/open", world.a.customer), &[("csrf", &csrf)]).await;
    let bad = [("csrf", csrf.as_str()), ("name", "次郎"), ("email", "だめ"), ("role", "customer_viewer")];
    assert_eq!(desk.post("/accounts", &bad).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let good =
        [("csrf", csrf.as_str()), ("name", "次郎"), ("email", "j@example.jp"), ("role", "customer_viewer")];
    let issued = desk.post("/accounts", &good).await;
    assert_eq!(issued.location.as_deref(), Some("/accounts"), "{}", issued.body);
    let list = desk.get("/accounts").await.body;
    assert!(list.contains("次郎") && list.contains("初回ログイン前"));
    let staff = [("csrf", csrf.as_str()), ("name", "悪者"), ("email", "e@example.jp"), ("role", "operator")];
    assert_eq!(desk.post("/accounts", &staff).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn ending_other_sessions_asks_for_the_password() {
    let world = World::new().await;
    let mut other = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    world.clock.advance(std::time::Duration::from_secs(1_900));
    let csrf = browser.get("/settings/sessions").await.csrf();
    let asked = browser.post("/settings/sessions/end-others", &[("csrf", &csrf)]).await;
    assert!(asked.location.is_some_and(|l| l.starts_with("/confirm")));
    assert_eq!(other.get("/alerts").await.status, StatusCode::OK);
    browser.post("/confirm", &[("csrf", &csrf), ("password", PASSWORD)]).await;
    let ended = browser.post("/settings/sessions/end-others", &[("csrf", &csrf)]).await;
    assert_eq!(ended.location.as_deref(), Some("/settings/sessions"));
    assert_eq!(other.get("/alerts").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/alerts").await.status, StatusCode::OK);
}

#[tokio::test]
async fn logging_out_clears_what_the_browser_kept() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let csrf = browser.get("/settings").await.csrf();
    let out = browser.post("/logout", &[("csrf", &csrf)]).await;
    let cleared = out.headers.get("clear-site-data").and_then(|v| v.to_str().ok());
    assert_eq!(cleared, Some("\"cache\", \"storage\""));
    assert!(browser.has_cookie("mimamori-browser"), "the owner stays known here");
}

/// The code of the message that waits, as the provider would be given it.
async fn sms_code(world: &World) -> String {
    let token = world.service.claim_token();
    let claimed = world.service.claim_sms(token, std::time::Duration::from_secs(60)).await.expect("claimed");
    let claimed = claimed.expect("a message waits");
    assert_eq!(claimed.to.as_str(), "+819012345678");
    let SmsPurpose::Code { text } = &claimed.purpose else { panic!("a code") };
    let code: String = text.chars().filter(char::is_ascii_digit).take(6).collect();
    let sent = Attempt::Sent { reply: "ok".into() };
    world.service.settle_sms(claimed.id, token, sent, String::new()).await.expect("settled");
    code
}

#[tokio::test]
async fn a_telephone_is_proved_and_asked_for_at_the_next_login() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let csrf = browser.get("/settings/second-factor/sms").await.csrf();
    let path = "/settings/second-factor/sms";
    let bad = browser.post(path, &[("csrf", &csrf), ("number", "だめ")]).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let sent = browser.post(path, &[("csrf", &csrf), ("number", "090-1234-5678")]).await;
    assert!(sent.body.contains("届いた数字を確かめる"), "{}", sent.body);
    let code = sms_code(&world).await;
    let confirm = async |browser: &mut Browser, code: &str| {
        let fields = [("csrf", csrf.as_str()), ("number", "090-1234-5678"), ("code", code)];
        browser.post("/settings/second-factor/sms/confirm", &fields).await
    };
    let other = if code == "000000" { "111111" } else { "000000" };
    assert_eq!(confirm(&mut browser, other).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = confirm(&mut browser, &code).await;
    assert!(done.body.contains("復旧コード") && done.body.contains("class=\"codes"), "{}", done.body);

    let mut next = Browser::new(&world);
    let half = next.log_in(&user(Role::CustomerAdmin, "a"), PASSWORD).await;
    assert_eq!(half.location.as_deref(), Some("/login/code"));
    let page = next.get("/login/code").await;
    assert!(page.body.contains("にSMSで送った6桁の数字") && !page.body.contains("9012345678"), "masked");
    let first = sms_code(&world).await;
    let again = next.post("/login/code/sms", &[("csrf", &page.csrf())]).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.body);
    let second = sms_code(&world).await;
    let give = async |browser: &mut Browser, code: &str| {
        browser.post("/login/code", &[("csrf", &page.csrf()), ("code", code)]).await
    };
    if first != second {
        assert_eq!(give(&mut next, &first).await.status, StatusCode::UNAUTHORIZED, "the newer one counts");
    }
    assert_eq!(give(&mut next, &second).await.location.as_deref(), Some("/"));
    assert_eq!(next.get("/alerts").await.status, StatusCode::OK);
    let mut staff = Browser::logged_in(&world, Role::HelpDesk, "a").await;
    assert_eq!(staff.get(path).await.status, StatusCode::NOT_FOUND, "a number can be moved by a stranger");
}
