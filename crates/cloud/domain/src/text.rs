//! Text that was checked once at the edge and is safe ever after.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// Most bytes of a [`Line`].
pub const LINE_MAX_BYTES: usize = 1_024;
/// Most characters of a [`Name`].
pub const NAME_MAX_CHARS: usize = 80;

/// Characters that end a line, steer a terminal or turn the direction of text around.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// One line from outside: no control characters, at most [`LINE_MAX_BYTES`] bytes.
///
/// Making one never fails: what does not fit is cut, what is unsafe becomes `�`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Line(String);

impl Line {
    #[must_use]
    pub fn clip(text: &str) -> Self {
        let mut out = String::with_capacity(text.len().min(LINE_MAX_BYTES));
        for c in text.chars() {
            let c = if is_unsafe(c) { '\u{fffd}' } else { c };
            if out.len() + c.len_utf8() > LINE_MAX_BYTES {
                break;
            }
            out.push(c);
        }
        Line(out)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Line::clip(&text)
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Line::clip(text)
    }
}

impl From<Line> for String {
    fn from(line: Line) -> String {
        line.0
    }
}

impl Deref for Line {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Most bytes of a [`Passage`].
pub const PASSAGE_MAX_BYTES: usize = 8_192;

/// Several lines that a person wrote: no control characters but line breaks, at most
/// [`PASSAGE_MAX_BYTES`] bytes. Making one never fails, as with [`Line`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Passage(String);

impl Passage {
    #[must_use]
    pub fn clip(text: &str) -> Self {
        let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
        let mut out = String::with_capacity(text.len().min(PASSAGE_MAX_BYTES));
        for c in text.chars() {
            let c = if c != '\n' && is_unsafe(c) { '\u{fffd}' } else { c };
            if out.len() + c.len_utf8() > PASSAGE_MAX_BYTES {
                break;
            }
            out.push(c);
        }
        Passage(out)
    }
}

impl Deref for Passage {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Passage {
    fn from(text: String) -> Self {
        Passage::clip(&text)
    }
}

impl From<Passage> for String {
    fn from(passage: Passage) -> String {
        passage.0
    }
}

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error("the name is empty")]
    Empty,
    #[error("the name has more than {NAME_MAX_CHARS} characters")]
    TooLong,
    #[error("the name has a control character")]
    Control,
}

/// The name of a company, gateway or person: 1 to 80 characters on one line, trimmed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text.chars().any(is_unsafe) {
            return Err(InvalidName::Control);
        }
        if text.chars().count() > NAME_MAX_CHARS {
            return Err(InvalidName::TooLong);
        }
        Ok(Name(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Name::parse(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_break_a_header() {
        let line = Line::clip("a\r\nBcc: x@y\u{202e}");
        assert!(!line.contains(['\r', '\n', '\u{202e}']));
        assert!(Line::clip(&"あ".repeat(5_000)).len() <= LINE_MAX_BYTES);
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(Name::parse("  竹原商店 ").unwrap().as_str(), "竹原商店");
        assert_eq!(Name::parse(" "), Err(InvalidName::Empty));
        assert_eq!(Name::parse("a\nb"), Err(InvalidName::Control));
        assert_eq!(Name::parse(&"a".repeat(81)), Err(InvalidName::TooLong));
    }
}
