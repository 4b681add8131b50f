//! The bytes of a mail. Everything in them follows from the stored mail and delivery (date and
//! MIME boundary too), so that a retry sends the same bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use mimamori_domain::EmailAddress;
use mimamori_service::views::ClaimedDelivery;

use crate::config::SmtpConfig;

/// Stands in the links of a composed mail; each delivery puts its own id there, so that the
/// portal knows which mail was opened and which address was confirmed.
pub(crate) const MARK: &str = "m=mail";

#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("address {0} cannot stand in a mail: {1}")]
    Address(EmailAddress, lettre::address::AddressError),
    #[error("the type of an attachment: {0}")]
    Type(#[from] lettre::message::header::ContentTypeErr),
    #[error("the mail cannot be built: {0}")]
    Build(#[from] lettre::error::Error),
}

/// Envelope and bytes.
pub(crate) struct Wire {
    pub(crate) envelope: Envelope,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn build(claimed: &ClaimedDelivery, config: &SmtpConfig) -> Result<Wire, MessageError> {
    let (delivery, mail) = (&claimed.delivery, &claimed.mail);
    let from = address(&config.from)?;
    let to = address(&delivery.recipient)?;
    let micros = u64::try_from(mail.created_at.micros()).unwrap_or(0);
    let date: SystemTime = UNIX_EPOCH + Duration::from_micros(micros);
    let mut builder = Message::builder()
        .from(Mailbox::new(Some(config.from_name.as_str().to_owned()), from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .date(date)
        .message_id(Some(format!("<{}>", delivery.message_id)))
        .subject(mail.subject.clone());
    if let Some(desk) = &config.reply_to {
        builder = builder.reply_to(Mailbox::new(None, address(desk)?));
    }
    let part = |kind: ContentType, body: &str| {
        let body = body.replace(&format!("?{MARK}"), &format!("?m={}", delivery.id));
        SinglePart::builder().header(kind).body(body)
    };
    let parts = MultiPart::alternative()
        .boundary(format!("=_{}", delivery.id))
        .singlepart(part(ContentType::TEXT_PLAIN, &mail.text))
        .singlepart(part(ContentType::TEXT_HTML, &mail.html));
    let mut message = match &claimed.paper {
        None => builder.multipart(parts)?,
        Some((month, pdf)) => {
            let name = format!("monthly-{}.pdf", month.code());
            let paper = Attachment::new(name).body(pdf.clone(), ContentType::parse("application/pdf")?);
            let boundary = format!("=_p{}", delivery.id);
            builder.multipart(MultiPart::mixed().boundary(boundary).multipart(parts).singlepart(paper))?
        }
    };
    // No vacation notice should answer, and no loop start.
    for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")] {
        if let Ok(name) = HeaderName::new_from_ascii(name.to_owned()) {
            message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
        }
    }
    // What comes back names the delivery (VERP).
    let sender = config.bounces.as_ref().and_then(|b| crate::bounce::sender_of(b, delivery.id));
    let sender = sender.as_ref().map_or(Ok(from), address)?;
    let mut bytes = message.formatted();
    // Each signature is over the message alone: several keys do not depend on one another.
    let signatures: String = config.dkim.iter().filter_map(|key| key.sign(&bytes)).collect();
    bytes.splice(0..0, signatures.into_bytes());
    Ok(Wire { envelope: Envelope::new(Some(sender), vec![to])?, bytes })
}

fn address(of: &EmailAddress) -> Result<Address, MessageError> {
    of.as_str().parse().map_err(|e| MessageError::Address(of.clone(), e))
}
