//! Telephones for short messages, and what was sent to them.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_service::short::{SmsNumber, SmsView};

use super::{Frame, Moment, Tag};

/// One number of the company.
#[derive(Debug, Clone)]
pub struct NumberLine {
    /// E.164, for the forms.
    pub number: String,
    pub proved: Option<Moment>,
    pub last: Option<(Tag, Moment)>,
    /// What the provider said, where it did not take the message.
    pub words: String,
}

impl NumberLine {
    pub fn new(of: &SmsNumber, now: Timestamp) -> Self {
        let fails = of.last.as_ref().is_some_and(|(state, ..)| state.as_str() == "dead");
        NumberLine {
            number: of.number.to_string(),
            proved: of.verified_at.map(|at| Moment::at(at, now)),
            last: of.last.as_ref().map(|(state, at, _)| (state_tag(state), Moment::at(*at, now))),
            words: of.last.as_ref().filter(|_| fails).map(|(.., w)| w.to_string()).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "sms.html")]
pub struct Page {
    pub frame: Frame,
    /// There is a provider.
    pub available: bool,
    pub can_edit: bool,
    /// The password was given lately.
    pub proved: bool,
    pub numbers: Vec<NumberLine>,
    pub typed: String,
    pub error: Option<&'static str>,
}

impl Page {
    pub fn is_full(&self) -> bool {
        self.numbers.len() >= mimamori_domain::phone::SMS_NUMBERS_MAX
    }
}

/// One message, for the operator.
#[derive(Debug, Clone)]
pub struct SmsLine {
    pub purpose: &'static str,
    pub text: String,
    pub to: String,
    pub customer: String,
    pub at: Moment,
    pub state: Tag,
    pub attempts: u32,
    pub words: String,
}

impl SmsLine {
    pub fn new(of: &SmsView, customer: String, now: Timestamp) -> Self {
        SmsLine {
            purpose: if of.purpose.as_str() == "code" {
                "確認コード"
            } else {
                "★★★ の引き継ぎ"
            },
            text: of.text.clone(),
            to: of.to.masked(),
            customer,
            at: Moment::at(of.updated_at, now),
            state: state_tag(&of.state),
            attempts: of.attempts,
            words: of.words.to_string(),
        }
    }
}

fn state_tag(state: &str) -> Tag {
    match state {
        "sent" => Tag { class: "ok", icon: "ok", word: "事業者が受け取りました" },
        "queued" => Tag { class: "look", icon: "clock", word: "送信待ち" },
        "suppressed" => {
            Tag { class: "check", icon: "check", word: "1時間の上限のため送りませんでした" }
        }
        _ => Tag { class: "act", icon: "act", word: "届けられません" },
    }
}
