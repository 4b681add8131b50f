//! The texts of signatures, each stored once, and the detections' bodies that name them.
//!
//! Holds always: a row is named by a digest of its text, so that no gateway can change what the
//! detections of another show. It goes when no detection has named it for the retention.

use std::collections::{BTreeMap, HashMap, HashSet};

use mimamori_base::Timestamp;
use mimamori_domain::jst::JstDay;
use mimamori_domain::{Detection, DetectionId, DetectionKind, DeviceKey, Signature};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, parsed, text, time};
use crate::error::{Result, StoreError};
use crate::packed::{self, Columns, SignatureId};

/// Rows of one question or INSERT.
const ROWS_AT_ONCE: usize = 500;

/// Stores the signatures that are not there yet. Names those of the detections, in their order.
pub(super) async fn keep(
    c: &mut Conn,
    now: Timestamp,
    detections: &[Detection],
) -> Result<Vec<Option<SignatureId>>> {
    let mut names = Vec::with_capacity(detections.len());
    let mut texts: BTreeMap<SignatureId, String> = BTreeMap::new();
    for d in detections {
        let named = d.signature.as_ref().map(packed::signature).transpose();
        let named = named.map_err(|e| StoreError::corrupt("signatures", e))?;
        names.push(named.as_ref().map(|(id, _)| *id));
        texts.extend(named);
    }
    let today = JstDay::of(now).0;
    let all: Vec<SignatureId> = texts.keys().copied().collect();
    for some in all.chunks(ROWS_AT_ONCE) {
        // Read first: an upsert would lock the rows that every gateway names.
        let mut q = QueryBuilder::<Db>::new("SELECT id FROM signatures WHERE last_day >= ");
        q.push_bind(today);
        push_ids(&mut q, some);
        for row in q.build().fetch_all(&mut *c).await? {
            texts.remove(&bytes(&row, "id")?);
        }
    }
    let missing: Vec<(SignatureId, String)> = texts.into_iter().collect();
    for some in missing.chunks(ROWS_AT_ONCE) {
        let mut q = QueryBuilder::<Db>::new("INSERT INTO signatures (id, last_day, body) ");
        q.push_values(some, |mut row, (id, body)| {
            row.push_bind(id.to_vec()).push_bind(today).push_bind(body.clone());
        });
        q.push(
            " ON CONFLICT (id) DO UPDATE SET last_day = excluded.last_day \
             WHERE signatures.last_day < excluded.last_day",
        );
        q.build().execute(&mut *c).await?;
    }
    Ok(names)
}

fn push_ids(q: &mut QueryBuilder<Db>, ids: &[SignatureId]) {
    q.push(" AND id IN (");
    let mut list = q.separated(", ");
    for id in ids {
        list.push_bind(id.to_vec());
    }
    q.push(")");
}

/// Signatures that were looked up.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<SignatureId, Signature>);

impl Known {
    /// Looks up those that the rows' bodies name and that are not known yet.
    pub(super) async fn learn(&mut self, c: &mut Conn, rows: &[Row]) -> Result<()> {
        let mut unknown: HashSet<SignatureId> = HashSet::new();
        for row in rows {
            let body: &[u8] = row.try_get("body")?;
            unknown.extend(packed::signature_of(body).filter(|id| !self.0.contains_key(id)));
        }
        let unknown: Vec<SignatureId> = unknown.into_iter().collect();
        for some in unknown.chunks(ROWS_AT_ONCE) {
            let mut q = QueryBuilder::<Db>::new("SELECT id, body FROM signatures WHERE 1 = 1");
            push_ids(&mut q, some);
            for row in q.build().fetch_all(&mut *c).await? {
                self.0.insert(bytes(&row, "id")?, super::rows::json(&row, "body")?);
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, id: &SignatureId) -> Option<&Signature> {
        self.0.get(id)
    }

    /// The detection of a row with `id`, `at`, `kind`, `device_key` and `body`.
    pub(super) fn unpack(&self, row: &Row) -> Result<Detection> {
        let columns = Columns {
            id: DetectionId(bytes(row, "id")?),
            at: time(row, "at")?,
            kind: parsed(row, "kind", DetectionKind::from_code)?,
            device: DeviceKey(text(row, "device_key")?),
        };
        packed::unpack(row.try_get("body")?, columns, |id| self.0.get(id).cloned())
            .map_err(|e| StoreError::corrupt("detections", e))
    }
}
