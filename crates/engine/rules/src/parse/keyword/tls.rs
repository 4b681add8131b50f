//! Keywords on TLS that are no buffers.

use mimamori_applayer::{AppProto, Field};

use crate::ast::{
    CertValidity, Check, Content, Effect, Match, NumberCmp, Selector, SslState, SslVersion, TlsVersionCheck,
};
use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{bare, maybe_quoted, parts, quoted, required, unescape};

const TLS: &[AppProto] = &[AppProto::Tls];

/// `tls.version:1.2`.
pub fn version(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let (text, negated) = match text.strip_prefix('!') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let version = match text.trim_matches('"').trim() {
        "1.0" => 0x0301,
        "1.1" => 0x0302,
        "1.2" => 0x0303,
        "1.3" => 0x0304,
        other => match other.strip_prefix("0x").and_then(|h| u16::from_str_radix(h, 16).ok()) {
            Some(v) => v,
            None => bail!("`{other}` is no TLS version"),
        },
    };
    b.app_needs.push((TLS, "tls.version"));
    b.check(Check::TlsVersion(TlsVersionCheck { version, negated }));
    Ok(())
}

/// `ssl_version:tls1.0,!tls1.2`.
pub fn ssl_version(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut list = Vec::new();
    for part in parts(maybe_quoted(o)?) {
        let (name, negated) = match part.strip_prefix('!') {
            Some(rest) => (rest, true),
            None => (part, false),
        };
        let version = match name.to_ascii_lowercase().as_str() {
            "sslv2" => SslVersion::Ssl2,
            "sslv3" => SslVersion::Ssl3,
            "tls1.0" => SslVersion::Tls10,
            "tls1.1" => SslVersion::Tls11,
            "tls1.2" => SslVersion::Tls12,
            "tls1.3" => SslVersion::Tls13,
            other => bail!("`{other}` is no version"),
        };
        list.push((version, negated));
    }
    b.app_needs.push((TLS, "ssl_version"));
    b.check(Check::SslVersion(list));
    Ok(())
}

/// `ssl_state:client_hello|server_hello`.
pub fn ssl_state(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = maybe_quoted(o)?;
    let (text, negated) = match text.strip_prefix('!') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut states = Vec::new();
    for part in text.split(['|', ',']).map(str::trim) {
        states.push(match part {
            "client_hello" => SslState::ClientHello,
            "server_hello" => SslState::ServerHello,
            "client_keyx" => SslState::ClientKeyx,
            "server_keyx" => SslState::ServerKeyx,
            "unknown" => SslState::Unknown,
            other => bail!("`{other}` is no state"),
        });
    }
    b.app_needs.push((TLS, "ssl_state"));
    b.check(Check::SslState { states, negated });
    Ok(())
}

fn validity(b: &mut Builder<'_>, v: CertValidity) {
    b.app_needs.push((TLS, "certificate validity"));
    b.check(Check::TlsCertValidity(v));
}

pub fn expired(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    validity(b, CertValidity::Expired);
    Ok(())
}

pub fn valid(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    validity(b, CertValidity::Valid);
    Ok(())
}

pub fn not_before(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let cmp = time_compare(required(o)?)?;
    validity(b, CertValidity::NotBefore(cmp));
    Ok(())
}

pub fn not_after(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let cmp = time_compare(required(o)?)?;
    validity(b, CertValidity::NotAfter(cmp));
    Ok(())
}

/// Comparison of a time: seconds since 1970, or `2024-06[-01[ 12:00:00]]`.
fn time_compare(text: &str) -> Result<NumberCmp> {
    if let Some((lo, hi)) = text.split_once("<>") {
        return Ok(NumberCmp::Between(time(lo)?, time(hi)?));
    }
    Ok(if let Some(t) = text.strip_prefix('<') {
        NumberCmp::Lt(time(t)?)
    } else if let Some(t) = text.strip_prefix('>') {
        NumberCmp::Gt(time(t)?)
    } else {
        NumberCmp::Eq(time(text.strip_prefix('=').unwrap_or(text))?)
    })
}

fn time(text: &str) -> Result<u64> {
    let text = text.trim().trim_matches('"');
    if text.len() > 4 && text.bytes().all(|b| b.is_ascii_digit()) {
        return crate::parse::value::unsigned(text);
    }
    let numbers: Option<Vec<i64>> = text.split(['-', ' ', 'T', ':']).map(|p| p.parse().ok()).collect();
    let wrong = || RuleError::invalid(format!("`{text}` is no time"));
    let n = numbers.ok_or_else(wrong)?;
    let at = |i: usize, default| n.get(i).copied().unwrap_or(default);
    let (year, month, day) = (at(0, 0), at(1, 1), at(2, 1));
    if n.len() > 6 || !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day)
    {
        return Err(wrong());
    }
    let secs = days_from_civil(year, month, day) * 86_400 + at(3, 0) * 3_600 + at(4, 0) * 60 + at(5, 0);
    u64::try_from(secs).map_err(|_| wrong())
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

pub fn store(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.app_needs.push((TLS, "tls.store"));
    b.effects.push(Effect::TlsStore);
    Ok(())
}

/// `tls.fingerprint:"aa:bb"`: the whole fingerprint, any case.
pub fn fingerprint(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    legacy(b, o, Field::TlsCertFingerprint, true)
}

pub fn subject(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    legacy(b, o, Field::TlsCertSubject, false)
}

pub fn issuerdn(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    legacy(b, o, Field::TlsCertIssuer, false)
}

/// A keyword with its text, as a content on the buffer of today.
fn legacy(b: &mut Builder<'_>, o: &RawOption<'_>, field: Field, whole: bool) -> Result<()> {
    let (text, negated) = quoted(o)?;
    let mut text = unescape(text);
    if whole {
        text.make_ascii_lowercase();
    }
    let content = Content {
        pattern: text.into_bytes().into(),
        negated,
        startswith: whole,
        endswith: whole,
        ..Content::default()
    };
    b.need_app(field);
    let list = b.list_of(Selector::Field(field));
    b.push_to(list, Match::Content(content))
}
