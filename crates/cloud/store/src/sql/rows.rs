//! Reading columns into domain types; a row that cannot be understood names its table.

use mimamori_base::Timestamp;
use sqlx::Row as _;

use super::dialect::Row;
use crate::error::{Result, StoreError};

pub(super) fn bytes<const N: usize>(row: &Row, column: &'static str) -> Result<[u8; N]> {
    let raw: Vec<u8> = row.try_get(column)?;
    raw.try_into().map_err(|_| StoreError::corrupt(column, "wrong length"))
}

pub(super) fn maybe_bytes<const N: usize>(row: &Row, column: &'static str) -> Result<Option<[u8; N]>> {
    let raw: Option<Vec<u8>> = row.try_get(column)?;
    raw.map(|raw| raw.try_into().map_err(|_| StoreError::corrupt(column, "wrong length"))).transpose()
}

pub(super) fn time(row: &Row, column: &'static str) -> Result<Timestamp> {
    Ok(Timestamp(row.try_get::<i64, _>(column)?))
}

pub(super) fn maybe_time(row: &Row, column: &'static str) -> Result<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp))
}

pub(super) fn number(row: &Row, column: &'static str) -> Result<i64> {
    Ok(row.try_get(column)?)
}

pub(super) fn count(row: &Row, column: &'static str) -> Result<u64> {
    u64::try_from(number(row, column)?).map_err(|e| StoreError::corrupt(column, e))
}

pub(super) fn text(row: &Row, column: &'static str) -> Result<String> {
    Ok(row.try_get(column)?)
}

/// A text column that parses into a domain type.
pub(super) fn parsed<T, E: std::fmt::Display>(
    row: &Row,
    column: &'static str,
    parse: impl FnOnce(&str) -> std::result::Result<T, E>,
) -> Result<T> {
    parse(&text(row, column)?).map_err(|e| StoreError::corrupt(column, e))
}

/// A text column that holds JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<T> {
    serde_json::from_str(&text(row, column)?).map_err(|e| StoreError::corrupt(column, e))
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::corrupt("json", e))
}

/// Databases count in i64; what does not fit is as large as can be.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A guarded update has to touch exactly one row.
pub(super) fn exactly_one(touched: u64) -> Result<()> {
    if touched == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

/// An update of something that has to exist.
pub(super) fn must_exist(touched: u64) -> Result<()> {
    if touched == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}
