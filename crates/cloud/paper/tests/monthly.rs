//! The monthly report on paper: its text can be selected, its pages are bounded, nothing of it
//! depends on when it is laid out.
//!
//! Writes the papers to the target's temporary folder (`papers/`), so that a person can look.

use std::path::{Path, PathBuf};
use std::process::Command;

use mimamori_base::Timestamp;
use mimamori_domain::comparison::{Cell, Measure};
use mimamori_domain::monthly::{ALERTS_MAX, AlertLine, Compared, GATEWAYS_MAX, GatewayLine, Month, Monthly};
use mimamori_domain::{CountByKind, DetectionKind, StarRating};
use mimamori_paper::monthly::pdf;

const NOW: Timestamp = Timestamp::from_secs(1_795_496_700);

fn month(customer: &str) -> Monthly {
    Monthly {
        month: Month::of(NOW).plus(-1),
        customer: customer.to_owned(),
        made_at: NOW,
        desk: "0120-000-000（平日 9:00–18:00）".to_owned(),
        counts: vec![],
        before: vec![],
        alerts: vec![],
        alerts_total: 0,
        gateways: vec![],
        bytes_deep: 0,
        bytes_named: 0,
        bytes_blind: 0,
        comparison: None,
    }
}

fn alert(rating: StarRating, device: &str, open: bool) -> AlertLine {
    AlertLine {
        rating,
        raised_at: NOW,
        device: device.to_owned(),
        gateway: "本店1階".to_owned(),
        title: "攻撃者の指令サーバー（C&Cサーバー）との通信".to_owned(),
        stopped: true,
        state: if open { "お知らせ済み" } else { "スキャン報告済み" }.to_owned(),
        open,
    }
}

fn gateway(name: &str, heard: u64) -> GatewayLine {
    GatewayLine {
        name: name.to_owned(),
        serial: "c025a28b0a41".to_owned(),
        hours: 744,
        hours_heard: heard,
        detections: 1_241,
        stopped_now: heard < 700,
    }
}

fn busy(alerts: usize, gateways: usize) -> Monthly {
    let counts = DetectionKind::ALL.iter().take(4).map(|kind| CountByKind {
        kind: *kind,
        total: 1_234,
        stopped: 1_200,
    });
    let mut all = vec![alert(StarRating::Three, "KEIRI-PC", true), alert(StarRating::Two, "JIMU-02", false)];
    all.extend((2..alerts).map(|i| alert(StarRating::One, &format!("PC-{i}"), false)));
    Monthly {
        before: counts.clone().map(|c| CountByKind { total: 900, ..c }).collect(),
        counts: counts.collect(),
        alerts_total: 37,
        alerts: all,
        gateways: (0..gateways).map(|i| gateway(&format!("本店{i}階"), 744 - 60 * (i as u64 % 3))).collect(),
        bytes_deep: 812_345,
        bytes_named: 5_123_456,
        bytes_blind: 223_456,
        comparison: Some(compared()),
        ..month("竹原商店")
    }
}

fn compared() -> Compared {
    let cell = |median| Cell { mean: median * 3 / 2, lower: median / 2, median, upper: median * 3 };
    let kinds = DetectionKind::ALL.iter().take(4).map(|k| (Measure::Kind(*k), 123_400, cell(190_000)));
    let first = [(Measure::Detections, 493_600, cell(760_000)), (Measure::Alerts, 800, cell(150))];
    Compared { companies: 1_230, rows: first.into_iter().chain(kinds).collect() }
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("papers");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

/// What a reader can select; `None` with a printed reason where Debian's poppler-utils is not.
fn text_of(path: &Path) -> Option<String> {
    match Command::new("pdftotext").args(["-layout"]).arg(path).arg("-").output() {
        Ok(out) if out.status.success() => Some(String::from_utf8_lossy(&out.stdout).into_owned()),
        _ => {
            println!("skipped: pdftotext (Debian's poppler-utils) is not installed");
            None
        }
    }
}

#[test]
fn pt_10_a_busy_month_says_what_happened_and_what_is_left_to_do() {
    let bytes = pdf(&busy(8, 3)).expect("a PDF");
    assert!(bytes.len() < 200_000, "{} bytes", bytes.len());
    let path = write("monthly-busy.pdf", &bytes);
    let Some(text) = text_of(&path) else { return };
    for word in [
        "竹原商店",
        "月次レポート",
        "対応が必要",
        "KEIRI-PC",
        "★★★",
        "本店1階",
        "検査できなかった",
        "中央値",
        "0120-000-000",
        "今すること",
    ] {
        assert!(text.contains(word), "{word} is missing or cannot be selected:\n{text}");
    }
}

#[test]
fn a_quiet_month_still_says_what_to_do_next() {
    let path = write("monthly-quiet.pdf", &pdf(&month("静かな商店")).expect("a PDF"));
    let Some(text) = text_of(&path) else { return };
    assert!(text.contains("見つかりませんでした") && text.contains("宛先"), "{text}");
}

#[test]
fn the_largest_month_is_bounded_and_hostile_names_stay_on_the_page() {
    let mut m = busy(ALERTS_MAX, GATEWAYS_MAX);
    m.customer = "長い名前の株式会社".repeat(10);
    for a in &mut m.alerts {
        a.device = "\u{1F600}W".repeat(200);
        a.title = "x".repeat(1_000);
    }
    let bytes = pdf(&m).expect("a PDF");
    let pages = bytes.windows(11).filter(|w| w == b"/Type /Page" || w == b"/Type/Page/").count();
    assert!(pages <= 40, "{pages} pages");
    write("monthly-largest.pdf", &bytes);
}

#[test]
fn the_same_facts_make_the_same_bytes() {
    assert_eq!(pdf(&busy(5, 2)).expect("a PDF"), pdf(&busy(5, 2)).expect("a PDF"));
}
