//! What a kind of detection means, for somebody who runs a shop.

use mimamori_domain::{AlertState, Detection, DetectionKind, Headline, Outcome};

use super::part::Tag;

/// The drawing, the meaning and the consequence of one kind.
pub struct KindWords {
    pub icon: &'static str,
    pub explanation: &'static str,
}

pub const fn kind(kind: DetectionKind) -> KindWords {
    match kind {
        DetectionKind::Threat => KindWords {
            icon: "attack",
            explanation: "機器の弱点をねらう通信や、ウイルスに特有の通信です。",
        },
        DetectionKind::MalwareFile => KindWords {
            icon: "malware",
            explanation: "ウェブやメールで届いたファイルに、ウイルスの特徴がありました。",
        },
        DetectionKind::CommandAndControl => KindWords {
            icon: "c2",
            explanation: "ウイルスが、攻撃者の指示を受け取るときの通信（C&Cサーバー）です。",
        },
        DetectionKind::Phishing => KindWords {
            icon: "phishing",
            explanation: "パスワードやカード番号をだまし取るサイトへの通信です。",
        },
        DetectionKind::BadSite => KindWords {
            icon: "policy",
            explanation: "見ただけで感染するなど、危険と分かっているサイトへの通信です。",
        },
        DetectionKind::Scan => KindWords {
            icon: "scan",
            explanation: "攻撃の前に、開いている入口を探して回る通信です。",
        },
        DetectionKind::Anomaly => KindWords {
            icon: "other",
            explanation: "形がふつうと違う通信です。多くは害がありません。",
        },
        DetectionKind::Policy => KindWords {
            icon: "list",
            explanation: "危険ではないものの、会社の決まりで知っておきたい通信です。",
        },
    }
}

/// What was done, with the sentence that follows from it.
pub const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Blocked => "UTM装置がこの通信を途中で切りました。",
        Outcome::Neutralised => "UTM装置がファイルの危険な部分を書きかえ、開いても動かないようにしました。",
        Outcome::Allowed => "この通信は止めていません。記録だけをしています。",
    }
}

/// 「KEIRI-PC」が…: one line about one detection.
pub fn summary(d: &Detection) -> String {
    if let Some(file) =
        d.file.as_ref().filter(|f| d.kind == DetectionKind::MalwareFile || f.threat_name.is_some())
    {
        let name = file.name.as_deref().unwrap_or("名前のないファイル");
        return match file.threat_name.as_deref() {
            Some(threat) => format!("{name}（{threat}）"),
            None => name.to_owned(),
        };
    }
    if let Some(signature) = d.signature.as_ref().filter(|s| !s.msg.is_empty()) {
        return signature.msg.to_string();
    }
    match &d.reputation {
        Some(reputation) => format!("名簿にある通信先（{}）", reputation.kind.label()),
        None => shortened(&d.peer_text()),
    }
}

/// A long name without its middle: the end of a host name tells whose it is.
pub fn shortened(name: &str) -> String {
    const MOST: usize = 40;
    let length = name.chars().count();
    if length <= MOST {
        return name.to_owned();
    }
    let head: String = name.chars().take(12).collect();
    let tail: String = name.chars().skip(length - (MOST - 13)).collect();
    format!("{head}…{tail}")
}

/// The state of an alert for its card.
pub const fn alert_state(state: &AlertState) -> Tag {
    match state {
        AlertState::New | AlertState::Notified { .. } => {
            Tag { class: "accent", icon: "alert", word: "確認待ち" }
        }
        AlertState::Investigated { .. } => {
            Tag { class: "accent", icon: "alert", word: "調査済み・確認待ち" }
        }
        AlertState::Acknowledged { .. } => Tag { class: "", icon: "ok", word: "確認済み" },
        AlertState::Scanned { .. } => Tag { class: "", icon: "ok", word: "スキャン報告済み" },
        AlertState::Closed { .. } => Tag { class: "", icon: "ok", word: "完了" },
    }
}

/// The banner's colour, drawing and first sentence. The first sentence is the one that the
/// service specification (4.4(1)) promises.
pub struct HeadlineWords {
    pub class: &'static str,
    pub icon: &'static str,
    pub sentence: &'static str,
}

pub const fn headline(headline: Headline) -> HeadlineWords {
    let (class, icon, sentence) = match headline {
        Headline::AllWell => ("ok", "ok", "問題は見つかりませんでした"),
        Headline::PleaseCheck => ("check", "check", "ご利用の環境で問題がみつかりました"),
        Headline::UnderInvestigation => ("look", "look", "分析担当が調べているアラートがあります"),
        Headline::GatewayStopped => ("down", "down", "動いていないUTM装置があります"),
        Headline::ActionNeeded => ("act", "act", "ご利用の環境で問題がみつかりました"),
    };
    HeadlineWords { class, icon, sentence }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_end() {
        let name = format!("{}.t.badcdn.example", "a1".repeat(40));
        let short = shortened(&name);
        assert_eq!(short.chars().count(), 40);
        assert!(short.starts_with("a1a1") && short.ends_with(".t.badcdn.example"), "{short}");
        assert_eq!(shortened("files.example"), "files.example");
    }
}
