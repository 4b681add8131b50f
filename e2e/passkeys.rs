//! Passkeys in a real browser with an authenticator of its own (WebAuthn, section 11): registered,
//! used instead of the password and as the second step, and taken away.

use crate::webdriver::Browser;
use crate::{Demo, log_in, look, wait};
use std::path::Path;

/// An authenticator that keeps passkeys and verifies its owner without asking.
fn authenticator(browser: &Browser) -> String {
    browser.add_authenticator(&serde_json::json!({
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": true,
        "hasUserVerification": true,
        "isUserConsenting": true,
        "isUserVerified": true,
    }))
}

pub fn come_and_go(browser: &Browser, demo: &Demo, artefacts: &Path) {
    let authenticator = authenticator(browser);
    log_in(browser, demo);
    let page = format!("{}/settings/second-factor", demo.url);
    browser.open(&page);
    browser.fill("#passkey-name", "試験の端末");
    browser.click("[data-passkey=create] button");
    wait(browser, "the recovery codes", |b| b.page_text().contains("復旧コード"));
    let codes = browser.run("return [...document.querySelectorAll('.codes li')].map(l => l.textContent)");
    let code = codes.as_array().and_then(|c| c.first()).map(crate::webdriver::text).expect("codes");
    assert_eq!(browser.credentials(&authenticator), 1, "the authenticator keeps it");
    browser.open(&page);
    let text = browser.page_text();
    assert!(text.contains("試験の端末") && text.contains("使っています（パスキー）"), "{text}");
    look(browser, artefacts, "passkeys");

    // The same authenticator is refused for a second passkey.
    browser.click("[data-passkey=create] button");
    wait(browser, "the refusal", |b| b.page_text().contains("すでに登録されています"));

    out(browser, demo);
    browser.click("[data-passkey=get] button");
    wait(browser, "the status page without a password", |b| b.page_text().contains("次にすること"));

    out(browser, demo);
    with_password(browser, demo);
    look(browser, artefacts, "passkey-step");
    browser.click("[data-passkey=get] button");
    wait(browser, "the status page after both steps", |b| b.page_text().contains("次にすること"));
    browser.open(&format!("{}/settings/activity", demo.url));
    assert!(browser.page_text().contains("パスキーを登録しました"), "{}", browser.page_text());

    // An authenticator that does not verify its owner is possession alone: not enough.
    out(browser, demo);
    browser.verifies_owner(&authenticator, false);
    browser.click("[data-passkey=get] button");
    wait(browser, "the refusal", |b| b.page_text().contains("パスキーを使えませんでした"));
    with_password(browser, demo);
    browser.fill("#code", &code);
    browser.click("form[action='/login/code'] button");
    wait(browser, "the status page with a recovery code", |b| b.page_text().contains("次にすること"));

    browser.open(&page);
    browser.click(".stack-small summary");
    browser.click("form[action$='/remove'] button");
    wait(browser, "that it is gone", |b| b.page_text().contains("パスキーを消しました"));
    browser.verifies_owner(&authenticator, true);
    out(browser, demo);
    browser.click("[data-passkey=get] button");
    wait(browser, "the refusal of what was removed", |b| {
        b.page_text().contains("パスキーを確かめられません")
    });
    // The refusal is an answer of 401, which the browser notes on its console.
    browser.console_errors();
    browser.remove_authenticator(&authenticator);
    log_in(browser, demo);
}

fn out(browser: &Browser, demo: &Demo) {
    browser.open(&demo.url);
    browser.forget();
    browser.open(&demo.url);
    wait(browser, "the login", |b| b.url().ends_with("/login"));
}

fn with_password(browser: &Browser, demo: &Demo) {
    browser.open(&format!("{}/login", demo.url));
    browser.fill("#user", &demo.user);
    browser.fill("#password", &demo.password);
    browser.click("form[action='/login'] button");
    wait(browser, "the second step", |b| b.url().contains("/login/code"));
}
