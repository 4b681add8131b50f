//! Renders every template with sample data, in the states a customer can meet.
//!
//! The pages are written to the target's temporary folder (`gallery/`), with their assets, so
//! that a browser can show them; the assertions are what every page has to keep.

use std::net::IpAddr;

use askama::Template;
use mimamori_base::{SeededRng, Timestamp};
use mimamori_domain::detection::MacAddress;
use mimamori_domain::gateway::{FileCounts, Link as Port, SeenDevice};
use mimamori_domain::{
    Alert, AlertState, CountByKind, CustomerId, Detection, DetectionId, DetectionKind, Device, Endpoint,
    FileEvidence, Gateway, GatewayId, GatewayState, Headline, Heartbeat, Name, Outcome, Period, Policy,
    Serial, Signature, TrafficDirection,
};
use mimamori_service::views::DeviceView;
use mimamori_web::view::part::{Empty, Pager};
use mimamori_web::view::{
    self, Contact, Flash, Frame, NavItem, alert, chart, detection, door, gateway, mailbox, status,
};

#[path = "support/access_pages.rs"]
mod access_pages;
#[path = "support/compare_pages.rs"]
mod compare_pages;
#[path = "support/paper_pages.rs"]
mod paper_pages;
#[path = "support/usage_pages.rs"]
mod usage_pages;

const NOW: Timestamp = Timestamp::from_secs(1_795_496_700);

fn ago(minutes: i64) -> Timestamp {
    Timestamp::from_secs(NOW.secs() - minutes * 60)
}

fn frame(current: &str) -> Frame {
    let item = |href: &str, label, icon, count| NavItem {
        href: href.to_owned(),
        label,
        icon,
        current: href == current,
        count,
    };
    Frame {
        customer: "竹原商店".to_owned(),
        user: "takehara".to_owned(),
        role: "お客様管理者",
        nav: vec![
            item("/", "状態", "status", 0),
            item("/alerts", "アラート", "alert", 2),
            item("/usage/apps", "利用", "device", 0),
            item("/gateways", "UTM装置", "gateway", 0),
            item("/compare", "くらべる", "scales", 0),
            item("/more", "その他", "more", 0),
            item("/mailbox", "受信箱", "mail", 0),
        ],
        csrf: "sample".to_owned(),
        flash: None,
        refresh_seconds: 0,
        contact: Contact::new("相談窓口", "0120-000-000", "平日 9:00–18:00"),
    }
}

fn device(name: Option<&str>, last: u8) -> Device {
    Device {
        mac: Some(MacAddress([0x00, 0x11, 0x22, 0x33, 0x44, last])),
        ip: Some(IpAddr::from([192, 168, 1, last])),
        host_name: name.map(Into::into),
        maker: Some("富士通クライアントコンピューティング".into()),
    }
}

fn detection(kind: DetectionKind, outcome: Outcome, minutes: i64, host: &str) -> Detection {
    let device = device(Some("KEIRI-PC"), 23);
    Detection {
        id: DetectionId::generate(ago(minutes), &SeededRng::new(u64::from(minutes.unsigned_abs() as u32))),
        at: ago(minutes),
        last_at: ago(minutes - 3),
        count: 6,
        kind,
        outcome,
        direction: TrafficDirection::Outbound,
        source: Endpoint { ip: IpAddr::from([192, 168, 1, 23]), port: Some(51_234) },
        destination: Endpoint { ip: IpAddr::from([203, 0, 113, 77]), port: Some(443) },
        device,
        signature: Some(Signature {
            gid: 1,
            sid: 9_000_001,
            rev: 2,
            msg: format!("MIMAMORI {host} <b>を含む</b>").as_str().into(),
            severity: 1,
            class_type: Some("command-and-control".into()),
            ..Signature::default()
        }),
        host: Some(host.into()),
        url: Some(format!("/gate.php?id={}", "f".repeat(90)).as_str().into()),
        file: (kind == DetectionKind::MalwareFile).then(|| FileEvidence {
            name: Some("請求書_2026年11月.zip".into()),
            size_bytes: Some(68_000),
            sha256: Some("275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f".into()),
            threat_name: Some("EICAR-Test-File".into()),
            ..FileEvidence::default()
        }),
        reputation: None,
        app_proto: Some("http".into()),
        from_zone: Some(mimamori_base::Zone::Lan),
        to_zone: Some(mimamori_base::Zone::Wan),
        flow_id: Some(1),
    }
}

fn detections() -> Vec<Detection> {
    vec![
        detection(DetectionKind::CommandAndControl, Outcome::Blocked, 12, "update-check.example"),
        detection(DetectionKind::MalwareFile, Outcome::Blocked, 25, "files.example"),
        detection(DetectionKind::Phishing, Outcome::Blocked, 90, "bank-login.example"),
        detection(DetectionKind::Scan, Outcome::Allowed, 400, "198.51.100.4"),
    ]
}

fn alerts() -> Vec<Alert> {
    let policy = Policy::builtin().expect("the built-in policy is sound");
    let rng = SeededRng::new(3);
    let gateway = GatewayId::generate(NOW, &rng);
    let customer = CustomerId::generate(NOW, &rng);
    let origin = mimamori_domain::assess::Origin { customer, gateway, now: NOW };
    let standing = mimamori_domain::Standing::default();
    let mut phish = detection(DetectionKind::Phishing, Outcome::Allowed, 90, "bank-login.example");
    phish.device = device(Some("JIMU-02"), 31);
    let mut odd = detection(DetectionKind::Threat, Outcome::Allowed, 30, "odd.example");
    odd.device = device(None, 57);
    let all: Vec<Detection> = detections().into_iter().chain([phish, odd]).collect();
    mimamori_domain::assess(&policy, origin, &all, standing, &rng).raised
}

fn gateways() -> (Vec<Gateway>, Heartbeat) {
    let rng = SeededRng::new(4);
    let make = |name: &str, serial: &str, state, seen| Gateway {
        id: GatewayId::generate(NOW, &rng),
        customer: CustomerId::generate(NOW, &rng),
        serial: Serial::parse(serial).expect("a serial"),
        name: Name::parse(name).expect("a name"),
        state,
        last_seen: seen,
        created_at: ago(90_000),
    };
    let enrolled_at = ago(60_000);
    let list = vec![
        make("本店1階", "c025a28b0a41", GatewayState::Online { enrolled_at }, Some(ago(1))),
        make("倉庫", "c025a28b0a44", GatewayState::Stopped { enrolled_at, since: ago(190) }, Some(ago(190))),
        make("駅前店", "c025a28b0a47", GatewayState::Prepared { secret_expires: ago(-20_000) }, None),
    ];
    let beat = Heartbeat {
        at: ago(1),
        software: "0.1.0".into(),
        rule_set: "2026-11-24".into(),
        rules_loaded: 31_898,
        uptime_secs: 86_400 * 3 + 7_200,
        cpu_percent: 12,
        memory_percent: 31,
        packets_inspected: 12_345_678,
        packets_dropped: 321,
        bytes_inspected: 700,
        bytes_uninspected: 300,
        files: FileCounts { judged: 12_345, harmful: 2, locked: 31, too_large: 4, ..FileCounts::default() },
        spool_depth: 0,
        own_ip: Some(IpAddr::from([192, 168, 1, 250])),
        links: vec![Port { name: "eth0".into(), zone: mimamori_base::Zone::Wan, up: true }],
        devices: [(Some("KEIRI-PC"), 23), (Some("JIMU-02"), 31), (None, 57)]
            .map(|(name, last)| SeenDevice {
                device: device(name, last),
                first_seen: ago(900),
                last_seen: ago(2),
            })
            .to_vec(),
    };
    (list, beat)
}

fn cards() -> Vec<gateway::Card> {
    let (list, beat) = gateways();
    let beats: Vec<gateway::Beats> = (0..24)
        .filter(|h| !(3..5).contains(h))
        .map(|h| gateway::Beats {
            hour: Timestamp::from_secs((NOW.secs() / 3_600 - h) * 3_600),
            count: if h == 9 { 12 } else { 60 },
        })
        .collect();
    list.iter()
        .map(|g| {
            gateway::Card::new(
                g,
                Some(&beat),
                if matches!(g.state, GatewayState::Online { .. }) { &beats } else { &beats[3..] },
                NOW,
            )
        })
        .collect()
}

fn status_page(headline: Headline, open: &[Alert], busy: bool) -> String {
    let counts: Vec<CountByKind> = [
        (DetectionKind::CommandAndControl, 6, 6),
        (DetectionKind::MalwareFile, 3, 3),
        (DetectionKind::Phishing, 14, 12),
        (DetectionKind::Scan, 1_234, 1_100),
    ]
    .map(|(kind, total, stopped)| CountByKind { kind, total, stopped })
    .to_vec();
    let days: Vec<chart::Day> = (0..30)
        .map(|i| chart::Day {
            label: mimamori_domain::jst::month_day(ago((29 - i) * 1_440)),
            stopped: u64::try_from((i * i * 7) % 23).unwrap_or(0),
            passed: u64::try_from(i % 4).unwrap_or(0),
        })
        .collect();
    let stopped = ["倉庫".to_owned()];
    let facts = status::Facts {
        headline,
        days: 30,
        period: Period::last_days(30, NOW),
        open,
        open_total: open.len() as u64,
        counts: if busy { &counts } else { &[] },
        trend: if busy { &days } else { &[] },
        stopped_gateways: if headline == Headline::GatewayStopped { &stopped } else { &[] },
        bytes_inspected: 612,
        bytes_uninspected: 388,
    };
    status::Page::new(frame("/"), &facts, cards()).render().expect("renders")
}

fn rows() -> Vec<detection::Row> {
    detections().iter().map(|d| detection::Row::new(d, "本店1階", NOW)).collect()
}

fn detections_page(rows: Vec<detection::Row>) -> String {
    let filters = vec![detection::Filter {
        name: "kind",
        label: "種類",
        options: vec![detection::FilterOption {
            value: String::new(),
            label: "すべて".to_owned(),
            selected: true,
        }],
    }];
    detection::ListPage {
        frame: frame("/detections"),
        filters,
        query: "\"><script>".to_owned(),
        filtered: true,
        csv_href: "/detections.csv".to_owned(),
        count_text: "全1,257件のうち、新しい50件".to_owned(),
        so_far: None,
        detections: rows,
        pager: Pager { newest: None, older: Some("/detections?before=x".to_owned()) },
        empty: Empty {
            title: "この条件に合う検知はありません",
            text: "期間を長くするか、条件をへらしてみてください。",
        },
    }
    .render()
    .expect("renders")
}

fn gateway_figures(g: &Gateway) -> (view::usage::DepthFigure, gateway::History, gateway::Speed) {
    let hour = |back: i64| Timestamp(NOW.micros() - back * 3_600_000_000);
    let beats: Vec<gateway::Beats> = (0..700)
        .filter(|n| n % 97 != 5)
        .map(|n| gateway::Beats { hour: hour(n), count: if n % 53 == 7 { 20 } else { 60 } })
        .collect();
    let hours: Vec<(Timestamp, u64)> =
        (0..24).rev().map(|n| (hour(n), (n as u64 * 37 % 11) * 90_000_000)).collect();
    (usage_pages::depth(NOW), gateway::History::new(g, &beats, NOW), gateway::Speed::new(&hours))
}

fn alert_pages(pages: &mut Vec<(&'static str, String)>) {
    let mut list = alerts();
    let empty = Empty {
        title: "確認待ちのアラートはありません",
        text: "新しいアラートが出ると、メールでもお知らせします。",
    };
    let views = vec![
        view::Choice { href: "/alerts".to_owned(), label: "確認待ち".to_owned(), current: true },
        view::Choice { href: "/alerts?show=all".to_owned(), label: "すべて".to_owned(), current: false },
    ];
    let list_page = |cards: Vec<alert::Card>| alert::ListPage {
        frame: frame("/alerts"),
        views: views.clone(),
        count_text: format!("{}件", cards.len()),
        alerts: cards,
        pager: Pager::default(),
        empty,
        legend: alert::ListPage::legend(),
    };
    pages.push((
        "alerts",
        list_page(list.iter().map(|a| alert::Card::new(a, "本店1階", NOW)).collect())
            .render()
            .expect("renders"),
    ));
    pages.push(("alerts-empty", list_page(Vec::new()).render().expect("renders")));
    let detail = |a: &Alert| {
        alert::DetailPage::new(frame("/alerts"), a, "本店1階", true, NOW).render().expect("renders")
    };
    if let Some(first) = list.first_mut() {
        first.state = AlertState::Notified { at: ago(11) };
        pages.push(("alert", detail(first)));
    }
    if let Some(last) = list.last() {
        pages.push(("alert-other", detail(last)));
    }
}

fn other_pages(pages: &mut Vec<(&'static str, String)>) {
    let (list, beat) = gateways();
    pages.push((
        "gateways",
        gateway::ListPage::new(frame("/gateways"), cards(), 1).render().expect("renders"),
    ));
    if let (Some(g), Some(card)) = (list.first(), cards().into_iter().next()) {
        pages.push((
            "gateway",
            gateway::DetailPage::new(frame("/gateways"), g, Some(&beat), card, true, gateway_figures(g))
                .render()
                .expect("renders"),
        ));
    }
    pages.extend(usage_pages::pages(frame, NOW));
    pages.extend(compare_pages::pages(frame, NOW));
    pages.extend(paper_pages::pages(frame, NOW));
    if let (Some(g), Some(seen)) = (list.first(), beat.devices.first()) {
        let device = DeviceView { gateway: g.id, key: seen.device.key(), seen: seen.clone() };
        let (found, raised) = (detections(), alerts());
        pages.extend(compare_pages::device_pages(frame, NOW, (g.clone(), device), &found, &raised));
    }
    let d = detection(DetectionKind::MalwareFile, Outcome::Blocked, 25, "files.example");
    let alert = alerts().first().map(|a| a.id);
    pages.push((
        "detection",
        detection::DetailPage::new(frame("/detections"), &d, "本店1階", alert).render().expect("renders"),
    ));
    pages.push(("detections", detections_page(rows())));
    pages.push(("detections-empty", detections_page(Vec::new())));
    pages.push(("first", status::FirstPage { frame: frame("/") }.render().expect("renders")));
    let mut done = frame("/settings");
    done.flash = Some(Flash::done("宛先を保存しました。"));
    let field = |value: &str, error| view::settings::AddressField { value: value.to_owned(), error };
    let settings = view::settings::Page {
        reach: vec![],
        frame: done,
        can_edit: true,
        has_addresses: true,
        addresses: vec![
            field("kanri@takehara.example", None),
            field("だめ", Some("メールアドレスの形ではありません。")),
            field("", None),
        ],
        password_error: Some("今のパスワードがちがいます。"),
        must_change: true,
        own_login: String::new(),
        proved: true,
        second_factor: "使わない",
        may_issue: true,
        may_integrate: true,
        may_see_log: true,
    };
    pages.push(("settings", settings.render().expect("renders")));
    let login = door::LoginPage {
        csrf: "x".to_owned(),
        next: "/".to_owned(),
        user: String::new(),
        error: Some("ユーザーIDまたはパスワードがちがいます。".to_owned()),
        info: None,
        passkey: "{}".to_owned(),
        contact: frame("/").contact,
    };
    pages.push(("login", login.render().expect("renders")));
    let error = door::ErrorPage {
        title: "このページはありません",
        text: "アドレスが変わったか、見る権限がありません。".to_owned(),
        link: view::Link::new("/", "状態のページへ"),
        contact: frame("/").contact,
        reference: Some("8f3k2a".to_owned()),
    };
    pages.push(("error", error.render().expect("renders")));
    let mail = mailbox::Row {
        number: 1,
        subject: "【★★★ 要対応】竹原商店 様: 「KEIRI-PC」で攻撃者の指令サーバーへの通信を検知しました"
            .to_owned(),
        to: "kanri@takehara.example".to_owned(),
        at: view::Moment::at(ago(11), NOW),
    };
    pages.push((
        "mailbox",
        mailbox::ListPage {
            frame: frame("/mailbox"),
            server: "127.0.0.1:2525".to_owned(),
            mails: vec![mail.clone(), mail],
        }
        .render()
        .expect("renders"),
    ));
    pages.push((
        "mailbox-empty",
        mailbox::ListPage { frame: frame("/mailbox"), server: "127.0.0.1:2525".to_owned(), mails: vec![] }
            .render()
            .expect("renders"),
    ));
    let body = mailbox::link_own(
        "竹原商店 様\n\n報告する: http://localhost:8080/alerts/1\n",
        "http://localhost:8080",
    );
    pages.push((
        "mail",
        mailbox::MailPage {
            frame: frame("/mailbox"),
            subject: "【★★★ 要対応】竹原商店 様".to_owned(),
            from: "a@b.example".to_owned(),
            to: "c@d.example".to_owned(),
            at: view::Moment::at(ago(11), NOW),
            message_id: "1@mimamori".to_owned(),
            body,
        }
        .render()
        .expect("renders"),
    ));
    let row = view::customers::Row {
        unreachable: vec!["kanri@takehara.example".to_owned()],
        id: "00".repeat(16),
        name: "竹原商店".to_owned(),
        state: view::Tag { class: "act", icon: "act", word: "対応が必要です" },
        open_alerts: 2,
        gateways: "3台（1台停止）".to_owned(),
    };
    let mut desk = frame("/customers");
    desk.customer = "呉商工会議所".to_owned();
    pages.push((
        "customers",
        view::customers::Page {
            frame: desk,
            summary: "2社のうち1社が対応を必要としています。".to_owned(),
            customers: vec![row],
        }
        .render()
        .expect("renders"),
    ));
}

fn all_pages() -> Vec<(&'static str, String)> {
    let open = alerts();
    let mut pages = vec![
        ("status-act", status_page(Headline::ActionNeeded, &open, true)),
        ("status-check", status_page(Headline::PleaseCheck, open.get(1..2).unwrap_or_default(), true)),
        ("status-look", status_page(Headline::UnderInvestigation, &[], true)),
        ("status-down", status_page(Headline::GatewayStopped, &[], true)),
        ("status-ok", status_page(Headline::AllWell, &[], false)),
    ];
    alert_pages(&mut pages);
    other_pages(&mut pages);
    pages.extend(access_pages::all(frame));
    pages
}

#[test]
fn every_page_renders_without_anything_inline_and_escapes_what_it_shows() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    std::fs::create_dir_all(folder.join("assets")).expect("folder");
    for asset in mimamori_web::assets::ALL {
        let path = mimamori_web::assets::url(asset.name).trim_start_matches('/');
        std::fs::write(folder.join(path), asset.body).expect("asset");
    }
    for (name, html) in all_pages() {
        std::fs::write(folder.join(format!("{name}.html")), html.replace("\"/assets/", "\"assets/"))
            .expect("page");
        assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"ja\">"), "{name}: no document");
        let door = format!("<style>{}</style>", mimamori_web::assets::first_style());
        let styled = html.replacen(&door, "", 1);
        assert!(!styled.contains(" style=") && !styled.contains("<style"), "{name}: inline style");
        let assets: usize = mimamori_web::assets::ALL.iter().map(|a| a.body.len()).sum();
        assert!(html.len() + assets <= 150_000, "{name}: {} bytes and {assets}", html.len());
        assert!(!html.contains("<b>を含む"), "{name}: unescaped text from outside");
        assert!(!html.contains("\"><script>"), "{name}: unescaped query");
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script src=\"/assets/").count(),
            "{name}: inline script"
        );
        assert!(!html.contains(" onclick=") && !html.contains("javascript:"), "{name}: inline handler");
        assert_eq!(html.matches("<h1").count(), 1, "{name}: one h1");
        assert!(!html.contains("data-missing-icon"), "{name}: missing icon");
        let forms = html.matches("method=\"post\"").count();
        assert_eq!(html.matches("name=\"csrf\"").count(), forms, "{name}: a form without its token");
        ids_are_unique(name, &html);
    }
}

fn ids_are_unique(name: &str, html: &str) {
    let mut seen = std::collections::BTreeSet::new();
    for part in html.split(" id=\"").skip(1) {
        let id = part.split('"').next().unwrap_or_default();
        assert!(seen.insert(id.to_owned()), "{name}: id {id} twice");
    }
}
