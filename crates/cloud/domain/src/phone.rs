//! Telephone numbers that short messages go to, as E.164 writes them.
//!
//! Holds always: a number starts with `+`, has 8 to 15 digits and nothing else, so that it can
//! stand in a form field of any provider. Deliberately not here: whether somebody answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most numbers that alerts of one customer go to (NT-01).
pub const SMS_NUMBERS_MAX: usize = 3;

/// `+819012345678`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a telephone number that short messages can go to")]
pub struct InvalidPhone;

impl PhoneNumber {
    /// Reads E.164 (`+81 90-1234-5678`) and Japanese mobile numbers as people write them
    /// (`090-1234-5678`, full-width digits too).
    pub fn parse(text: &str) -> Result<Self, InvalidPhone> {
        let mut digits = String::with_capacity(16);
        let mut international = false;
        for (i, c) in text.trim().chars().enumerate() {
            match c {
                '+' | '＋' if i == 0 => international = true,
                '0'..='9' => digits.push(c),
                '０'..='９' => {
                    let n = u32::from(c) - u32::from('０');
                    digits.push(char::from_digit(n, 10).ok_or(InvalidPhone)?);
                }
                ' ' | '\u{3000}' | '-' | '‐' | '－' | 'ー' | '−' | '(' | ')' | '（' | '）' => {}
                _ => return Err(InvalidPhone),
            }
            if digits.len() > 15 {
                return Err(InvalidPhone);
            }
        }
        if !international {
            // Only mobile numbers take short messages: 060, 070, 080, 090.
            let mobile =
                digits.len() == 11 && ["060", "070", "080", "090"].iter().any(|p| digits.starts_with(p));
            let rest = digits.get(1..).filter(|_| mobile).ok_or(InvalidPhone)?;
            digits = format!("81{rest}");
        }
        // People write the zero of the own country too: +81 (0)90….
        if let Some(rest) = digits.strip_prefix("810") {
            digits = format!("81{rest}");
        }
        let good = (8..=15).contains(&digits.len()) && !digits.starts_with('0');
        if good { Ok(PhoneNumber(format!("+{digits}"))) } else { Err(InvalidPhone) }
    }

    /// E.164.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For pages, logs and lists: `+81********78`.
    #[must_use]
    pub fn masked(&self) -> String {
        let n = self.0.chars().count();
        self.0.chars().enumerate().map(|(i, c)| if i < 3 || i + 2 >= n { c } else { '*' }).collect()
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = InvalidPhone;
    fn try_from(text: String) -> Result<Self, InvalidPhone> {
        PhoneNumber::parse(&text)
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> String {
        number.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Logs do not show whose number it is.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for text in [
            "090-1234-5678",
            "+81 90 1234 5678",
            "０９０－１２３４－５６７８",
            "+81 (0)90-1234-5678",
            "09012345678",
        ] {
            assert_eq!(PhoneNumber::parse(text).map(String::from), Ok("+819012345678".to_owned()), "{text}");
        }
        assert_eq!(PhoneNumber::parse("+1 415 555 2671").unwrap().as_str(), "+14155552671");
        for text in
            ["", "110", "03-1234-5678", "+0312345678", "+8190&To=1", "090-1234-567", "+1234567890123456", "a"]
        {
            assert_eq!(PhoneNumber::parse(text), Err(InvalidPhone), "{text}");
        }
        let shown = format!("{:?}", PhoneNumber::parse("09012345678").unwrap());
        assert_eq!(shown, "+81********78");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_taken_is_plain_and_stays(text in "\\PC{0,30}") {
            if let Ok(number) = PhoneNumber::parse(&text) {
                proptest::prop_assert!(number.as_str().bytes().skip(1).all(|b| b.is_ascii_digit()));
                proptest::prop_assert_eq!(PhoneNumber::parse(number.as_str()), Ok(number));
            }
        }
    }
}
