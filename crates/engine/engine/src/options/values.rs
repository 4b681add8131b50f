//! Values of options: truths, numbers, sizes, lists.

use super::OptionError;

pub(super) fn wrong(key: &str, value: &str, wanted: &'static str) -> OptionError {
    OptionError::Value { key: key.to_owned(), value: value.to_owned(), wanted }
}

pub(crate) fn truth(key: &str, value: &str) -> Result<bool, OptionError> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err(wrong(key, value, "yes or no")),
    }
}

pub(crate) fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, OptionError> {
    value.parse().map_err(|_| wrong(key, value, "a number"))
}

/// A size: `1MB`, `100kb`, `4096`.
pub(crate) fn bytes(key: &str, value: &str) -> Result<u64, OptionError> {
    let lower = value.to_ascii_lowercase();
    let split = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(split);
    let factor = match unit.trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(wrong(key, value, "a size such as 100kb or 1mb")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(|| wrong(key, value, "a size such as 100kb or 1mb"))
}

/// `[a, b]` or `a,b` as a list.
pub(crate) fn list(value: &str) -> Vec<String> {
    value
        .trim_start_matches('[')
        .trim_end_matches(']')
        .split(',')
        .map(|s| s.trim().trim_matches(['\'', '"']).to_owned())
        .filter(|s| !s.is_empty())
        .collect()
}

pub(super) fn ports(key: &str, value: &str) -> Result<Vec<u16>, OptionError> {
    list(value).iter().map(|p| number(key, p)).collect()
}

/// A size that the machine can hold.
pub(super) fn count(key: &str, value: &str) -> Result<usize, OptionError> {
    Ok(usize::try_from(bytes(key, value)?).unwrap_or(usize::MAX))
}
