//! Parameters of the API, from an address to types that cannot be wrong.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mimamori_base::Timestamp;
use mimamori_domain::jst::JstDay;
use mimamori_domain::{GatewayId, Period};
use mimamori_service::Span;
use mimamori_service::views::PageMark;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// What a list gives at once, and at most.
pub const LIMIT: u32 = 50;
pub const LIMIT_MAX: u32 = 200;
/// How far back records are kept.
pub const DAYS_MAX: u16 = 90;

/// The parameters of one operation. One that it does not know is an error.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        serde_urlencoded::from_str(query).map(Params).map_err(|e| Problem::BadQuery(e.to_string()))
    }
}

/// `days`, 1 to 90.
pub fn days(text: Option<&str>, otherwise: u16) -> Result<u16, Problem> {
    let Some(text) = text else { return Ok(otherwise) };
    let days = text.parse().ok().filter(|d| (1..=DAYS_MAX).contains(d));
    days.ok_or_else(|| Problem::parameter("days", "1から90までの数"))
}

pub fn limit(text: Option<&str>) -> Result<u32, Problem> {
    let Some(text) = text else { return Ok(LIMIT) };
    let limit = text.parse().ok().filter(|n| (1..=LIMIT_MAX).contains(n));
    limit.ok_or_else(|| Problem::parameter("limit", "1から200までの数"))
}

pub fn cursor(text: Option<&str>) -> Result<Option<PageMark>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let mark = PageMark::decode(text);
    mark.map(Some).ok_or_else(|| Problem::parameter("cursor", "前の答えの next の値"))
}

pub fn gateway(text: Option<&str>) -> Result<Option<GatewayId>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let id = GatewayId::parse(text);
    id.map(Some).map_err(|_| Problem::parameter("gateway", "UTM装置の id"))
}

/// Whole days of the Japanese calendar, both included. One end alone reaches to today, or 90
/// days back.
pub fn span(from: Option<&str>, until: Option<&str>, now: Timestamp) -> Result<Option<Span>, Problem> {
    let day = |name: &str, text: Option<&str>| match text {
        None => Ok(None),
        Some(text) => {
            JstDay::parse(text).map(Some).ok_or_else(|| Problem::parameter(name, "2026-11-24 の形の日付"))
        }
    };
    let (from, until) = (day("from", from)?, day("until", until)?);
    if from.is_none() && until.is_none() {
        return Ok(None);
    }
    let until = until.unwrap_or(JstDay::of(now));
    let from = from.unwrap_or(until.plus(1 - i64::from(DAYS_MAX)));
    if from > until {
        return Err(Problem::parameter("from", "until と同じか、それより前の日付"));
    }
    Ok(Some(Span { from, until }))
}

pub fn period(from: Option<&str>, until: Option<&str>, now: Timestamp) -> Result<Option<Period>, Problem> {
    Ok(span(from, until, now)?.map(Span::period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        let now = Timestamp::from_secs(1_795_496_700);
        assert_eq!(days(None, 30).unwrap(), 30);
        assert!(
            days(Some("0"), 30).is_err() && days(Some("91"), 30).is_err() && days(Some("x"), 30).is_err()
        );
        assert!(limit(Some("201")).is_err() && limit(Some("0")).is_err());
        assert!(cursor(Some("x")).is_err() && gateway(Some("x")).is_err());
        assert!(span(None, None, now).unwrap().is_none());
        let one = span(Some("2026-11-24"), None, now).unwrap().unwrap();
        assert_eq!(one.days(), 1, "until today");
        assert!(span(Some("2026-11-24"), Some("2026-11-23"), now).is_err());
        assert!(span(Some("24.11.2026"), None, now).is_err());
    }
}
