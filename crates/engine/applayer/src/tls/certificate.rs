//! Certificates as rules and logs see them.

use sha1::{Digest, Sha1};
use x509_parser::error::X509Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::event::AppEvent;
use crate::text::hex_colons;

/// What is kept of a chain's first certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// `AA:BB:…`
    pub serial: String,
    /// SHA-1 of the DER, `aa:bb:…`
    pub fingerprint: String,
    /// Seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    pub alternative_names: Vec<Vec<u8>>,
}

impl Certificate {
    /// Reads a DER certificate.
    pub fn read(der: &[u8]) -> Result<Certificate, AppEvent> {
        let (_, x509) = X509Certificate::from_der(der).map_err(|e| event_of(&e))?;
        let validity = x509.validity();
        Ok(Certificate {
            subject: x509.subject().to_string(),
            issuer: x509.issuer().to_string(),
            serial: hex_colons(x509.raw_serial(), true),
            fingerprint: hex_colons(&Sha1::digest(der), false),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            alternative_names: alternative_names(&x509),
        })
    }
}

fn alternative_names(x509: &X509Certificate<'_>) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    for extension in x509.iter_extensions() {
        if let ParsedExtension::SubjectAlternativeName(list) = extension.parsed_extension() {
            for name in &list.general_names {
                match name {
                    GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
                        names.push(text.as_bytes().to_vec());
                    }
                    GeneralName::IPAddress(bytes) => names.push(address_text(bytes)),
                    _ => {}
                }
            }
        }
    }
    names
}

fn address_text(bytes: &[u8]) -> Vec<u8> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(v4).to_string().into_bytes();
    }
    if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        return std::net::Ipv6Addr::from(v6).to_string().into_bytes();
    }
    bytes.to_vec()
}

fn event_of(error: &x509_parser::nom::Err<X509Error>) -> AppEvent {
    match error {
        x509_parser::nom::Err::Incomplete(_) => "tls.certificate_invalid_length",
        x509_parser::nom::Err::Error(e) | x509_parser::nom::Err::Failure(e) => match e {
            X509Error::InvalidVersion => "tls.certificate_invalid_version",
            X509Error::InvalidSerial => "tls.certificate_invalid_serial",
            X509Error::InvalidAlgorithmIdentifier => "tls.certificate_invalid_algorithmidentifier",
            X509Error::InvalidX509Name => "tls.certificate_invalid_x509name",
            X509Error::InvalidDate => "tls.certificate_invalid_date",
            X509Error::InvalidExtensions | X509Error::DuplicateExtensions => {
                "tls.certificate_invalid_extensions"
            }
            X509Error::Der(x509_parser::der_parser::error::BerError::Incomplete(_)) => {
                "tls.certificate_invalid_length"
            }
            X509Error::Der(_) => "tls.certificate_invalid_der",
            _ => "tls.invalid_certificate",
        },
    }
}

/// `2018-04-14T20:55:27`, in UTC.
#[must_use]
pub fn date_text(secs: i64) -> String {
    let days = secs.div_euclid(86_400);
    let of_day = secs.rem_euclid(86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Year, month and day of so many days after 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::date_text;

    #[test]
    fn dates_are_written_as_the_log_wants_them() {
        assert_eq!(date_text(0), "1970-01-01T00:00:00");
        assert_eq!(date_text(1_523_739_327), "2018-04-14T20:55:27");
        assert_eq!(date_text(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(date_text(-1), "1969-12-31T23:59:59");
    }
}
