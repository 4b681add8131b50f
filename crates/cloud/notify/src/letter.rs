//! Mails about an answer of the desk, an announcement, a monthly report.
//!
//! Holds always: the same order as every mail: what it is, what to do, the facts, whom to call.

use mimamori_domain::{AnnouncementKind, Letter, jst};
use mimamori_service::Composed;

use crate::account::{Surroundings, Words, render};

pub(crate) fn compose(letter: &Letter, with: Surroundings<'_>) -> Result<Composed, askama::Error> {
    render(&words(letter, with), with)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn words(letter: &Letter, with: Surroundings<'_>) -> Words {
    let Surroundings { company, portal_url, .. } = with;
    match letter {
        Letter::Answer { inquiry, title, text, interim_until } => Words {
            subject: format!("【お問合せへの回答】{company} 様: {title}"),
            what: match interim_until {
                None => format!("お問合せ「{title}」に、相談窓口から回答がありました。"),
                Some(_) => format!("お問合せ「{title}」を調べています。途中の状況をお知らせします。"),
            },
            body: lines(text),
            facts: interim_until.map(|at| ("回答の予定", format!("{}まで", jst::date(at)))).into_iter().collect(),
            link: Some(format!("{portal_url}/inquiries/{inquiry}")),
            steps: vec![
                "回答の内容をお読みください。".to_owned(),
                "解決しないときは、下のリンクの画面から続けてお書きください。解決したときは「解決しました」を押してください（2週間で自動的に完了になります）。".to_owned(),
            ],
        },
        Letter::Announcement { announcement, kind, title, text, starts_at, ends_at } => Words {
            subject: format!("【{}】{title}", kind.label()),
            what: format!("{} 様へのお知らせです。", company),
            body: lines(text),
            facts: [("開始", starts_at), ("終了", ends_at)]
                .into_iter()
                .filter_map(|(name, at)| at.map(|at| (name, jst::date_time(at))))
                .collect(),
            link: Some(format!("{portal_url}/announcements/{announcement}")),
            steps: vec![match kind {
                AnnouncementKind::Maintenance | AnnouncementKind::Emergency => {
                    "ご用意いただくことはありません。上の時間は、ポータルとお知らせメールが止まることがあります。UTM装置による見守りは続きます。".to_owned()
                }
                AnnouncementKind::Firmware => {
                    "ご用意いただくことはありません。更新のあいだ、インターネットが数分つながらないことがあります。UTM装置の電源を切らないでください。".to_owned()
                }
                AnnouncementKind::News => "ご用意いただくことはありません。内容をご確認ください。".to_owned(),
            }],
        },
        Letter::Monthly { month, sentence, .. } => Words {
            subject: format!("【月次レポート】{company} 様: {}の見守りのまとめ", month.label()),
            what: sentence.clone(),
            body: Vec::new(),
            facts: vec![("対象の月", month.label())],
            link: Some(format!("{portal_url}/reports")),
            steps: vec![
                "添付のPDFをご覧ください。同じものをポータルからもダウンロードできます。".to_owned(),
                "メールでの受け取りは、ポータルの「レポート」の画面でいつでもやめられます。".to_owned(),
            ],
        },
    }
}
