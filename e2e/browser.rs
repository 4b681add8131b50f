//! What a person does with the demonstration, in a real browser: logs in, sees that something is
//! wrong, opens the alert, reports, reads the mail; every page at two widths, without errors.
//!
//! Needs Debian's chromium and chromium-driver; prints why it skips where they are not there.

mod integrations;
mod operator;
mod papers;
mod passkeys;
mod webdriver;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use webdriver::{Browser, text};

/// The running demonstration.
struct Demo {
    process: Child,
    url: String,
    user: String,
    password: String,
}

impl Demo {
    fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mimamori"))
            .args(["demo", "--port", "0", "--speed", "10", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the demo starts");
        let out = process.stdout.take().expect("its output");
        let (send, lines) = mpsc::sync_channel::<String>(1_000);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                println!("demo| {line}");
                // Nobody reads any more once the invitation is there.
                let _ = send.try_send(line);
            }
        });
        let mut demo = Demo { process, url: String::new(), user: String::new(), password: String::new() };
        let deadline = Instant::now() + Duration::from_secs(60);
        while demo.password.is_empty() {
            let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let line = line.expect("the demo says where it is within a minute");
            if let Some((_, port)) = line.split_once("http://localhost:")
                && demo.url.is_empty()
            {
                let port = port.split_whitespace().next().unwrap_or_default();
                demo.url = format!("http://localhost:{port}");
            }
            let last = line.split_whitespace().last().unwrap_or_default().to_owned();
            if line.contains("ユーザーID") {
                demo.user = last;
            } else if line.contains("パスワード") {
                demo.password = last;
            }
        }
        demo
    }

    /// Ctrl-C, and a clean end.
    fn interrupt(mut self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
        assert!(sent.success());
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.process.try_wait().expect("its state") {
                assert!(status.success(), "the demo ends cleanly: {status}");
                return;
            }
            assert!(Instant::now() < deadline, "the demo ends within 20 seconds of Ctrl-C");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn log_in(browser: &Browser, demo: &Demo) {
    browser.open(&demo.url);
    browser.forget();
    browser.open(&demo.url);
    assert!(browser.url().ends_with("/login"), "a stranger is led to the login: {}", browser.url());
    browser.fill("#user", &demo.user);
    browser.fill("#password", &demo.password);
    browser.click("button[type=submit]");
    wait(browser, "the status page", |b| {
        b.page_text().contains("次にすること") || b.page_text().contains("まだUTM装置")
    });
}

fn wait(browser: &Browser, what: &str, done: impl Fn(&Browser) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done(browser) {
        assert!(Instant::now() < deadline, "{what} within a minute; the page says:\n{}", browser.page_text());
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Looks at the page that is open at both widths: pictures, no errors; nothing sticks out, on a
/// tablet neither.
fn look(browser: &Browser, folder: &Path, name: &str) {
    for (width, height) in [(1280, 900), (390, 844)] {
        browser.size(width, height);
        check_width(browser, name, width);
        save(browser, &folder.join(format!("{name}-{width}.png")));
        check_accessibility(browser, name);
    }
    for (width, height) in [(820, 1180), (1000, 720)] {
        browser.size(width, height);
        check_width(browser, name, width);
    }
    browser.size(1280, 900);
    let errors = browser.console_errors();
    assert!(errors.is_empty(), "{name}: {errors:?}");
}

/// Nothing sticks out to the side; says what does.
fn check_width(browser: &Browser, name: &str, width: u32) {
    let wide = browser.run("return document.documentElement.scrollWidth").as_u64().unwrap_or(0);
    if wide > u64::from(width) {
        let out = browser.run(
            "return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
               .slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' | ')",
        );
        let fault = format!("{name} is {wide} px wide in a window of {width} px: {}", text(&out));
        browser.faults.borrow_mut().push(fault);
    }
}

fn save(browser: &Browser, path: &Path) {
    std::fs::write(path, png_of(&browser.screenshot())).expect("written");
}

fn png_of(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64).expect("a picture")
}

/// With axe-core, which lies beside this file for the tests alone (MPL-2.0).
fn check_accessibility(browser: &Browser, name: &str) {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../e2e/axe/axe.min.js");
    let source = std::fs::read_to_string(&axe).expect("axe-core beside this test");
    browser.run(&source);
    let found = browser.run_async(
        "const done = arguments[arguments.length - 1];
         axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'] }).then(r => done(
           r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160)).join(' | '))));",
    );
    let found: Vec<String> = found.as_array().into_iter().flatten().map(text).collect();
    browser.faults.borrow_mut().extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
}

#[test]
fn a_person_finds_the_alert_and_its_mail() {
    let Some(browser) = Browser::start() else { return };
    let artefacts = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("artefacts");
    std::fs::create_dir_all(&artefacts).expect("a folder");
    println!("pictures are in {}", artefacts.display());
    let data = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(data.path());
    browser.size(1280, 900);
    browser.open(&demo.url);
    look(&browser, &artefacts, "login");
    log_in(&browser, &demo);
    wait(&browser, "★★★ on the status page", |b| {
        b.open(&demo.url);
        b.page_text().contains("★★★")
    });
    wait(&browser, "the mail", |b| {
        b.open(&format!("{}/mailbox", demo.url));
        b.page_text().contains("【★★★")
    });
    walk(&browser, &demo, &artefacts);
    act_on_the_alert(&browser, &demo, &artefacts);
    read_the_mail(&browser, &demo, &artefacts);
    demo.interrupt();
    let faults = browser.faults.borrow();
    assert!(faults.is_empty(), "accessibility: {faults:#?}");

    let again = Demo::start(data.path());
    log_in(&browser, &again);
    browser.open(&format!("{}/alerts?show=all", again.url));
    let page = browser.page_text();
    assert!(page.contains("スキャン報告済み"), "the second start goes on with the same data:\n{page}");
    browser.open(&format!("{}/mailbox", again.url));
    assert!(browser.page_text().contains("【★★★"), "the mailbox is kept");
    again.interrupt();
}

#[test]
fn passkeys_keys_and_webhooks_come_and_go() {
    let Some(browser) = Browser::start() else { return };
    let artefacts = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("artefacts");
    std::fs::create_dir_all(&artefacts).expect("a folder");
    let data = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(data.path());
    browser.size(1280, 900);
    passkeys::come_and_go(&browser, &demo, &artefacts);
    integrations::key_and_webhook(&browser, &demo, &artefacts);
    demo.interrupt();
    let faults = browser.faults.borrow();
    assert!(faults.is_empty(), "accessibility: {faults:#?}");
}

#[test]
fn papers_are_read_and_the_desk_is_asked() {
    let Some(browser) = Browser::start() else { return };
    let artefacts = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("artefacts/papers");
    std::fs::create_dir_all(&artefacts).expect("a folder");
    let data = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(data.path());
    browser.size(1280, 900);
    browser.open(&demo.url);
    look(&browser, &artefacts, "login");
    papers::picture(&browser, &artefacts, "login");
    log_in(&browser, &demo);
    wait(&browser, "the mail", |b| {
        b.open(&format!("{}/mailbox", demo.url));
        b.page_text().contains("【★★★")
    });
    papers::walk(&browser, &demo.url, &artefacts);
    demo.interrupt();
    let faults = browser.faults.borrow();
    assert!(faults.is_empty(), "accessibility: {faults:#?}");
}

#[test]
fn operators_investigate_try_policies_and_resend_mails() {
    let Some(browser) = Browser::start() else { return };
    let artefacts = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("artefacts/operator");
    std::fs::create_dir_all(&artefacts).expect("a folder");
    let data = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(data.path());
    operator::prepare(data.path());
    browser.size(1280, 900);
    operator::walk(&browser, &demo, &artefacts);
    demo.interrupt();
    let faults = browser.faults.borrow();
    assert!(faults.is_empty(), "accessibility: {faults:#?}");
}

fn walk(browser: &Browser, demo: &Demo, artefacts: &Path) {
    let pages = [
        ("status", "/", "ご利用の環境で問題がみつかりました"),
        ("alerts", "/alerts", "★★★"),
        ("detections", "/detections", "検知の記録"),
        ("gateways", "/gateways", "本店1階"),
        ("usage-apps", "/usage/apps", "アプリ・サービスごと"),
        ("usage-web", "/usage/web", "サイトの種類ごと"),
        ("inspection", "/usage/inspection", "検査できた通信、できなかった通信"),
        ("devices", "/usage/devices", "はじめて見た日時"),
        ("compare", "/compare", "御社のUTM装置をくらべる"),
        ("detections-narrowed", "/detections?days=7&kind=scan&q=zzzz", "この条件に合う検知はありません"),
        ("settings", "/settings", "お知らせメールの宛先"),
        ("mailbox", "/mailbox", "受信箱"),
        ("nothing-there", "/nothing-there", "このページはありません"),
    ];
    // Devices come with the gateway's next heartbeat.
    wait(browser, "devices", |b| {
        b.open(&format!("{}/usage/devices", demo.url));
        b.page_text().contains("はじめて見た日時")
    });
    for (name, path, words) in pages {
        browser.open(&format!("{}{path}", demo.url));
        if name == "nothing-there" {
            // The browser itself notes a 404 on its console.
            browser.console_errors();
        }
        assert!(browser.page_text().contains(words), "{name} shows {words}:\n{}", browser.page_text());
        look(browser, artefacts, name);
    }
    browser.open(&demo.url);
    let kinds = browser.run("return document.querySelectorAll('.kinds li').length").as_u64().unwrap_or(0);
    assert!(kinds >= 3, "detections of several kinds: {kinds}");
    browser.dark(true);
    look(browser, artefacts, "status-dark");
    browser.dark(false);
    browser.dark(true);
    for (name, path) in [("compare-dark", "/compare"), ("gateways-dark", "/gateways")] {
        browser.open(&format!("{}{path}", demo.url));
        look(browser, artefacts, name);
    }
    browser.dark(false);
    for (name, list, link) in [
        ("detection", "/detections", ".table td a"),
        ("gateway", "/gateways", ".utm h3 a"),
        ("device", "/usage/devices", ".table td a"),
    ] {
        browser.open(&format!("{}{list}", demo.url));
        browser.click(link);
        wait(browser, name, |b| b.run("return !!document.querySelector('.back')").as_bool() == Some(true));
        look(browser, artefacts, name);
    }
}

fn act_on_the_alert(browser: &Browser, demo: &Demo, artefacts: &Path) {
    browser.open(&format!("{}/alerts", demo.url));
    browser.click(".alert-card.three h3 a");
    wait(browser, "the alert", |b| b.page_text().contains("今すること"));
    let page = browser.page_text();
    for words in ["何が起きたか", "どの機器か", "止めたか", "いつまで・連絡先", "この判定の理由", "KEIRI-PC"]
    {
        assert!(page.contains(words), "the alert says {words}:\n{page}");
    }
    look(browser, artefacts, "alert");
    browser.click(".choice:first-of-type");
    let file = artefacts.join("スキャンの結果.png");
    std::fs::copy(artefacts.join("login-390.png"), &file).expect("a picture");
    browser.fill("#scan-files", &file.to_string_lossy());
    browser.click("#scan button[type=submit]");
    wait(browser, "the thanks", |b| b.page_text().contains("スキャンの結果を報告しました"));
    assert!(browser.page_text().contains("スキャンの結果.png"), "{}", browser.page_text());
    look(browser, artefacts, "alert-reported");
}

fn read_the_mail(browser: &Browser, demo: &Demo, artefacts: &Path) {
    browser.open(&format!("{}/mailbox", demo.url));
    browser.click(".mails a");
    wait(browser, "the mail", |b| b.page_text().contains("Message-ID"));
    let page = browser.page_text();
    assert!(page.contains("竹原商店 様"), "{page}");
    look(browser, artefacts, "mail");
    browser.click(".mail-body a");
    wait(browser, "the alert of the mail", |b| b.url().contains("/alerts/"));
}
