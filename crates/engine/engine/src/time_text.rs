//! Times as EVE writes them.

use mimamori_base::Timestamp;

/// `2026-11-24T14:05:00.000000+0000`
#[must_use]
pub fn eve_time(at: Timestamp) -> String {
    let mut out = Vec::with_capacity(31);
    write_time(at, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends the time as [`eve_time`] writes it.
pub(crate) fn write_time(at: Timestamp, out: &mut Vec<u8>) {
    let (year, month, day) = civil(at.secs().div_euclid(86_400));
    let second = at.secs().rem_euclid(86_400);
    if (0..=9_999).contains(&year) {
        digits::<4>(year, out);
    } else {
        out.extend_from_slice(year.to_string().as_bytes());
    }
    for (before, number) in
        [(b'-', month), (b'-', day), (b'T', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(before);
        digits::<2>(number, out);
    }
    out.push(b'.');
    digits::<6>(at.subsec_micros(), out);
    out.extend_from_slice(b"+0000");
}

/// The last `N` decimal digits of `number`.
fn digits<const N: usize>(mut number: i64, out: &mut Vec<u8>) {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or(0);
        number /= 10;
    }
    out.extend_from_slice(&text);
}

/// Days since 1970-01-01 as year, month, day of the proleptic Gregorian calendar: counted in
/// eras of 400 years that begin on 1 March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_field_writes_them() {
        assert_eq!(eve_time(Timestamp(0)), "1970-01-01T00:00:00.000000+0000");
        assert_eq!(eve_time(Timestamp(1_795_529_100_000_001)), "2026-11-24T14:05:00.000001+0000");
        assert_eq!(eve_time(Timestamp::from_secs(951_782_400)), "2000-02-29T00:00:00.000000+0000");
        assert_eq!(eve_time(Timestamp::from_secs(-1)), "1969-12-31T23:59:59.000000+0000");
    }
}
