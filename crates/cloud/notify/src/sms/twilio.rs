//! Twilio's Messages resource, and what speaks it: one POST, an answer in JSON.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use mimamori_domain::PhoneNumber;
use serde::Deserialize;

use super::http::{Answer, Endpoint, EndpointError, NoAnswer};
use super::{SmsOutcome, SmsProvider};

/// For connecting, and for the answer.
const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub struct TwilioConfig {
    /// `https://api.twilio.com`.
    pub url: String,
    /// `AC…`: stands in the path.
    pub account: String,
    pub token: String,
    /// A number in E.164, an alphanumeric sender, or a messaging service (`MG…`).
    pub from: String,
}

impl fmt::Debug for TwilioConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioConfig")
            .field("url", &self.url)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub struct TwilioSms {
    endpoint: Endpoint,
    config: TwilioConfig,
    timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwilioConfigError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the account is written with letters and digits only")]
    Account,
    #[error("token and sender must not be empty")]
    Empty,
}

/// Success (`sid`, `status`) and failure (`code`, `message`) in one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    sid: Option<String>,
    status: Option<serde_json::Value>,
    code: Option<i64>,
    message: Option<String>,
}

impl TwilioSms {
    pub fn new(config: TwilioConfig) -> Result<Self, TwilioConfigError> {
        let endpoint = Endpoint::parse(&config.url)?;
        let account_ok =
            !config.account.is_empty() && config.account.bytes().all(|b| b.is_ascii_alphanumeric());
        if !account_ok {
            return Err(TwilioConfigError::Account);
        }
        if config.token.is_empty() || config.from.is_empty() {
            return Err(TwilioConfigError::Empty);
        }
        Ok(TwilioSms { endpoint, config, timeout: TIMEOUT })
    }

    /// For tests of a provider that hangs.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

#[async_trait]
impl SmsProvider for TwilioSms {
    async fn send(&self, to: &PhoneNumber, text: &str) -> SmsOutcome {
        let c = &self.config;
        let sender = if c.from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
        let Ok(form) = serde_urlencoded::to_string([("To", to.as_str()), (sender, &c.from), ("Body", text)])
        else {
            return SmsOutcome::Refused("the message cannot be written as a form".to_owned());
        };
        let path = format!("/2010-04-01/Accounts/{}/Messages.json", c.account);
        match self.endpoint.post_form(&path, (&c.account, &c.token), form, self.timeout).await {
            Ok(answer) => judge(&answer),
            Err(NoAnswer::NotSent(why)) => SmsOutcome::TryAgain(why),
            Err(NoAnswer::Unknown(why)) => SmsOutcome::Unknown(why),
        }
    }

    fn longest(&self) -> Duration {
        self.timeout * 2
    }
}

fn judge(answer: &Answer) -> SmsOutcome {
    let reply: Reply = serde_json::from_slice(&answer.body).unwrap_or_default();
    let status = answer.status;
    let said = || {
        let code = reply.code.map(|c| format!(" {c}")).unwrap_or_default();
        format!("HTTP {status}{code} {}", reply.message.as_deref().unwrap_or_default())
    };
    match status {
        200..=299 => {
            let state = reply.status.as_ref().and_then(|s| s.as_str()).unwrap_or_default();
            match state {
                // Taken and given up in one.
                "failed" | "undelivered" | "canceled" => SmsOutcome::Refused(said()),
                _ => SmsOutcome::Sent(format!("{} {state}", reply.sid.as_deref().unwrap_or("(no id)"))),
            }
        }
        // Too fast, or a fault of our configuration or of theirs: not of this message.
        401 | 403 | 404 | 408 | 429 => SmsOutcome::TryAgain(said()),
        400..=499 => SmsOutcome::Refused(said()),
        // It may have been taken before the fault.
        500 | 502 | 504 => SmsOutcome::Unknown(said()),
        _ => SmsOutcome::TryAgain(said()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> SmsOutcome {
        judge(&Answer { status, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(of(201, r#"{"sid":"SM1","status":"queued"}"#), SmsOutcome::Sent("SM1 queued".to_owned()));
        assert!(matches!(of(201, r#"{"sid":"SM1","status":"failed"}"#), SmsOutcome::Refused(_)));
        let e = of(400, r#"{"code":21211,"message":"Invalid 'To' Phone Number","status":400}"#);
        assert_eq!(e, SmsOutcome::Refused("HTTP 400 21211 Invalid 'To' Phone Number".to_owned()));
        assert!(matches!(of(429, "{}"), SmsOutcome::TryAgain(_)));
        assert!(matches!(of(401, "nonsense"), SmsOutcome::TryAgain(_)));
        assert!(matches!(of(500, "<html>"), SmsOutcome::Unknown(_)));
        assert!(matches!(of(503, ""), SmsOutcome::TryAgain(_)));
    }

    #[test]
    fn secrets_do_not_show() {
        let config = TwilioConfig {
            url: "https://api.twilio.com".to_owned(),
            account: "AC1".to_owned(),
            token: "geheim".to_owned(),
            from: "+15005550006".to_owned(),
        };
        let sms = TwilioSms::new(config.clone()).unwrap();
        assert!(!format!("{config:?} {sms:?}").contains("geheim"));
        let bad = TwilioConfig { account: "../x".to_owned(), ..config };
        assert_eq!(TwilioSms::new(bad).unwrap_err(), TwilioConfigError::Account);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_answered_does_no_harm(status in 0u16..1000, body in proptest::collection::vec(0u8..=255, 0..300)) {
            let _ = judge(&Answer { status, body });
        }
    }
}
