//! Notices, mails and their deliveries (NT-05): queued with what caused them, claimed under a
//! lease, settled under the same lease.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::notice::{GROUP_DEADLINE, TO_STAFF};
use mimamori_domain::{
    AlertId, Customer, CustomerId, DeliveryId, EmailAddress, GatewayId, Line, MailId, MonthlyId, Name,
    Notice, NoticeId, NoticeKind, NotifyAddresses, Reseller, ResellerId,
};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db, LOCK_ROW, Row, SKIP_LOCKED};
use super::rows::{bytes, exactly_one, json, maybe_bytes, number, parsed, text, time, to_json};
use super::upkeep::CLOCKS_DIFFER;
use super::{alerts, integrations, parties, scoped, take_over};
use crate::error::{Result, StoreError};
use crate::scope::Scope;
use crate::views::{Attempt, ClaimedDelivery, CustomerView, Delivery, DeliveryView, Mail, NoticeGroup};

/// Notices that one mail speaks of at most; the rest follow in the next.
const NOTICES_PER_MAIL: i64 = 200;
/// Mails that one customer gets in [`BUDGET_TIME`]: what comes beyond is gathered into one digest
/// when the time is over (NT-06). Counts mails, not addresses.
const MAILS_PER_BUDGET: i64 = 10;
const BUDGET_TIME: Duration = Duration::from_secs(3_600);

pub(super) async fn insert_notice(c: &mut Conn, n: &Notice) -> Result<()> {
    // A notice that is already there was made by an earlier run of the same job.
    sqlx::query(
        "INSERT INTO notices (id, customer_id, created_at, due_at, body) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(n.id.0.to_vec())
    .bind(n.customer.0.to_vec())
    .bind(n.created_at.micros())
    .bind(n.due_at.micros())
    .bind(to_json(n)?)
    .execute(&mut *c)
    .await?;
    integrations::queue_for_webhooks(c, n).await
}

pub(super) async fn due_notices(
    c: &mut Conn,
    scope: Scope,
    now: Timestamp,
    customers: u32,
) -> Result<Vec<NoticeGroup>> {
    scope.require_system()?;
    let due = sqlx::query(
        // What was due at once (★★★) is never held back; the rest waits for the hour's budget. What
        // was written by a clock that has jumped back since does not wait for its time.
        "SELECT customer_id, MIN(due_at) AS first FROM notices n WHERE mail_id IS NULL \
         AND (due_at <= $1 OR created_at > $5) AND (due_at <= created_at OR (SELECT COUNT(*) FROM mails m WHERE m.customer_id = n.customer_id \
         AND m.created_at > $2 AND m.created_at <= $1) < $3) \
         GROUP BY customer_id ORDER BY first LIMIT $4",
    )
    .bind(now.micros())
    .bind((now - BUDGET_TIME).micros())
    .bind(MAILS_PER_BUDGET)
    .bind(i64::from(customers))
    .bind((now + CLOCKS_DIFFER).micros())
    .fetch_all(&mut *c)
    .await?;
    let mut groups = Vec::with_capacity(due.len());
    for row in due {
        let id = CustomerId(bytes(&row, "customer_id")?);
        let notices = sqlx::query(
            "SELECT body FROM notices WHERE mail_id IS NULL AND customer_id = $1 \
             AND (due_at <= $2 OR created_at > $4) ORDER BY due_at, id LIMIT $3",
        )
        .bind(id.0.to_vec())
        .bind((now + GROUP_DEADLINE).micros())
        .bind(NOTICES_PER_MAIL)
        .bind((now + CLOCKS_DIFFER).micros())
        .fetch_all(&mut *c)
        .await?
        .iter()
        .map(|row| json(row, "body"))
        .collect::<Result<Vec<Notice>>>()?;
        let customer = if id == TO_STAFF { staff(now)? } else { parties::customer(c, scope, id).await? };
        groups.push(NoticeGroup { customer, notices });
    }
    Ok(groups)
}

/// Stands where a customer would in mails to staff about their own accounts.
fn staff(now: Timestamp) -> Result<CustomerView> {
    let name = |text| Name::parse(text).map_err(|e| StoreError::corrupt("notices", e));
    let reseller = Reseller {
        id: ResellerId(TO_STAFF.0),
        name: name("運営")?,
        desk_phone: name("運営の管理者")?,
        desk_hours: name("社内の連絡先")?,
        created_at: now,
    };
    let customer = Customer {
        id: TO_STAFF,
        reseller: reseller.id,
        name: name("見守りサービス 運営")?,
        addresses: NotifyAddresses::default(),
        created_at: now,
    };
    Ok(CustomerView { customer, reseller })
}

pub(super) async fn queue_mail(
    c: &mut Conn,
    scope: Scope,
    mail: &Mail,
    deliveries: &[Delivery],
    notices: &[NoticeId],
) -> Result<()> {
    scope.require_system()?;
    let mut q = QueryBuilder::<Db>::new("UPDATE notices SET mail_id = ");
    q.push_bind(mail.id.0.to_vec()).push(" WHERE mail_id IS NULL AND id IN (");
    let mut list = q.separated(", ");
    for id in notices {
        list.push_bind(id.0.to_vec());
    }
    q.push(")");
    let touched = q.build().execute(&mut *c).await?.rows_affected();
    if touched != u64::try_from(notices.len()).unwrap_or(u64::MAX) {
        return Err(StoreError::Conflict);
    }
    sqlx::query(
        "INSERT INTO mails (id, customer_id, created_at, subject, body_text, body_html, alerts, monthly_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(mail.id.0.to_vec())
    .bind(mail.customer.0.to_vec())
    .bind(mail.created_at.micros())
    .bind(mail.subject.clone())
    .bind(mail.text.clone())
    .bind(mail.html.clone())
    .bind(to_json(&mail.alerts)?)
    .bind(mail.paper.map(|id| id.0.to_vec()))
    .execute(&mut *c)
    .await?;
    for d in deliveries {
        sqlx::query(
            "INSERT INTO deliveries (id, mail_id, customer_id, recipient, message_id, state, attempts, next_at, \
             reply, created_at, updated_at, urgent) VALUES ($1, $2, $3, $4, $5, 'queued', 0, $6, '', $6, $6, $7)",
        )
        .bind(d.id.0.to_vec())
        .bind(d.mail.0.to_vec())
        .bind(mail.customer.0.to_vec())
        .bind(d.recipient.as_str().to_owned())
        .bind(d.message_id.clone())
        .bind(mail.created_at.micros())
        .bind(i64::from(mail.urgent))
        .execute(&mut *c)
        .await?;
    }
    // Nobody can be written to: the telephone is the only way.
    if let Some(alert) = mail.alerts.first().filter(|_| mail.urgent && deliveries.is_empty()) {
        take_over::by_telephone(c, mail.customer, *alert, mail.created_at).await?;
    }
    Ok(())
}

const DELIVERY: &str = "SELECT d.id AS d_id, d.mail_id, d.customer_id, d.recipient, d.message_id, d.state, d.attempts, \
     d.updated_at, d.reply, d.urgent, m.subject, m.created_at AS m_created, m.body_text, m.body_html, m.alerts, m.monthly_id \
     FROM deliveries d JOIN mails m ON m.id = d.mail_id";

fn delivery_of(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        id: DeliveryId(bytes(row, "d_id")?),
        mail: MailId(bytes(row, "mail_id")?),
        recipient: parsed(row, "recipient", EmailAddress::parse)?,
        message_id: text(row, "message_id")?,
    })
}

fn attempts_of(row: &Row) -> Result<u32> {
    Ok(u32::try_from(number(row, "attempts")?).unwrap_or(u32::MAX))
}

/// Due and under nobody's lease. What was written by a clock that has jumped back since holds
/// nothing up: neither its times nor its leases.
pub(super) fn push_due(q: &mut QueryBuilder<Db>, now: Timestamp) {
    q.push("(updated_at > ").push_bind((now + CLOCKS_DIFFER).micros());
    q.push(" OR (next_at <= ").push_bind(now.micros());
    q.push(" AND (lease_until IS NULL OR lease_until <= ").push_bind(now.micros());
    q.push(")))");
}

pub(super) async fn claim(
    c: &mut Conn,
    scope: Scope,
    now: Timestamp,
    lease_until: Timestamp,
    token: [u8; 16],
    limit: u32,
) -> Result<Vec<ClaimedDelivery>> {
    scope.require_system()?;
    let mut q = QueryBuilder::<Db>::new("UPDATE deliveries SET lease_token = ");
    q.push_bind(token.to_vec());
    q.push(", lease_until = ").push_bind(lease_until.micros());
    q.push(", updated_at = ").push_bind(now.micros());
    q.push(" WHERE id IN (SELECT id FROM deliveries WHERE state = 'queued' AND ");
    push_due(&mut q, now);
    q.push(" ORDER BY urgent DESC, next_at, id LIMIT ").push_bind(i64::from(limit));
    q.push(SKIP_LOCKED).push(") RETURNING id");
    let ids = q.build().fetch_all(&mut *c).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }

    let mut q = QueryBuilder::<Db>::new(DELIVERY);
    q.push(" WHERE d.id IN (");
    let mut list = q.separated(", ");
    for row in &ids {
        list.push_bind(bytes::<16>(row, "id")?.to_vec());
    }
    q.push(") ORDER BY d.urgent DESC, d.next_at, d.id");
    let of = |row: &Row| -> Result<ClaimedDelivery> {
        let delivery = delivery_of(row)?;
        let mail = Mail {
            id: delivery.mail,
            customer: CustomerId(bytes(row, "customer_id")?),
            created_at: time(row, "m_created")?,
            subject: text(row, "subject")?,
            text: text(row, "body_text")?,
            html: text(row, "body_html")?,
            alerts: json(row, "alerts")?,
            urgent: number(row, "urgent")? != 0,
            paper: maybe_bytes::<16>(row, "monthly_id")?.map(MonthlyId),
        };
        Ok(ClaimedDelivery { delivery, mail, attempts: attempts_of(row)?, paper: None })
    };
    let rows = q.build().fetch_all(&mut *c).await?;
    let mut claimed: Vec<ClaimedDelivery> = rows.iter().map(of).collect::<Result<_>>()?;
    for one in &mut claimed {
        if let Some(id) = one.mail.paper {
            one.paper = super::contracts::paper(c, id).await?;
        }
    }
    Ok(claimed)
}

pub(super) async fn settle(
    c: &mut Conn,
    scope: Scope,
    id: DeliveryId,
    token: [u8; 16],
    attempt: &Attempt,
    now: Timestamp,
) -> Result<()> {
    scope.require_system()?;
    let (state, next_at, reply) = match attempt {
        Attempt::Sent { reply } => ("sent", now, reply),
        Attempt::Retry { at, reply } => ("queued", *at, reply),
        Attempt::Dead { reply } => ("dead", now, reply),
    };
    let done = sqlx::query(
        "UPDATE deliveries SET state = $1, next_at = $2, reply = $3, attempts = attempts + 1, updated_at = $4, \
         lease_token = NULL, lease_until = NULL WHERE id = $5 AND state = 'queued' AND lease_token = $6",
    )
    .bind(state)
    .bind(next_at.micros())
    .bind(reply.as_str().to_owned())
    .bind(now.micros())
    .bind(id.0.to_vec())
    .bind(token.to_vec())
    .execute(&mut *c)
    .await?;
    exactly_one(done.rows_affected())?;
    match attempt {
        Attempt::Sent { .. } => mark_notified(c, id, now).await,
        Attempt::Retry { .. } => take_over::after_delay(c, id, now).await,
        Attempt::Dead { .. } => take_over::after_failure(c, id, now).await,
    }
}

/// The alerts of a mail that a server accepted are notified.
async fn mark_notified(c: &mut Conn, id: DeliveryId, now: Timestamp) -> Result<()> {
    let row =
        sqlx::query("SELECT m.alerts FROM mails m JOIN deliveries d ON d.mail_id = m.id WHERE d.id = $1")
            .bind(id.0.to_vec())
            .fetch_one(&mut *c)
            .await?;
    for alert in json::<Vec<AlertId>>(&row, "alerts")? {
        let mut q = QueryBuilder::<Db>::new("SELECT body FROM alerts WHERE id = ");
        q.push_bind(alert.0.to_vec()).push(LOCK_ROW);
        let Some(row) = q.build().fetch_optional(&mut *c).await? else { continue };
        let alert: mimamori_domain::Alert = json(&row, "body")?;
        let old = alert.version;
        let alert = alert.notified(now);
        if alert.version != old {
            alerts::replace(c, Scope::system(), old, &alert).await?;
        }
    }
    Ok(())
}

pub(super) async fn ledger(
    c: &mut Conn,
    scope: Scope,
    state: Option<&str>,
    limit: u32,
) -> Result<Vec<DeliveryView>> {
    let mut q = QueryBuilder::<Db>::new(DELIVERY);
    q.push(" WHERE 1 = 1");
    scoped::push(&mut q, scope, "d.customer_id");
    if let Some(state) = state {
        q.push(" AND d.state = ").push_bind(state.to_owned());
    }
    q.push(" ORDER BY d.created_at DESC, d.id DESC LIMIT ").push_bind(i64::from(limit.clamp(1, 1_000)));
    let of = |row: &Row| -> Result<DeliveryView> {
        Ok(DeliveryView {
            delivery: delivery_of(row)?,
            customer: CustomerId(bytes(row, "customer_id")?),
            subject: text(row, "subject")?,
            created_at: time(row, "m_created")?,
            state: Line::clip(&text(row, "state")?),
            attempts: attempts_of(row)?,
            updated_at: time(row, "updated_at")?,
            reply: Line::clip(&text(row, "reply")?),
        })
    };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}

pub(super) async fn requeue(c: &mut Conn, scope: Scope, id: DeliveryId, now: Timestamp) -> Result<()> {
    scope.require_operator()?;
    let done = sqlx::query(
        "UPDATE deliveries SET state = 'queued', attempts = 0, next_at = $1, updated_at = $1 WHERE id = $2 AND state IN ('dead', 'bounced')",
    )
    .bind(now.micros())
    .bind(id.0.to_vec())
    .execute(c)
    .await?;
    exactly_one(done.rows_affected())
}

pub(super) async fn add_notice(c: &mut Conn, scope: Scope, notice: &Notice) -> Result<()> {
    scope.require_system()?;
    insert_notice(c, notice).await
}

/// Whether somebody was told since `since` that this gateway stopped.
pub(super) async fn stopped_lately(
    c: &mut Conn,
    gateway: GatewayId,
    customer: CustomerId,
    since: Timestamp,
) -> Result<bool> {
    let rows = sqlx::query(
        "SELECT body FROM notices WHERE customer_id = $1 AND created_at >= $2 AND mail_id IS NOT NULL LIMIT 2000",
    )
    .bind(customer.0.to_vec())
    .bind(since.micros())
    .fetch_all(c)
    .await?;
    let notices = rows.iter().map(|row| json::<Notice>(row, "body")).collect::<Result<Vec<_>>>()?;
    Ok(notices.iter().any(|n| stop_of(n) == Some(gateway)))
}

/// Takes back that this gateway stopped, if nobody was told yet.
pub(super) async fn withdraw_stop(c: &mut Conn, gateway: GatewayId, customer: CustomerId) -> Result<bool> {
    let rows = sqlx::query("SELECT body FROM notices WHERE customer_id = $1 AND mail_id IS NULL LIMIT 2000")
        .bind(customer.0.to_vec())
        .fetch_all(&mut *c)
        .await?;
    let mut withdrawn = false;
    for row in rows {
        let notice: Notice = json(&row, "body")?;
        if stop_of(&notice) == Some(gateway) {
            let done = sqlx::query("DELETE FROM notices WHERE id = $1 AND mail_id IS NULL")
                .bind(notice.id.0.to_vec())
                .execute(&mut *c)
                .await?;
            withdrawn |= done.rows_affected() == 1;
        }
    }
    Ok(withdrawn)
}

fn stop_of(notice: &Notice) -> Option<GatewayId> {
    match notice.kind {
        NoticeKind::GatewayStopped { gateway, .. } => Some(gateway),
        _ => None,
    }
}
