//! 契約と補償, to be read: what was agreed, since when the insurance covers, what was used of it.

use askama::Template;
use mimamori_domain::contract::{ClaimState, Cover, RESPONSE_YEN, RESPONSES_A_YEAR};
use mimamori_domain::jst::{self, JstDay};
use mimamori_service::ContractSummary;

use super::{Fact, Frame, Tag};

/// Whether the customer is covered, in words.
#[derive(Debug)]
pub struct CoverBox {
    pub class: &'static str,
    pub icon: &'static str,
    pub state: &'static str,
    pub headline: String,
    pub text: String,
}

#[derive(Debug)]
pub struct ClaimLine {
    pub day: String,
    pub state: Tag,
    pub yen: String,
    pub note: String,
    pub alert: Option<String>,
}

#[derive(Debug)]
pub struct AgreedLine {
    pub document: String,
    pub version: String,
    pub when: String,
}

#[derive(Debug, Template)]
#[template(path = "contract.html")]
pub struct Page {
    pub frame: Frame,
    pub facts: Vec<Fact>,
    pub cover: CoverBox,
    /// One sentence on the responses of this insurance year.
    pub responses: Option<String>,
    pub yen: String,
    pub claims: Vec<ClaimLine>,
    pub agreed: Vec<AgreedLine>,
}

fn day(of: JstDay) -> String {
    jst::date(of.start())
}

fn yen(n: u32) -> String {
    format!("{}円", jst::thousands(u64::from(n)))
}

impl Page {
    pub fn new(frame: Frame, s: &ContractSummary) -> Self {
        let contract = s.contract.as_ref();
        let mut facts = vec![Fact::new("契約者", s.customer.customer.name.to_string())];
        if let Some(c) = contract.filter(|c| !c.number.is_empty()) {
            facts.push(Fact::new("契約番号", c.number.to_string()));
        }
        facts.push(Fact::new(
            "サービス開始日",
            s.started.map_or("UTM装置の初期設定が済むと始まります".to_owned(), day),
        ));
        if let Some(free) = contract.and_then(|c| c.free_until) {
            facts.push(Fact::new("無償の期間", format!("{} まで", day(JstDay(free)))));
        }
        if let Some(end) = contract.and_then(|c| c.ends_on) {
            facts.push(Fact::new("ご利用の最終日", day(JstDay(end))));
        }
        facts.push(Fact::new("UTM装置", format!("{}台（貸与）", s.gateways.len())));
        facts.push(Fact::new("販売店", s.customer.reseller.name.to_string()));
        Page {
            frame,
            facts,
            cover: cover(s.cover),
            responses: s.responses.map(responses),
            yen: yen(RESPONSE_YEN),
            claims: s.claims.iter().map(claim).collect(),
            agreed: contract.map(agreed).unwrap_or_default(),
        }
    }
}

fn agreed(c: &mimamori_domain::Contract) -> Vec<AgreedLine> {
    let line = |a: &mimamori_domain::contract::Agreed| AgreedLine {
        document: a.document.to_string(),
        version: format!("第{}版", a.version),
        when: format!("{} {}さん", jst::date(a.at), a.by),
    };
    c.agreed.iter().map(line).collect()
}

fn claim(c: &mimamori_domain::Claim) -> ClaimLine {
    let state = match c.state {
        ClaimState::Asked => ("look", "clock"),
        ClaimState::Responding => ("look", "device"),
        ClaimState::Documents => ("check", "paper"),
        ClaimState::Paid => ("ok", "ok"),
        ClaimState::Refused => ("", "policy"),
    };
    ClaimLine {
        day: c.responded_on.map_or_else(|| jst::date(c.at), |d| day(JstDay(d))),
        state: Tag { class: state.0, icon: state.1, word: c.state.label() },
        yen: if c.state == ClaimState::Refused { "なし".to_owned() } else { yen(c.yen) },
        note: c.note.to_string(),
        alert: c.alert.map(|id| id.to_string()),
    }
}

fn responses((used, left): (u32, u32)) -> String {
    match left {
        0 => format!("この保険年度の駆け付け {RESPONSES_A_YEAR}回は、すべてお使いになりました。"),
        n => format!(
            "この保険年度の駆け付けは {RESPONSES_A_YEAR}回のうち{used}回お使いで、あと{n}回使えます。"
        ),
    }
}

fn cover(of: Cover) -> CoverBox {
    match of {
        Cover::NotStarted => CoverBox {
            class: "down",
            icon: "clock",
            state: "補償の開始前",
            headline: "サービスの開始を待っています".to_owned(),
            text: "UTM装置の初期設定が済むとサービスが始まり、その翌月1日から補償が始まります。".to_owned(),
        },
        Cover::From(first) => CoverBox {
            class: "look",
            icon: "clock",
            state: "補償の開始前",
            headline: format!("{} から補償が始まります", day(first)),
            text: "それまでに起きたことの駆け付け費用は、お客様のご負担になります。".to_owned(),
        },
        Cover::InForce(year) => CoverBox {
            class: "ok",
            icon: "shield",
            state: "補償中",
            headline: format!("{} まで補償されています", day(year.to)),
            text: format!(
                "{} 0:00 からの1年間（{}年目）です。ご契約が続くあいだ、自動で更新されます。",
                day(year.from),
                year.number
            ),
        },
        Cover::Ended(end) => CoverBox {
            class: "down",
            icon: "history",
            state: "補償の終了",
            headline: format!("{} で終わりました", day(end)),
            text: "このあとに生じた原因による駆け付けの費用は、補償されません。".to_owned(),
        },
    }
}
