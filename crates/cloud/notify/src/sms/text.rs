//! The words of a short message: what happened, the first step, where the rest stands.

use askama::Template;
use mimamori_service::short::{ClaimedSms, SmsPurpose};

/// Three parts of a long message in Japanese; providers bill and cut by parts.
const CHARS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "sms.txt", escape = "none")]
struct TakeOver<'a> {
    stars: &'a str,
    device: String,
    title: String,
    first_step: String,
    link: String,
    desk_phone: &'a str,
}

/// `None`: what it would speak of is gone.
pub(super) fn compose(sms: &ClaimedSms, portal_url: &str) -> Option<String> {
    if let SmsPurpose::Code { text } = &sms.purpose {
        return Some(text.clone());
    }
    let (view, customer) = sms.about.as_ref()?;
    let alert = &view.alert;
    let words = TakeOver {
        stars: alert.rating.stars(),
        device: cut(&alert.device.display_name(), 24),
        title: cut(&alert.title, 32),
        first_step: alert.actions.first().map(|a| cut(first_sentence(a), 60)).unwrap_or_default(),
        link: format!("{portal_url}/a/{}", alert.id),
        desk_phone: customer.reseller.desk_phone.as_str(),
    };
    Some(cut(words.render().ok()?.trim_end(), CHARS_MAX))
}

/// Half a sentence could say the opposite.
fn first_sentence(text: &str) -> &str {
    text.find('。').and_then(|end| text.get(..end)).unwrap_or(text)
}

fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}
