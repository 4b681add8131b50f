//! Mails that come back (RFC 3464), found by the address they come back to.
//!
//! Holds always: only the address that a mail was sent from (VERP) says which delivery a bounce
//! is about; the content says whether it is final and why. What is not a report of failure (a
//! delay, a vacation notice) counts for nothing.

use mail_parser::{MessageParser, MimeHeaders as _};
use mimamori_domain::{DeliveryId, EmailAddress};

/// Most bytes of a bounce that are looked at.
const LOOK_AT_BYTES: usize = 256 * 1024;
/// Between the local part and the delivery's id.
const SEPARATOR: char = '+';

/// A delivery that came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounce {
    pub delivery: DeliveryId,
    /// What the other server said, or the status code.
    pub words: String,
}

/// The envelope sender of a delivery: `bounce+0123…@portal.example`.
#[must_use]
pub fn sender_of(bounces: &EmailAddress, delivery: DeliveryId) -> Option<EmailAddress> {
    let (local, domain) = bounces.as_str().rsplit_once('@')?;
    EmailAddress::parse(&format!("{local}{SEPARATOR}{delivery}@{domain}")).ok()
}

/// The delivery that an address stands for.
#[must_use]
pub fn delivery_of(address: &str) -> Option<DeliveryId> {
    let (local, _) = address.rsplit_once('@')?;
    let (_, id) = local.rsplit_once(SEPARATOR)?;
    DeliveryId::parse(id).ok()
}

/// What a mail to one of those addresses says. `None`: not a final failure.
#[must_use]
pub fn read(envelope_to: &str, raw: &[u8]) -> Option<Bounce> {
    let delivery = delivery_of(envelope_to)?;
    let mail = MessageParser::default().parse(raw.get(..LOOK_AT_BYTES).unwrap_or(raw))?;
    let report = mail.parts.iter().find_map(|part| {
        let kind = part.content_type()?;
        let is = kind.ctype().eq_ignore_ascii_case("message")
            && kind.subtype().is_some_and(|s| s.eq_ignore_ascii_case("delivery-status"));
        is.then(|| String::from_utf8_lossy(part.contents()).into_owned())
    })?;
    let action = field(&report, "action")?;
    let status = field(&report, "status").unwrap_or_default();
    if !action.eq_ignore_ascii_case("failed") || status.starts_with(['2', '4']) {
        return None;
    }
    let said = field(&report, "diagnostic-code").unwrap_or_default();
    let said = said.split_once(';').map_or(said.as_str(), |(_, words)| words).trim().to_owned();
    let words = if said.is_empty() { status } else { said };
    Some(Bounce { delivery, words })
}

/// The last value of a field of the report, unfolded.
fn field(report: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    let mut inside = false;
    for line in report.lines() {
        if line.starts_with([' ', '\t']) {
            if inside && let Some(value) = &mut found {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        inside = line.split_once(':').is_some_and(|(n, _)| n.trim().eq_ignore_ascii_case(name));
        if inside {
            found = line.split_once(':').map(|(_, v)| v.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a0a0a0a0b0b0c0c0d0d0d0d0d0d0";

    fn dsn(action: &str, status: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; \
             boundary=\"b\"\r\nMIME-Version: 1.0\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; a@b.example\r\nAction: {action}\r\nStatus: {status}\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 no such\r\n user here\r\n\r\n--b--\r\n"
        )
    }

    #[test]
    fn a_failure_names_its_delivery_and_says_why() {
        let to = format!("bounce+{ID}@portal.example");
        let bounce = read(&to, dsn("failed", "5.1.1").as_bytes()).unwrap();
        assert_eq!(bounce.delivery.to_string(), ID);
        assert_eq!(bounce.words, "550 5.1.1 no such user here");
        assert_eq!(read(&to, dsn("delayed", "4.4.1").as_bytes()), None);
        assert_eq!(read("bounce@portal.example", dsn("failed", "5.1.1").as_bytes()), None);
        assert_eq!(read(&to, b"Subject: I am away\r\n\r\nUntil Monday."), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_back_does_no_harm(raw in proptest::collection::vec(0u8..=255, 0..600), to in ".{0,60}") {
            let _ = read(&to, &raw);
            let _ = read(&format!("bounce+{ID}@portal.example"), &raw);
            let status = String::from_utf8_lossy(&raw).into_owned();
            let _ = read(&format!("bounce+{ID}@portal.example"), dsn(&status, &status).as_bytes());
        }
    }

    #[test]
    fn the_address_leads_back() {
        let bounces = EmailAddress::parse("bounce@portal.example").unwrap();
        let id = DeliveryId::parse(ID).unwrap();
        let sender = sender_of(&bounces, id).unwrap();
        assert_eq!(delivery_of(sender.as_str()), Some(id));
    }
}
