//! Threads between customers and the desk, and the files in them.

use mimamori_base::Timestamp;
use mimamori_domain::attachment::{About, Attachment, CUSTOMER_MAX_BYTES, FileType};
use mimamori_domain::inquiry::InquiryState;
use mimamori_domain::{AttachmentId, CustomerId, Inquiry, InquiryId, Notice};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, count, exactly_one, json, parsed, signed, text, time, to_json};
use super::{outbox, scoped};
use crate::desk::InquiryFilter;
use crate::error::{Result, StoreError};
use crate::scope::Scope;

/// Threads of one customer that are not closed: more are refused.
const LIVE_MAX: u64 = 50;

pub(super) async fn add(
    c: &mut Conn,
    scope: Scope,
    q: &Inquiry,
    files: Vec<(Attachment, Vec<u8>)>,
) -> Result<()> {
    super::parties::customer(c, scope, q.customer).await?;
    let live =
        sqlx::query("SELECT COUNT(*) AS n FROM inquiries WHERE customer_id = $1 AND state <> 'closed'")
            .bind(q.customer.0.to_vec())
            .fetch_one(&mut *c)
            .await?;
    if count(&live, "n")? >= LIVE_MAX {
        return Err(StoreError::Full("open inquiries"));
    }
    sqlx::query(
        "INSERT INTO inquiries (id, customer_id, state, created_at, changed_at, due_at, version, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(q.id.0.to_vec())
    .bind(q.customer.0.to_vec())
    .bind(q.state.code())
    .bind(q.created_at.micros())
    .bind(q.changed_at.micros())
    .bind(q.due_at.micros())
    .bind(signed(q.version))
    .bind(to_json(q)?)
    .execute(&mut *c)
    .await?;
    for (file, content) in files {
        add_attachment(c, scope, &file, content).await?;
    }
    Ok(())
}

/// What the desk owes comes first, the soonest due at the top; then the rest, newest first.
pub(super) async fn inquiries(c: &mut Conn, scope: Scope, filter: InquiryFilter) -> Result<Vec<Inquiry>> {
    let mut q = QueryBuilder::<Db>::new("SELECT body FROM inquiries WHERE 1 = 1");
    scoped::push(&mut q, scope, "customer_id");
    if let Some(id) = filter.customer {
        q.push(" AND customer_id = ").push_bind(id.0.to_vec());
    }
    if filter.only_live {
        q.push(" AND state <> 'closed'");
    }
    q.push(" ORDER BY changed_at DESC, id DESC LIMIT ").push_bind(i64::from(filter.limit.clamp(1, 500)));
    let rows = q.build().fetch_all(c).await?;
    let mut all: Vec<Inquiry> = rows.iter().map(|row| json(row, "body")).collect::<Result<_>>()?;
    all.sort_by_key(|q| match q.state {
        InquiryState::Open => (0, q.due_at.micros()),
        InquiryState::Answered => (1, -q.changed_at.micros()),
        InquiryState::Closed => (2, -q.changed_at.micros()),
    });
    Ok(all)
}

pub(super) async fn inquiry(c: &mut Conn, scope: Scope, id: InquiryId) -> Result<Inquiry> {
    let mut q = QueryBuilder::<Db>::new("SELECT body FROM inquiries WHERE id = ");
    q.push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    json(&q.build().fetch_one(c).await?, "body")
}

pub(super) async fn replace(
    c: &mut Conn,
    scope: Scope,
    old_version: u64,
    inquiry: &Inquiry,
    files: Vec<(Attachment, Vec<u8>)>,
    tell: Option<Notice>,
) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE inquiries SET state = ");
    q.push_bind(inquiry.state.code());
    q.push(", changed_at = ").push_bind(inquiry.changed_at.micros());
    q.push(", due_at = ").push_bind(inquiry.due_at.micros());
    q.push(", version = ").push_bind(signed(inquiry.version));
    q.push(", body = ").push_bind(to_json(inquiry)?);
    q.push(" WHERE id = ").push_bind(inquiry.id.0.to_vec());
    q.push(" AND version = ").push_bind(signed(old_version));
    scoped::push(&mut q, scope, "customer_id");
    exactly_one(q.build().execute(&mut *c).await?.rows_affected())?;
    for (file, content) in files {
        add_attachment(c, scope, &file, content).await?;
    }
    if let Some(notice) = tell {
        outbox::insert_notice(c, &notice).await?;
    }
    Ok(())
}

pub(super) async fn to_close(c: &mut Conn, scope: Scope, now: Timestamp, limit: u32) -> Result<Vec<Inquiry>> {
    scope.require_system()?;
    let rows = sqlx::query(
        "SELECT body FROM inquiries WHERE state = 'answered' AND due_at <= $1 ORDER BY due_at LIMIT $2",
    )
    .bind(now.micros())
    .bind(i64::from(limit))
    .fetch_all(c)
    .await?;
    rows.iter().map(|row| json(row, "body")).collect()
}

pub(super) async fn add_attachment(
    c: &mut Conn,
    scope: Scope,
    a: &Attachment,
    content: Vec<u8>,
) -> Result<()> {
    super::parties::customer(c, scope, a.customer).await?;
    let sum = sqlx::query(
        "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS n FROM attachments WHERE customer_id = $1",
    )
    .bind(a.customer.0.to_vec())
    .fetch_one(&mut *c)
    .await?;
    if count(&sum, "n")?.saturating_add(a.size) > CUSTOMER_MAX_BYTES {
        return Err(StoreError::Full("files"));
    }
    sqlx::query(
        "INSERT INTO attachments (id, customer_id, about, about_id, name, file_type, size, created_at, author, content) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(a.id.0.to_vec())
    .bind(a.customer.0.to_vec())
    .bind(a.about.code())
    .bind(a.about.id().to_vec())
    .bind(a.name.to_string())
    .bind(a.file_type.code())
    .bind(signed(a.size))
    .bind(a.at.micros())
    .bind(a.by.to_string())
    .bind(content)
    .execute(c)
    .await?;
    Ok(())
}

const ATTACHMENT: &str = "SELECT id, customer_id, about, about_id, name, file_type, size, created_at, author";

pub(super) async fn attachments(c: &mut Conn, scope: Scope, about: About) -> Result<Vec<Attachment>> {
    let mut q = QueryBuilder::<Db>::new(ATTACHMENT);
    q.push(" FROM attachments WHERE about_id = ").push_bind(about.id().to_vec());
    q.push(" AND about = ").push_bind(about.code());
    scoped::push(&mut q, scope, "customer_id");
    q.push(" ORDER BY created_at, id LIMIT 500");
    q.build().fetch_all(c).await?.iter().map(attachment_of).collect()
}

pub(super) async fn attachment(
    c: &mut Conn,
    scope: Scope,
    id: AttachmentId,
) -> Result<(Attachment, Vec<u8>)> {
    let mut q = QueryBuilder::<Db>::new(ATTACHMENT);
    q.push(", content FROM attachments WHERE id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    let row = q.build().fetch_one(c).await?;
    Ok((attachment_of(&row)?, row.try_get("content")?))
}

fn attachment_of(row: &Row) -> Result<Attachment> {
    let about = About::from_parts(&text(row, "about")?, bytes(row, "about_id")?);
    Ok(Attachment {
        id: AttachmentId(bytes(row, "id")?),
        customer: CustomerId(bytes(row, "customer_id")?),
        about: about.ok_or_else(|| StoreError::corrupt("attachments", "unknown kind"))?,
        name: text(row, "name")?.into(),
        file_type: parsed(row, "file_type", FileType::from_code)?,
        size: count(row, "size")?,
        at: time(row, "created_at")?,
        by: text(row, "author")?.into(),
    })
}
