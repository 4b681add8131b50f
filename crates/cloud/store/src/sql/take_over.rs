//! Who hears of a ★★★ when its mail does not arrive: the next address, and the telephones
//! (NT-05). In the transaction that notes the failure, so that a crash loses nothing.
//!
//! Holds always: one alert is handed over to one address or number once, as the ids follow from
//! the alert and the place in the list; the chain ends with the list.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::{AlertId, CustomerId, DeliveryId, EmailAddress, Notice, NoticeId, NoticeKind, SmsId};

use super::dialect::Conn;
use super::rows::{number, text, time};
use super::{outbox, parties, reach, sms, sms_numbers};
use crate::error::Result;
use crate::ratings::DeliveryOf;
use crate::scope::Scope;
use crate::sms::{NewSms, SmsPurpose};

/// A ★★★ mail that no server has taken by then is told by telephone as well.
const TELEPHONE_AFTER: Duration = Duration::from_secs(600);
/// Marks of the ids that follow from an alert.
const BY_MAIL: u8 = 0x80;
const BY_SMS: u8 = 0x40;

/// A delivery is dead or bounced.
pub(super) async fn after_failure(c: &mut Conn, id: DeliveryId, now: Timestamp) -> Result<()> {
    let failed = reach::delivery_of(c, Scope::system(), id).await?;
    let Some(alert) = failed.alerts.first().copied().filter(|_| failed.urgent) else { return Ok(()) };
    next_address(c, &failed, alert, now).await?;
    by_telephone(c, failed.customer, alert, now).await
}

/// A delivery has to wait. The telephones are told if the whole mail waits for too long.
pub(super) async fn after_delay(c: &mut Conn, id: DeliveryId, now: Timestamp) -> Result<()> {
    let waiting = reach::delivery_of(c, Scope::system(), id).await?;
    let Some(alert) = waiting.alerts.first().copied().filter(|_| waiting.urgent) else { return Ok(()) };
    let row = sqlx::query(
        "SELECT m.created_at, (SELECT COUNT(*) FROM deliveries d WHERE d.mail_id = m.id AND d.state = 'sent') AS sent \
         FROM mails m WHERE m.id = $1",
    )
    .bind(waiting.mail.0.to_vec())
    .fetch_one(&mut *c)
    .await?;
    if number(&row, "sent")? > 0 || now.since(time(&row, "created_at")?) < TELEPHONE_AFTER {
        return Ok(());
    }
    by_telephone(c, waiting.customer, alert, now).await
}

/// The first address after the failed one, in a circle, whose own latest mail has not failed.
async fn next_address(c: &mut Conn, failed: &DeliveryOf, alert: AlertId, now: Timestamp) -> Result<()> {
    let customer = parties::customer(c, Scope::system(), failed.customer).await?;
    let all = customer.customer.addresses.as_slice();
    let at = all.iter().position(|a| *a == failed.recipient).unwrap_or(all.len());
    for (place, to) in all.iter().enumerate().cycle().skip(at + 1).take(all.len()) {
        if *to == failed.recipient || last_failed(c, failed.customer, to).await? {
            continue;
        }
        let notice = Notice {
            id: NoticeId(derived(alert, BY_MAIL, place)),
            customer: failed.customer,
            kind: NoticeKind::TakeOver { to: to.clone(), failed: failed.recipient.clone(), alert },
            created_at: now,
            due_at: now,
        };
        return outbox::insert_notice(c, &notice).await;
    }
    Ok(())
}

async fn last_failed(c: &mut Conn, customer: CustomerId, to: &EmailAddress) -> Result<bool> {
    let row = sqlx::query(
        "SELECT state FROM deliveries WHERE customer_id = $1 AND recipient = $2 \
         ORDER BY created_at DESC, id DESC LIMIT 1",
    )
    .bind(customer.0.to_vec())
    .bind(to.as_str().to_owned())
    .fetch_optional(c)
    .await?;
    let state = row.map(|row| text(&row, "state")).transpose()?;
    Ok(state.is_some_and(|s| s == "dead" || s == "bounced"))
}

/// A message to each verified number.
pub(super) async fn by_telephone(
    c: &mut Conn,
    customer: CustomerId,
    alert: AlertId,
    now: Timestamp,
) -> Result<()> {
    for (place, to) in sms_numbers::verified(c, customer).await?.into_iter().enumerate() {
        let purpose = SmsPurpose::TakeOver { alert };
        let id = SmsId(derived(alert, BY_SMS, place));
        sms::queue(c, Scope::system(), &NewSms { id, customer: Some(customer), to, purpose, now }).await?;
    }
    Ok(())
}

/// An id that is the same each time.
fn derived(alert: AlertId, mark: u8, place: usize) -> [u8; 16] {
    let place = u8::try_from(place).unwrap_or(u8::MAX) & 0x0f;
    let mut id = alert.0;
    let [.., last] = &mut id;
    *last ^= mark | place;
    id
}
