//! What operators and analysts see, in a real browser: the queue of 調査中 and one investigation,
//! policies from a draft to live and back, the ledger of mails with a dead one, accounts.
//!
//! The people and the alerts are put into the demonstration's own database beside it, as a second
//! node would; the rest is done in the pages.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::{Clock as _, SystemClock, SystemRng};
use mimamori_domain::account::Belongs;
use mimamori_domain::policy::BUILTIN;
use mimamori_domain::{
    CustomerId, Detection, DetectionId, DetectionKind, Device, EmailAddress, Endpoint, GatewayId, Line,
    LoginName, Name, NotifyAddresses, Outcome, Policy, Role, Serial, Signature, TrafficDirection,
};
use mimamori_service::views::Attempt;
use mimamori_service::{
    AskException, ClientInfo, Config, NewAccount, NewCustomer, NewGateway, Parts, ReportItem, Service,
};
use mimamori_store::SqliteStore;

use crate::webdriver::Browser;
use crate::{Demo, look, wait};

const PASSWORD: &str = "correct-horse-battery";
const TO: &str = "keiri@otokawa-bussan-kabushikigaisha.example.jp";

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

/// Prepares beside the running demonstration what its pages will show.
pub fn prepare(data: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = SqliteStore::open(&data.join("demo.db")).await.expect("the demonstration's database");
        let service = Service::new(Parts {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            policy: Policy::builtin().expect("the policy"),
            config: Config { staff_second_factor: false, ..Config::default() },
        })
        .expect("a service");
        let (customer, gateway) = company(&service).await;
        people(&service, customer).await;
        alerts(&service, customer, gateway).await;
        mails(&service, customer).await;
        service.close().await;
    });
}

async fn company(service: &Service) -> (CustomerId, GatewayId) {
    let console = service.console();
    let known = service.customers(&console).await.expect("customers");
    let reseller = known.first().expect("the demonstration's company").reseller.id;
    let addresses = NotifyAddresses::new(vec![address(TO)]);
    let new = NewCustomer {
        reseller,
        name: name("乙川物産株式会社 広島第二営業所"),
        addresses: addresses.expect("addresses"),
    };
    let customer = service.create_customer(&console, new).await.expect("a customer").id;
    let serial = Serial::parse("OTOKAWA-1").expect("a serial");
    let new = NewGateway { customer, serial: serial.clone(), name: name("営業所2階") };
    let (gateway, secret) = service.create_gateway(&console, new).await.expect("a gateway");
    service.enrol_gateway(&serial, secret.reveal(), &"ab".repeat(32)).await.expect("enrolled");
    (customer, gateway.id)
}

async fn people(service: &Service, customer: CustomerId) {
    for (login, who, role, belongs) in [
        ("unei", "運営 良子", Role::Operator, Belongs::Operation),
        ("otokawa", "乙川 花子", Role::CustomerAdmin, Belongs::Customer(customer)),
    ] {
        let new = NewAccount {
            login: LoginName::parse(login).expect("a login"),
            name: name(who),
            email: address("hanako@example.jp"),
            role,
            belongs,
        };
        let (_, temporary) = service.create_account(&service.console(), new).await.expect("an account");
        let from = ClientInfo { ip: [127, 0, 0, 1].into(), user_agent: "test".into(), browser: None };
        let fresh = service.login(login, temporary.reveal(), &from).await.expect("logged in");
        let changed = service.change_password(&fresh.actor, &fresh.token, temporary.reveal(), PASSWORD).await;
        changed.expect("changed");
    }
}

/// Severe signatures that nobody has rated yet, on two devices; an exception is asked for.
async fn alerts(service: &Service, customer: CustomerId, gateway: GatewayId) {
    let items = (1..=2).map(|n| (u64::from(n), ReportItem::Detection(Box::new(detection(n)))));
    service.commit_reports(gateway, 1, items.collect()).await.expect("committed");
    let from = ClientInfo { ip: [127, 0, 0, 1].into(), user_agent: "test".into(), browser: None };
    let customer_admin = service.login("otokawa", PASSWORD, &from).await.expect("logged in").actor;
    let filter = mimamori_service::views::AlertFilter { customer: Some(customer), ..Default::default() };
    let alerts = service.alerts(&customer_admin, filter).await.expect("alerts").items;
    assert_eq!(alerts.len(), 2);
    let ask = AskException {
        alert: alerts[0].alert.id,
        every_device: false,
        by_signature: true,
        days: 30,
        reason: "会計ソフトの更新サーバーとの通信".to_owned(),
    };
    service.ask_exception(&customer_admin, ask).await.expect("asked");
}

fn detection(n: u8) -> Detection {
    let now = SystemClock.now();
    let end = |ip: &str, port| Endpoint { ip: ip.parse().expect("an address"), port: Some(port) };
    Detection {
        id: DetectionId::generate(now, &SystemRng),
        at: now,
        last_at: now,
        count: 3,
        kind: DetectionKind::Threat,
        outcome: Outcome::Allowed,
        direction: TrafficDirection::Outbound,
        device: Device {
            ip: format!("192.168.2.{n}").parse().ok(),
            host_name: Some(format!("EIGYO-{n:02}").as_str().into()),
            ..Device::default()
        },
        source: end(&format!("192.168.2.{n}"), 50_123),
        destination: end("203.0.113.77", 443),
        signature: Some(Signature {
            gid: 1,
            sid: 2_900_000 + u32::from(n),
            rev: 1,
            severity: 1,
            msg: "ET MALWARE Suspected Loader Activity With A Rather Long Name (POST) M2".into(),
            ..Signature::default()
        }),
        host: Some("cdn-static.update-check.example".into()),
        url: None,
        file: None,
        reputation: None,
        app_proto: Some("tls".into()),
        from_zone: None,
        to_zone: None,
        flow_id: Some(7),
    }
}

/// A mail that its server refuses for good, one that comes back, one that waits for another try.
async fn mails(service: &Service, customer: CustomerId) {
    let console = service.console();
    let ends = [
        Attempt::Dead {
            reply: Line::clip(
                "550 5.1.1 <keiri@otokawa-bussan-kabushikigaisha.example.jp>: Recipient address rejected: User unknown in virtual mailbox table",
            ),
        },
        Attempt::Sent { reply: Line::clip("250 2.0.0 Ok: queued as 4bXyZ") },
        Attempt::Retry {
            at: SystemClock.now() + Duration::from_secs(1_800),
            reply: Line::clip("451 4.7.1 Greylisting in action, please come back later"),
        },
    ];
    for end in ends {
        service.send_test_mail(&console, customer, address(TO)).await.expect("a mail");
        // The demonstration's own pump may be faster: what it took is not ours to end.
        let (mut ended, mut tries) = (None, 0);
        while ended.is_none() && tries < 20 {
            tries += 1;
            for job in service.due_mails().await.expect("mails") {
                let composed = mimamori_notify::compose(&job, "http://localhost").expect("composed");
                service.queue_mail(&job, composed.expect("something to say")).await.expect("queued");
            }
            let token = service.claim_token();
            let claimed = service.claim_deliveries(token, Duration::from_secs(60), 1).await.expect("claimed");
            for one in claimed {
                let settled = service.settle_delivery(one.delivery.id, token, end.clone()).await;
                assert!(settled.expect("settled"));
                ended = Some(one.delivery.id);
            }
        }
        if let (Some(id), Attempt::Sent { .. }) = (ended, &end) {
            let words = "550 5.2.2 mailbox full";
            assert!(service.record_bounce(id, words).await.expect("recorded"));
        }
    }
}

fn log_in(browser: &Browser, demo: &Demo) {
    browser.open(&demo.url);
    browser.forget();
    browser.open(&format!("{}/login", demo.url));
    browser.fill("#user", "unei");
    browser.fill("#password", PASSWORD);
    browser.click("button[type=submit]");
    wait(browser, "the operator's first page", |b| !b.url().contains("/login"));
}

pub fn walk(browser: &Browser, demo: &Demo, artefacts: &Path) {
    log_in(browser, demo);
    let open = |path: &str| browser.open(&format!("{}{path}", demo.url));
    for (name, path, words) in [
        ("customers", "/customers", "乙川物産"),
        ("staff-more", "/more", "担当者のページ"),
        ("exceptions", "/exceptions", "会計ソフトの更新"),
        ("outbox-all", "/outbox", "乙川物産"),
    ] {
        open(path);
        assert!(browser.page_text().contains(words), "{name} shows {words}:\n{}", browser.page_text());
        look(browser, artefacts, name);
    }
    investigate(browser, demo, artefacts);
    policies(browser, demo, artefacts);
    open("/outbox?state=dead");
    look(browser, artefacts, "outbox-dead");
    browser.click("form[action$='/resend'] button");
    wait(browser, "that it goes again", |b| b.page_text().contains("もう一度送ります"));
    look(browser, artefacts, "outbox-resent");
    accounts(browser, demo, artefacts);
}

fn investigate(browser: &Browser, demo: &Demo, artefacts: &Path) {
    browser.open(&format!("{}/investigations", demo.url));
    assert!(browser.page_text().contains("2件が調査を待っています"), "{}", browser.page_text());
    look(browser, artefacts, "investigations");
    browser.click(".table td a");
    wait(browser, "the investigation", |b| b.page_text().contains("お客様に見えるアラート"));
    browser.fill("#text", "通信先は更新サーバーに見せかけたもの。お客様に電話で確認した。");
    browser.click("form[action$='/note'] button");
    wait(browser, "the note", |b| b.page_text().contains("更新サーバーに見せかけた"));
    browser.click("form[action$='/assign'] button");
    wait(browser, "who has it", |b| b.page_text().contains("担当をはずれる"));
    look(browser, artefacts, "investigation");
    let page = browser.url();
    browser.click(".choice input[value=two]");
    browser.fill("#report", "パソコン「EIGYO-01」が、まだ広く知られていない危険な通信をしていました。\nフルスキャンをお願いします。");
    browser.click("form[action$='/finding'] button");
    wait(browser, "the queue again", |b| b.page_text().contains("1件が調査を待っています"));
    look(browser, artefacts, "investigations-found");
    browser.open(&page);
    assert!(browser.page_text().contains("フルスキャンをお願いします"));
    look(browser, artefacts, "investigation-found");
    // The customer's side of the alert: scanned, with the product's file; it shows here too.
    let alert = page.replace("/investigations/", "/alerts/");
    browser.open(&alert);
    browser.click(".choice:nth-of-type(3)");
    browser.fill("#product", "Microsoft Defender");
    let file = artefacts.join("スキャンの記録.txt");
    std::fs::write(&file, "Trojan:Win32/Loader 1件\n").expect("a file");
    browser.fill("#scan-files", &file.to_string_lossy());
    browser.click("#scan button[type=submit]");
    wait(browser, "the thanks", |b| b.page_text().contains("スキャンの結果を報告しました"));
    browser.open(&page);
    let text = browser.page_text();
    assert!(text.contains("スキャンの記録.txt") && text.contains("Microsoft Defender"), "{text}");
    look(browser, artefacts, "investigation-scanned");
}

fn policies(browser: &Browser, demo: &Demo, artefacts: &Path) {
    let list = format!("{}/policies", demo.url);
    browser.open(&list);
    look(browser, artefacts, "policies-empty");
    let type_in = |source: &str| {
        let json = serde_json::to_string(source).expect("text");
        browser.run(&format!("document.querySelector('#source').value = {json}"));
    };
    browser.fill("#note", "外部からのスキャンの扱い");
    type_in(&BUILTIN.replace("rating = \"two\"", "rating = \"tow\""));
    browser.click("form[action='/policies'] button");
    wait(browser, "the faults", |b| b.page_text().contains("次のところを直してください"));
    browser.console_errors();
    look(browser, artefacts, "policies-refused");
    let draft = BUILTIN
        .replace("version = \"2026-11-24\"", "version = \"2026-12-01 試案\"")
        .replace("rating = \"one\"", "rating = \"two\"");
    type_in(&draft);
    browser.click("form[action='/policies'] button");
    wait(browser, "the draft", |b| b.page_text().contains("この版を使い始める"));
    look(browser, artefacts, "policy-draft");
    let page = browser.url();
    browser.click("form[action$='/try'] button");
    wait(browser, "the trial's result", |b| {
        b.open(&page);
        b.page_text().contains("で試しました")
    });
    assert!(browser.page_text().contains("→"), "{}", browser.page_text());
    look(browser, artefacts, "policy-tried");
    browser.fill("#why", "★☆☆では気づかれないため");
    browser.click("form[action$='/live'] button");
    wait(browser, "that it is in force", |b| b.page_text().contains("判定ポリシーを切り替えました"));
    browser.open(&page);
    look(browser, artefacts, "policy-live");
    browser.open(&list);
    browser.fill("#why", "お知らせが多すぎたため");
    browser.click("form[action='/policies/shipped/live'] button");
    wait(browser, "the way back", |b| b.page_text().contains("判定ポリシーを切り替えました"));
    let text = browser.page_text();
    for words in ["★☆☆では気づかれないため", "お知らせが多すぎたため", "今使っている版は「2026-11-24」"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    look(browser, artefacts, "policies");
}

fn accounts(browser: &Browser, demo: &Demo, artefacts: &Path) {
    browser.open(&format!("{}/customers", demo.url));
    browser.run("[...document.querySelectorAll('form[action$=\"/open\"]')].find(f => f.closest('tr, li, section').innerText.includes('乙川物産')).querySelector('button').click()");
    wait(browser, "the company", |b| {
        b.page_text().contains("次にすること") || b.page_text().contains("営業所2階")
    });
    browser.open(&format!("{}/accounts", demo.url));
    assert!(browser.page_text().contains("乙川 花子"), "{}", browser.page_text());
    look(browser, artefacts, "accounts");
}
