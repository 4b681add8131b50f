//! Announcements, who has read them, and their mails to every customer.

use mimamori_base::Timestamp;
use mimamori_domain::{
    AccountId, Announcement, AnnouncementId, CustomerId, Letter, Notice, NoticeId, NoticeKind,
};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Conn, Db, LOCK_ROW};
use super::outbox;
use super::rows::{bytes, exactly_one, json, maybe_bytes, to_json};
use crate::desk::AnnouncementView;
use crate::error::Result;
use crate::scope::{Reach, Scope};

pub(super) async fn publish(c: &mut Conn, scope: Scope, a: &Announcement) -> Result<()> {
    scope.require_operator()?;
    sqlx::query(
        "INSERT INTO announcements (id, published_at, important, mail_state, body) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(a.id.0.to_vec())
    .bind(a.published_at.micros())
    .bind(i64::from(a.important))
    .bind(if a.by_mail { "waiting" } else { "none" })
    .bind(to_json(a)?)
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn withdraw(c: &mut Conn, scope: Scope, a: &Announcement) -> Result<()> {
    scope.require_operator()?;
    // What has not been mailed yet is not mailed any more.
    let done = sqlx::query(
        "UPDATE announcements SET withdrawn = 1, mail_state = 'none', body = $1 WHERE id = $2 AND withdrawn = 0",
    )
    .bind(to_json(a)?)
    .bind(a.id.0.to_vec())
    .execute(c)
    .await?;
    exactly_one(done.rows_affected())
}

pub(super) async fn announcements(
    c: &mut Conn,
    scope: Scope,
    reader: Option<AccountId>,
    limit: u32,
) -> Result<Vec<AnnouncementView>> {
    let mut q = QueryBuilder::<Db>::new("SELECT a.body, r.at AS read_at FROM announcements a ");
    q.push("LEFT JOIN announcement_reads r ON r.announcement_id = a.id AND r.account_id = ");
    q.push_bind(reader.map(|id| id.0.to_vec()).unwrap_or_default());
    q.push(" WHERE 1 = 1");
    if !matches!(scope.0, Reach::Operator | Reach::System) || reader.is_some() {
        q.push(" AND a.withdrawn = 0");
    }
    q.push(" ORDER BY a.published_at DESC, a.id DESC LIMIT ").push_bind(i64::from(limit.clamp(1, 500)));
    let rows = q.build().fetch_all(c).await?;
    rows.iter()
        .map(|row| {
            let read = row.try_get::<Option<i64>, _>("read_at")?.is_some();
            Ok(AnnouncementView { announcement: json(row, "body")?, read })
        })
        .collect()
}

pub(super) async fn announcement(c: &mut Conn, scope: Scope, id: AnnouncementId) -> Result<Announcement> {
    let mut q = QueryBuilder::<Db>::new("SELECT body FROM announcements WHERE id = ");
    q.push_bind(id.0.to_vec());
    if !matches!(scope.0, Reach::Operator | Reach::System) {
        q.push(" AND withdrawn = 0");
    }
    json(&q.build().fetch_one(c).await?, "body")
}

pub(super) async fn mark_read(
    c: &mut Conn,
    scope: Scope,
    reader: AccountId,
    customer: CustomerId,
    id: AnnouncementId,
    now: Timestamp,
) -> Result<()> {
    super::parties::customer(c, scope, customer).await?;
    announcement(c, scope, id).await?;
    sqlx::query(
        "INSERT INTO announcement_reads (account_id, announcement_id, customer_id, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account_id, announcement_id) DO NOTHING",
    )
    .bind(reader.0.to_vec())
    .bind(id.0.to_vec())
    .bind(customer.0.to_vec())
    .bind(now.micros())
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn spread(c: &mut Conn, scope: Scope, now: Timestamp, limit: u32) -> Result<u32> {
    scope.require_system()?;
    let mut q = QueryBuilder::<Db>::new(
        "SELECT id, mailed_to, body FROM announcements WHERE mail_state = 'waiting' ORDER BY published_at, id LIMIT 1",
    );
    q.push(LOCK_ROW);
    let Some(row) = q.build().fetch_optional(&mut *c).await? else { return Ok(0) };
    let (id, after) = (bytes::<16>(&row, "id")?, maybe_bytes::<16>(&row, "mailed_to")?);
    let a: Announcement = json(&row, "body")?;
    let customers = sqlx::query("SELECT id FROM customers WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after.map(|id| id.to_vec()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&mut *c)
        .await?;
    let mut last = after;
    for row in &customers {
        let customer = bytes::<16>(row, "id")?;
        outbox::insert_notice(c, &notice(&a, CustomerId(customer), now)).await?;
        last = Some(customer);
    }
    let n = u32::try_from(customers.len()).unwrap_or(u32::MAX);
    let state = if n < limit { "done" } else { "waiting" };
    sqlx::query("UPDATE announcements SET mail_state = $1, mailed_to = $2 WHERE id = $3")
        .bind(state)
        .bind(last.map(|id| id.to_vec()))
        .bind(id.to_vec())
        .execute(c)
        .await?;
    Ok(n.max(1))
}

/// The same id for the same announcement and customer: a second run tells nobody twice.
fn notice(a: &Announcement, customer: CustomerId, now: Timestamp) -> Notice {
    let mut id = a.id.0;
    for (to, from) in id.iter_mut().zip(customer.0.iter().rev()) {
        *to ^= from.rotate_left(3);
    }
    let letter = Letter::Announcement {
        announcement: a.id,
        kind: a.kind,
        title: a.title.clone(),
        text: a.text.clone(),
        starts_at: a.starts_at,
        ends_at: a.ends_at,
    };
    Notice {
        id: NoticeId(id),
        customer,
        kind: NoticeKind::Letter { to: None, letter: Box::new(letter) },
        created_at: now,
        due_at: now,
    }
}

/// Marks of readers whose announcements are older than `before`.
pub(super) async fn purge(c: &mut Conn, before: Timestamp) -> Result<u64> {
    let done =
        sqlx::query("DELETE FROM announcement_reads WHERE at < $1").bind(before.micros()).execute(c).await?;
    Ok(done.rows_affected())
}
