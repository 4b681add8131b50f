//! How mail reaches each address: verified, accepted, bounced, opened.

use mimamori_base::Timestamp;
use mimamori_domain::alert::Actor;
use mimamori_domain::{AlertId, CustomerId, DeliveryId, EmailAddress, Line, MailId};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, json, maybe_time, number, parsed, text, time};
use super::{parties, scoped, take_over};
use crate::error::Result;
use crate::ratings::{AddressState, DeliveryOf, LastMail, Unreachable};
use crate::scope::Scope;

pub(super) async fn address_states(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
) -> Result<Vec<AddressState>> {
    let known = parties::customer(c, scope, customer).await?;
    let mut states = Vec::new();
    for address in known.customer.addresses.as_slice() {
        let verified =
            sqlx::query("SELECT verified_at FROM verified_addresses WHERE customer_id = $1 AND address = $2")
                .bind(customer.0.to_vec())
                .bind(address.as_str().to_owned())
                .fetch_optional(&mut *c)
                .await?;
        let last = sqlx::query(
            "SELECT state, attempts, reply, updated_at, opened_at FROM deliveries \
             WHERE customer_id = $1 AND recipient = $2 ORDER BY created_at DESC, id DESC LIMIT 1",
        )
        .bind(customer.0.to_vec())
        .bind(address.as_str().to_owned())
        .fetch_optional(&mut *c)
        .await?;
        states.push(AddressState {
            address: address.clone(),
            verified_at: verified.map(|row| time(&row, "verified_at")).transpose()?,
            last: last.map(|row| last_mail(&row)).transpose()?,
        });
    }
    Ok(states)
}

fn last_mail(row: &Row) -> Result<LastMail> {
    Ok(LastMail {
        state: Line::clip(&text(row, "state")?),
        at: time(row, "updated_at")?,
        attempts: u32::try_from(number(row, "attempts")?).unwrap_or(u32::MAX),
        words: Line::clip(&text(row, "reply")?),
        opened_at: maybe_time(row, "opened_at")?,
    })
}

pub(super) async fn verify(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    address: &EmailAddress,
    by: Option<&Actor>,
    now: Timestamp,
) -> Result<()> {
    parties::customer(c, scope, customer).await?;
    sqlx::query(
        "INSERT INTO verified_addresses (customer_id, address, verified_at, actor) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (customer_id, address) DO NOTHING",
    )
    .bind(customer.0.to_vec())
    .bind(address.as_str().to_owned())
    .bind(now.micros())
    .bind(by.map(|a| a.name.as_str().to_owned()).unwrap_or_default())
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn delivery_of(c: &mut Conn, scope: Scope, id: DeliveryId) -> Result<DeliveryOf> {
    scope.require_system()?;
    let row = sqlx::query(
        "SELECT d.customer_id, d.mail_id, d.recipient, d.urgent, m.alerts FROM deliveries d \
         JOIN mails m ON m.id = d.mail_id WHERE d.id = $1",
    )
    .bind(id.0.to_vec())
    .fetch_one(c)
    .await?;
    Ok(DeliveryOf {
        customer: CustomerId(bytes(&row, "customer_id")?),
        mail: MailId(bytes(&row, "mail_id")?),
        recipient: parsed(&row, "recipient", EmailAddress::parse)?,
        alerts: json::<Vec<AlertId>>(&row, "alerts")?,
        urgent: number(&row, "urgent")? != 0,
    })
}

pub(super) async fn mark_bounced(
    c: &mut Conn,
    scope: Scope,
    id: DeliveryId,
    words: &Line,
    now: Timestamp,
) -> Result<bool> {
    scope.require_system()?;
    let done = sqlx::query(
        "UPDATE deliveries SET state = 'bounced', reply = $1, updated_at = $2, lease_token = NULL, \
         lease_until = NULL WHERE id = $3 AND state IN ('sent', 'queued')",
    )
    .bind(words.as_str().to_owned())
    .bind(now.micros())
    .bind(id.0.to_vec())
    .execute(&mut *c)
    .await?;
    let news = done.rows_affected() == 1;
    if news {
        take_over::after_failure(c, id, now).await?;
    }
    Ok(news)
}

pub(super) async fn mark_opened(c: &mut Conn, scope: Scope, id: DeliveryId, now: Timestamp) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE deliveries SET opened_at = ");
    q.push_bind(now.micros()).push(" WHERE opened_at IS NULL AND id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    q.build().execute(c).await?;
    Ok(())
}

pub(super) async fn unreachable(c: &mut Conn, scope: Scope, since: Timestamp) -> Result<Vec<Unreachable>> {
    let mut q = QueryBuilder::<Db>::new(
        "SELECT d.customer_id, d.recipient, d.updated_at, d.reply FROM deliveries d \
         WHERE d.state IN ('dead', 'bounced') AND d.created_at >= ",
    );
    q.push_bind(since.micros());
    scoped::push(&mut q, scope, "d.customer_id");
    q.push(
        " AND NOT EXISTS (SELECT 1 FROM deliveries n WHERE n.customer_id = d.customer_id \
         AND n.recipient = d.recipient AND n.created_at > d.created_at AND n.state IN ('sent', 'dead', 'bounced')) \
         ORDER BY d.updated_at DESC LIMIT 500",
    );
    let of = |row: &Row| -> Result<Unreachable> {
        Ok(Unreachable {
            customer: CustomerId(bytes(row, "customer_id")?),
            address: Line::clip(&text(row, "recipient")?),
            since: time(row, "updated_at")?,
            words: Line::clip(&text(row, "reply")?),
        })
    };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}
