//! From what has to be told to the sentences of a mail, in the order of the UX card:
//! what happened → which device → stopped or not → what to do now → until when, whom to call.

use std::time::Duration;

use mimamori_domain::alert::{Alert, Measure};
use mimamori_domain::contract::{RESPONSE_YEN, RESPONSES_A_YEAR};
use mimamori_domain::{Detection, EmailAddress, NoticeKind, StarRating, Verdict, jst};
use mimamori_service::Told;
use mimamori_service::views::{AlertView, GatewayView};

/// Days within which an on-site response is covered (IN-03).
const COVERED_DAYS: u64 = 30;

/// One thing that the mail speaks of.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub rating: Option<StarRating>,
    /// For the subject, after the company: 「KEIRI-PC」が…
    pub subject: String,
    pub heading: String,
    /// Sentences at the top.
    pub lead: Vec<String>,
    /// Between the brackets of the subject: `★★★ 要対応`.
    pub mark: String,
    /// Until when the steps are wanted, in brackets after 「今すること」; may be empty.
    pub by_when: &'static str,
    /// Numbered steps.
    pub actions: Vec<String>,
    pub facts: Vec<Fact>,
    pub insurance: Option<String>,
    pub link: String,
}

impl Section {
    pub(crate) fn is_urgent(&self) -> bool {
        self.rating.is_some_and(StarRating::is_urgent)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub label: &'static str,
    pub value: String,
}

impl Fact {
    /// The label, filled up to the width of five full-width characters, so that plain text
    /// lines up in a fixed-width font.
    pub(crate) fn padded(&self) -> String {
        let width: usize = self.label.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        let missing = 10usize.saturating_sub(width);
        format!("{}{}{}", self.label, " ".repeat(missing % 2), "\u{3000}".repeat(missing / 2))
    }
}

fn fact(label: &'static str, value: String) -> Fact {
    Fact { label, value }
}

/// The section of a notice, or `None` if what it spoke of is gone.
pub(crate) fn section(told: &Told, portal_url: &str) -> Option<Section> {
    match &told.notice.kind {
        NoticeKind::AlertRaised { .. } => {
            told.alert.as_ref().map(|a| alert_section(a, told.gateway.as_ref(), None, portal_url))
        }
        NoticeKind::AlertRose { from, .. } => {
            told.alert.as_ref().map(|a| alert_section(a, told.gateway.as_ref(), Some(*from), portal_url))
        }
        NoticeKind::TakeOver { failed, .. } => {
            told.alert.as_ref().map(|a| take_over_section(a, told.gateway.as_ref(), failed, portal_url))
        }
        NoticeKind::Investigated { .. } => {
            told.alert.as_ref().and_then(|a| finding_section(a, told.gateway.as_ref(), portal_url))
        }
        NoticeKind::GatewayStopped { since, .. } => told.gateway.as_ref().map(|g| {
            let lead = format!(
                "UTM装置「{}」からの連絡が、{}から止まっています。",
                g.gateway.name,
                jst::date_time(*since)
            );
            let subject = format!("UTM装置「{}」からの連絡が止まっています", g.gateway.name);
            stopped_section(g, "UTM装置 停止", lead, subject, portal_url)
        }),
        NoticeKind::GatewayStillStopped { since, .. } => told.gateway.as_ref().map(|g| {
            let days = told.notice.created_at.since(*since).as_secs() / 86_400;
            let lead = format!(
                "UTM装置「{}」からの連絡が、{}から{}止まったままです。",
                g.gateway.name,
                jst::date_time(*since),
                if days > 0 { format!("{days}日以上") } else { String::new() }
            );
            let subject = format!("UTM装置「{}」がまだ止まっています", g.gateway.name);
            stopped_section(g, "UTM装置 停止中", lead, subject, portal_url)
        }),
        NoticeKind::GatewayRecovered { since, at, .. } => {
            told.gateway.as_ref().map(|g| recovered_section(g, *since, *at, portal_url))
        }
        NoticeKind::TestMail { .. } | NoticeKind::Account { .. } | NoticeKind::Letter { .. } => None,
    }
}

fn alert_section(
    view: &AlertView,
    gateway: Option<&GatewayView>,
    risen_from: Option<StarRating>,
    portal_url: &str,
) -> Section {
    let alert = &view.alert;
    let device = alert.device.display_name();
    let mut lead = vec![what_happened(alert, &device), how_likely(alert.rating).to_owned()];
    if alert.is_three_by_scan() {
        lead = vec![
            format!("機器「{device}」のフルスキャンで、ウイルスなどが見つかったとのご報告を受けました。"),
            "このため、重要度を ★★★ 相当に引き上げます。補償を使う権利が生じます（条件は下の「保険について」にあります）。"
                .to_owned(),
        ];
    } else if let Some(from) = risen_from {
        lead.push(format!(
            "先にお知らせした重要度（{}）を、新しい記録にもとづいて引き上げました。",
            from.text()
        ));
    }
    if alert.late {
        lead.push(
            "※遅延※ UTM装置との連絡が途切れていたため、起きてから時間がたってのお知らせになりました。"
                .to_owned(),
        );
    }
    Section {
        rating: Some(alert.rating),
        mark: match alert.rating {
            StarRating::UnderInvestigation => alert.rating.stars().to_owned(),
            rating if alert.is_three_by_scan() => format!("{} 相当 {}", rating.stars(), rating.call()),
            rating => format!("{} {}", rating.stars(), rating.call()),
        },
        by_when: by_when(alert.rating),
        subject: subject_of(alert, &device),
        heading: format!("{} 「{device}」", alert.rating.text()),
        lead,
        actions: alert.actions.iter().map(ToString::to_string).collect(),
        facts: facts_of(view, gateway),
        insurance: (alert.rating == StarRating::Three).then(|| insurance(alert)),
        link: alert_link(alert, portal_url),
    }
}

/// What the insurance pays for, and on which conditions (IN-01 to IN-03).
fn insurance(alert: &Alert) -> String {
    let until = alert.raised_at + Duration::from_secs(COVERED_DAYS * 86_400);
    format!(
        "フルスキャンのあとも駆け付け対応が必要な場合、{}までのご利用が補償の対象です。条件: フルスキャンの結果をご報告いただいていること、補償期間中であること（ご利用開始の翌月1日から。無料期間を除く）、1年に{RESPONSES_A_YEAR}回・1回{}円まで。お申し込みは相談窓口へ。",
        jst::month_day(until),
        jst::thousands(u64::from(RESPONSE_YEN)),
    )
}

/// The mail to another address did not arrive: this reader is asked to act instead.
fn take_over_section(
    view: &AlertView,
    gateway: Option<&GatewayView>,
    failed: &EmailAddress,
    portal_url: &str,
) -> Section {
    let base = alert_section(view, gateway, None, portal_url);
    let mut lead = vec![format!(
        "※引き継ぎのお願い※ このアラートのメールは、ほかの宛先（{failed}）に届きませんでした。代わりに対応をお願いします。"
    )];
    lead.extend(base.lead);
    let mut actions = base.actions;
    actions.push(format!("ポータルの「設定」で、届かなかった宛先（{failed}）を直してください。"));
    Section { mark: format!("{} 引き継ぎ", view.alert.rating.stars()), lead, actions, ..base }
}

/// Each address gets its own mark, so that the portal knows which mail was opened.
fn alert_link(alert: &Alert, portal_url: &str) -> String {
    format!("{portal_url}/alerts/{}?{}", alert.id, crate::message::MARK)
}

/// 調査結果報告.
fn finding_section(view: &AlertView, gateway: Option<&GatewayView>, portal_url: &str) -> Option<Section> {
    let alert = &view.alert;
    let finding = alert.finding.as_ref()?;
    let device = alert.device.display_name();
    let harmless = finding.verdict == Verdict::Harmless;
    let result = if harmless {
        "調査の結果、問題は見つかりませんでした。対応は要りません。".to_owned()
    } else {
        format!("調査の結果、重要度を {} と判定しました。", alert.rating.text())
    };
    let mut lead = vec![
        format!(
            "先に「※調査中※」としてお知らせした、機器「{device}」の{}について、調査結果をご報告します。",
            alert.title
        ),
        result,
    ];
    lead.push("【調査の内容】".to_owned());
    lead.extend(finding.report.iter().map(ToString::to_string));
    let base = alert_section(view, gateway, None, portal_url);
    Some(Section {
        rating: (!harmless).then_some(alert.rating),
        mark: if harmless {
            "調査結果 問題なし".to_owned()
        } else {
            format!("調査結果 {} {}", alert.rating.stars(), alert.rating.call())
        },
        by_when: if harmless { "" } else { base.by_when },
        subject: format!("機器「{device}」についての調査結果報告"),
        heading: format!("調査結果報告 「{device}」"),
        lead,
        ..base
    })
}

fn what_happened(alert: &Alert, device: &str) -> String {
    let title = &alert.title;
    let done = match alert.measure() {
        Measure::Stopped => "を見つけ、止めました。",
        Measure::Neutralised => "を見つけ、危険なファイルを無害にしました。",
        Measure::StoppedOrNeutralised => "を見つけ、止めるか、危険なファイルを無害にしました。",
        Measure::Partly => "を見つけました。一部は止められていません。",
        Measure::None => "を見つけました。この通信は止められていません。",
    };
    format!("機器「{device}」で{title}{done}")
}

const fn how_likely(rating: StarRating) -> &'static str {
    match rating {
        StarRating::Three => "この機器はウイルスに感染している可能性が高い状態です。",
        StarRating::Two => "この機器はウイルスに感染している可能性があります。",
        StarRating::One => "感染の可能性は低い状態ですが、念のためご確認ください。",
        StarRating::UnderInvestigation => {
            "※調査中※ 分析担当が内容を調べています。結果は同じ宛先にメールでお知らせします。"
        }
    }
}

const fn by_when(rating: StarRating) -> &'static str {
    match rating {
        StarRating::Three => "（できるだけ早く。すぐに全部できないときも、1番だけは先に）",
        StarRating::Two => "（翌営業日までに）",
        StarRating::One => "（一週間以内を目安に）",
        StarRating::UnderInvestigation => "",
    }
}

fn subject_of(alert: &Alert, device: &str) -> String {
    match alert.rating {
        StarRating::Three => format!("機器「{device}」がウイルスに感染した可能性が高いです"),
        StarRating::Two => format!("機器「{device}」がウイルスに感染した可能性があります"),
        StarRating::One => format!("機器「{device}」について、念のためご確認ください"),
        StarRating::UnderInvestigation => format!("機器「{device}」の通信を調べています"),
    }
}

fn facts_of(view: &AlertView, gateway: Option<&GatewayView>) -> Vec<Fact> {
    let alert = &view.alert;
    let mut facts = vec![fact("重要度", alert.rating.text()), fact("日時", when(alert))];
    facts.push(fact("機器", device_text(alert)));
    let serial = gateway.map(|g| format!("（{}）", g.gateway.serial)).unwrap_or_default();
    facts.push(fact("UTM装置", format!("{}{serial}", view.gateway_name)));
    if let Some(d) = deciding(alert) {
        let listed = d.reputation.as_ref().map(|r| format!("（登録された{}）", r.kind.label()));
        facts.push(fact("通信先", format!("{}{}", d.peer_text(), listed.unwrap_or_default())));
    }
    let file = alert.evidence.iter().find_map(|e| e.detection.file.as_ref());
    if let Some(name) = file.and_then(|f| f.name.as_ref().or(f.threat_name.as_ref())) {
        facts.push(fact("ファイル", name.to_string()));
    }
    let measure = match alert.measure() {
        Measure::Stopped => "通信を止めました",
        Measure::Neutralised => "ファイルを書きかえて無害にしました（メールは届いています）",
        Measure::StoppedOrNeutralised => "通信を止めるか、ファイルを書きかえて無害にしました",
        Measure::Partly => "一部を止めました",
        Measure::None => "記録しました（止めていません）",
    };
    facts.push(fact("対処", measure.to_owned()));
    if let Some(decision) = alert.history.last() {
        facts.push(fact("判定理由", decision.reason.to_string()));
    }
    facts
}

/// The detection that tipped the scales, or the latest.
fn deciding(alert: &Alert) -> Option<&Detection> {
    let id = alert.history.last().and_then(|decision| decision.detection);
    let evidence = alert.evidence.iter().find(|e| Some(e.detection.id) == id).or(alert.evidence.last());
    evidence.map(|e| &e.detection)
}

fn when(alert: &Alert) -> String {
    let first = jst::date_time(alert.first_seen);
    if alert.count <= 1 {
        return first;
    }
    if first == jst::date_time(alert.last_seen) {
        return format!("{first} （{}回）", jst::thousands(alert.count));
    }
    let last = if jst::date(alert.first_seen) == jst::date(alert.last_seen) {
        jst::time(alert.last_seen)
    } else {
        jst::date_time(alert.last_seen)
    };
    format!("{first} （{last} までに{}回）", jst::thousands(alert.count))
}

fn device_text(alert: &Alert) -> String {
    let device = &alert.device;
    let name = device.display_name();
    let mut more = Vec::new();
    if let Some(ip) = device.ip.map(|ip| ip.to_string()).filter(|ip| *ip != name) {
        more.push(ip);
    }
    if let Some(mac) = device.mac.map(|mac| mac.to_string()).filter(|mac| *mac != name) {
        more.push(mac);
    }
    if let Some(maker) = &device.maker {
        more.push(maker.to_string());
    }
    if more.is_empty() { name } else { format!("{name}（{}）", more.join(" / ")) }
}

fn stopped_section(
    view: &GatewayView,
    mark: &str,
    lead: String,
    subject: String,
    portal_url: &str,
) -> Section {
    let gateway = &view.gateway;
    let mut facts = vec![fact("UTM装置", format!("{}（{}）", gateway.name, gateway.serial))];
    if let Some(at) = gateway.last_seen {
        facts.push(fact("最後の連絡", jst::date_time(at)));
    }
    Section {
        rating: None,
        mark: mark.to_owned(),
        by_when: "（できるだけ早く）",
        subject,
        heading: format!("UTM装置「{}」の停止", gateway.name),
        lead: vec![lead, "この間、この装置の先にある機器の見守りが止まっています。".to_owned()],
        actions: [
            "UTM装置の電源が入っているか（ランプが点いているか）を確かめてください。",
            "LANケーブルが抜けていないか、ルーターの電源が入っているかを確かめてください。",
            "電源を入れ直しても10分たって復旧のメールが届かないときは、相談窓口にご連絡ください。",
        ]
        .map(str::to_owned)
        .to_vec(),
        facts,
        insurance: None,
        link: format!("{portal_url}/gateways/{}", gateway.id),
    }
}

fn recovered_section(
    view: &GatewayView,
    since: mimamori_base::Timestamp,
    at: mimamori_base::Timestamp,
    portal_url: &str,
) -> Section {
    let gateway = &view.gateway;
    let minutes = at.since(since).as_secs() / 60;
    let length = match minutes {
        0..60 => format!("{minutes}分"),
        60..1_440 => format!("{}時間{}分", minutes / 60, minutes % 60),
        _ => format!("{}日{}時間", minutes / 1_440, minutes % 1_440 / 60),
    };
    Section {
        rating: None,
        mark: "UTM装置 復旧".to_owned(),
        by_when: "",
        subject: format!("UTM装置「{}」の見守りを再開しました", gateway.name),
        heading: format!("UTM装置「{}」の復旧", gateway.name),
        lead: vec![format!(
            "UTM装置「{}」からの連絡が戻り、見守りを再開しました。対応は要りません。",
            gateway.name
        )],
        actions: Vec::new(),
        facts: vec![
            fact("UTM装置", format!("{}（{}）", gateway.name, gateway.serial)),
            fact("停止", jst::date_time(since)),
            fact("復旧", format!("{}（{length}ぶり）", jst::date_time(at))),
        ],
        insurance: None,
        link: format!("{portal_url}/gateways/{}", gateway.id),
    }
}
