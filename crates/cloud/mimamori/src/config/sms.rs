//! The part of the file about short messages.

use std::path::PathBuf;

use mimamori_notify::{TwilioConfig, TwilioSms};
use serde::Deserialize;
use toml::Spanned;

use super::super::{ConfigError, Place, Sms};
use super::{rate, secret};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSms {
    #[serde(default = "twilio")]
    url: String,
    account: Spanned<String>,
    token_file: Spanned<PathBuf>,
    from: Spanned<String>,
    per_minute: Option<Spanned<u32>>,
}

fn twilio() -> String {
    "https://api.twilio.com".to_owned()
}

pub(super) fn check(at: &Place<'_>, raw: &RawSms) -> Result<Sms, ConfigError> {
    let token = secret(at, "sms.token_file", &raw.token_file)?.trim().to_owned();
    let sms = Sms {
        url: raw.url.clone(),
        account: raw.account.get_ref().clone(),
        token,
        from: raw.from.get_ref().clone(),
        per_minute: rate(at, "sms.per_minute", raw.per_minute.as_ref())?,
    };
    match TwilioSms::new(sms.twilio()) {
        Ok(_) => Ok(sms),
        Err(e) => Err(at.wrong(
            "sms.account",
            &raw.account,
            format!("url（https://…）、account（英数字）、token_file、from を確かめてください（{e}）"),
        )),
    }
}

impl Sms {
    pub fn twilio(&self) -> TwilioConfig {
        TwilioConfig {
            url: self.url.clone(),
            account: self.account.clone(),
            token: self.token.clone(),
            from: self.from.clone(),
        }
    }
}
