//! The monthly report as PDF (PT-10).

use mimamori_domain::monthly::{AlertLine, GatewayLine, Monthly, hundredths};
use mimamori_domain::{DetectionKind, StarRating, jst};

use crate::PaperError;
use crate::font::fonts;
use crate::sheet::{ACCENT, ACT, BODY, CHECK, SMALL, Sheet};

/// Lays the report out.
pub fn pdf(m: &Monthly) -> Result<Vec<u8>, PaperError> {
    let title = format!("月次レポート {}", m.month.label());
    let footer = format!("みまもり {title}　{} 様", m.customer);
    let mut sheet = Sheet::new(fonts()?, &footer);
    sheet.text(&format!("{} 様", m.customer), BODY);
    sheet.heading(&title, 1);
    sheet.text(&format!("作成日 {}", jst::date(m.made_at)), SMALL);
    sheet.space(8.0);
    let left = m.alerts.iter().any(|a| a.open && a.rating != StarRating::UnderInvestigation);
    let color = match (left, m.alerts_total) {
        (true, _) => ACT,
        (false, 0) => ACCENT,
        _ => CHECK,
    };
    sheet.banner(&m.sentence(), &stopped_words(m), color);
    advice(&mut sheet, m);
    counts(&mut sheet, m);
    alerts(&mut sheet, m);
    gateways(&mut sheet, &m.gateways);
    comparison(&mut sheet, m);
    blind(&mut sheet, m);
    contact(&mut sheet, m);
    sheet.finish(&format!("{title} {} 様", m.customer))
}

fn stopped_words(m: &Monthly) -> String {
    match (m.total(), m.stopped()) {
        (0, _) => "UTM装置は、御社の通信を休まず見守っています。".to_owned(),
        (n, s) if n == s => format!("見つけた{}件は、すべてUTM装置が止めました。", jst::thousands(n)),
        (n, s) => format!(
            "見つけた{}件のうち{}件をUTM装置が止め、{}件は記録しました。",
            jst::thousands(n),
            jst::thousands(s),
            jst::thousands(n - s)
        ),
    }
}

fn advice(sheet: &mut Sheet, m: &Monthly) {
    sheet.heading("今すること", 2);
    for (i, line) in m.advice().iter().enumerate() {
        sheet.item(&format!("{}.", i + 1), line, BODY);
        sheet.space(2.0);
    }
}

fn counts(sheet: &mut Sheet, m: &Monthly) {
    sheet.heading("検知の件数", 2);
    let mut rows = vec![["種類", "件数", "止めた件数", "前の月"].map(str::to_owned).to_vec()];
    for kind in DetectionKind::ALL {
        let Some(c) = m.counts.iter().find(|c| c.kind == *kind && c.total > 0) else { continue };
        rows.push(vec![
            kind.label().to_owned(),
            format!("{}件", jst::thousands(c.total)),
            format!("{}件", jst::thousands(c.stopped)),
            format!("{}件", jst::thousands(m.before_of(*kind))),
        ]);
    }
    if rows.len() == 1 {
        return sheet.text("この月に検知した通信はありません。", BODY);
    }
    let before: u64 = m.before.iter().map(|c| c.total).sum();
    rows.push(vec![
        "合計".to_owned(),
        format!("{}件", jst::thousands(m.total())),
        format!("{}件", jst::thousands(m.stopped())),
        format!("{}件", jst::thousands(before)),
    ]);
    sheet.table(&[(4.0, false), (1.3, true), (1.5, true), (1.3, true)], &rows);
    let names: Vec<&str> = DetectionKind::ALL
        .iter()
        .filter(|k| !m.counts.iter().any(|c| c.kind == **k && c.total > 0))
        .map(|k| k.label())
        .collect();
    if !names.is_empty() {
        sheet.text(&format!("見つからなかったもの: {}", names.join("、")), SMALL);
    }
}

fn alerts(sheet: &mut Sheet, m: &Monthly) {
    sheet.heading("重要なアラートと、その後", 2);
    if m.alerts.is_empty() {
        return sheet.text("お知らせが必要なアラートはありませんでした。", BODY);
    }
    let mut rows = vec![["重要度", "日時", "機器", "内容", "その後"].map(str::to_owned).to_vec()];
    rows.extend(m.alerts.iter().map(alert_row));
    sheet.table(&[(1.2, false), (1.5, false), (2.0, false), (3.6, false), (1.8, false)], &rows);
    let more = m.alerts_total.saturating_sub(m.alerts.len() as u64);
    if more > 0 {
        sheet.text(
            &format!("ほかに{}件あります。ポータルの「アラート」でご覧ください。", jst::thousands(more)),
            SMALL,
        );
    }
    sheet.text(
        "★★★ 感染の可能性が高い　★★☆ 感染の可能性あり　★☆☆ 念のため確認　※調査中※ 分析担当が調べています",
        SMALL,
    );
}

fn alert_row(a: &AlertLine) -> Vec<String> {
    let done = if a.stopped { "（止めました）" } else { "（記録しました）" };
    let left =
        if a.open && a.rating != StarRating::UnderInvestigation { "\n対応が必要です" } else { "" };
    vec![
        a.rating.stars().to_owned(),
        format!("{} {}", jst::month_day(a.raised_at), jst::time(a.raised_at)),
        format!("{}\n{}", a.device, a.gateway),
        format!("{}{done}", a.title),
        format!("{}{left}", a.state),
    ]
}

fn gateways(sheet: &mut Sheet, all: &[GatewayLine]) {
    sheet.heading("UTM装置の稼働", 2);
    if all.is_empty() {
        return sheet.text("この月に動いていたUTM装置はありません。", BODY);
    }
    for g in all {
        sheet.need(48.0);
        let share = g.permille();
        sheet.text(
            &format!("{}　{}.{}%", g.name, share / 10, share % 10),
            crate::sheet::Style { bold: true, ..BODY },
        );
        sheet.bar(
            f32::from(u16::try_from(share).unwrap_or(1_000)) / 1_000.0,
            if share < 950 { CHECK } else { ACCENT },
        );
        let now = if g.stopped_now { "　現在は止まっています" } else { "" };
        sheet.text(
            &format!(
                "{}時間のうち{}時間、連絡がありました。検知 {}件　装置ID {}{now}",
                jst::thousands(g.hours),
                jst::thousands(g.hours_heard.min(g.hours)),
                jst::thousands(g.detections),
                g.serial
            ),
            SMALL,
        );
        sheet.space(5.0);
    }
}

fn comparison(sheet: &mut Sheet, m: &Monthly) {
    let Some(c) = &m.comparison else { return };
    sheet.heading("ほかの会社とくらべて", 2);
    sheet.text(&c.sentence(), BODY);
    sheet.space(4.0);
    let mut rows = vec![["", "御社", "平均", "中央値", "中ほどの半分の会社"].map(str::to_owned).to_vec()];
    rows.extend(c.rows.iter().map(|(measure, own, cell)| {
        vec![
            measure.label().to_owned(),
            format!("{}件", hundredths(*own)),
            format!("{}件", hundredths(cell.mean)),
            format!("{}件", hundredths(cell.median)),
            format!("{}〜{}件", hundredths(cell.lower), hundredths(cell.upper)),
        ]
    }));
    sheet.table(&[(3.6, false), (1.2, true), (1.2, true), (1.2, true), (2.0, true)], &rows);
    sheet.text(
        &format!(
            "すべての参加企業・約{}社の、1社あたりの数字です。どの会社の数字かは分からないようにしてあります。",
            jst::thousands(c.companies)
        ),
        SMALL,
    );
}

fn blind(sheet: &mut Sheet, m: &Monthly) {
    sheet.heading("検査できなかった通信", 2);
    let total = m.bytes_deep.saturating_add(m.bytes_named).saturating_add(m.bytes_blind);
    let Some(percent) = (u128::from(m.bytes_blind) * 1_000).checked_div(u128::from(total)) else {
        return sheet.text("この月の通信の量は、まだ届いていません。", BODY);
    };
    let named = u128::from(m.bytes_named) * 1_000 / u128::from(total);
    let deep = 1_000 - percent - named;
    sheet.text(
        &format!(
            "通信の量のうち、中身まで検査したもの {}.{}%、通信先の名前とアドレスを検査したもの {}.{}%、検査できなかったもの {}.{}% でした。",
            deep / 10, deep % 10, named / 10, named % 10, percent / 10, percent % 10
        ),
        BODY,
    );
    sheet.text(
        "暗号化された通信（https）は中身を読みませんが、通信先の名前とアドレスは検査しています。",
        SMALL,
    );
}

fn contact(sheet: &mut Sheet, m: &Monthly) {
    sheet.heading("ご相談", 2);
    sheet.text(&format!("相談窓口 {}", m.desk), BODY);
    sheet.text("ポータルの「お問合せ」からもお送りいただけます。このレポートは、ポータルの「レポート」からいつでもダウンロードできます。", SMALL);
}
