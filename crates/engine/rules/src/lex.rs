//! A rule's text cut into header fields and options.

use crate::error::{Result, RuleError};

/// A word of a rule and its byte offset in the rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word<'a> {
    pub text: &'a str,
    pub at: usize,
}

/// The parts of a rule before its options, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderWords<'a> {
    pub action: Word<'a>,
    pub proto: Word<'a>,
    pub src: Word<'a>,
    pub src_ports: Word<'a>,
    pub direction: Word<'a>,
    pub dst: Word<'a>,
    pub dst_ports: Word<'a>,
}

/// One option as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawOption<'a> {
    pub name: &'a str,
    /// What follows the colon, trimmed; quotes and escapes are still in it.
    pub value: Option<&'a str>,
    pub at: usize,
}

/// Cuts a rule into its header and the text between its outer parentheses.
pub fn split_rule(text: &str) -> Result<(HeaderWords<'_>, Word<'_>)> {
    let mut cursor = Cursor { text, at: 0 };
    let header = HeaderWords {
        action: cursor.word("action")?,
        proto: cursor.word("protocol")?,
        src: cursor.word("source address")?,
        src_ports: cursor.word("source port")?,
        direction: cursor.word("direction")?,
        dst: cursor.word("destination address")?,
        dst_ports: cursor.word("destination port")?,
    };
    cursor.skip_space();
    let open = cursor.at;
    if !cursor.rest().starts_with('(') {
        return Err(RuleError::invalid("the options must begin with `(`").at(open));
    }
    let body = text.trim_end();
    let Some(inner) = body.get(open + 1..).and_then(|b| b.strip_suffix(')')) else {
        return Err(RuleError::invalid("the rule must end with `)`").at(body.len()));
    };
    Ok((header, Word { text: inner, at: open + 1 }))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Up to the next space outside square brackets, or to a `(`.
    fn word(&mut self, what: &str) -> Result<Word<'a>> {
        self.skip_space();
        let (rest, at) = (self.rest(), self.at);
        let mut depth = 0i32;
        let mut end = rest.len();
        for (i, c) in rest.char_indices() {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                '(' => {
                    end = i;
                    break;
                }
                c if c.is_whitespace() && depth <= 0 => {
                    end = i;
                    break;
                }
                _ => {}
            }
        }
        if end == 0 {
            return Err(RuleError::invalid(format!("the {what} is missing")).at(at));
        }
        self.at += end;
        Ok(Word { text: rest.get(..end).unwrap_or(""), at })
    }
}

/// Cuts the text between the parentheses at each `;` that is not escaped.
pub fn split_options<'a>(body: Word<'a>) -> impl Iterator<Item = Result<RawOption<'a>>> {
    let mut rest = body;
    std::iter::from_fn(move || next_option(&mut rest))
}

/// The next option of `rest`, which is moved behind it.
fn next_option<'a>(rest: &mut Word<'a>) -> Option<Result<RawOption<'a>>> {
    let blank = rest.text.len() - rest.text.trim_start().len();
    let here = rest.at + blank;
    let text = rest.text.get(blank..).filter(|t| !t.is_empty())?;
    let Some(end) = unescaped(text, b';') else {
        *rest = Word { text: "", at: here };
        return Some(Err(RuleError::invalid("the option has no `;` at its end").at(here)));
    };
    let option = text.get(..end).unwrap_or("");
    *rest = Word { text: text.get(end + 1..).unwrap_or(""), at: here + end + 1 };
    if option.is_empty() {
        return Some(Err(RuleError::invalid("empty option: `;` twice").at(here)));
    }
    let (name, value) = match option.split_once(':') {
        Some((n, v)) => (n.trim(), Some(v.trim())),
        None => (option.trim(), None),
    };
    Some(Ok(RawOption { name, value, at: here }))
}

/// Where `wanted` stands first without a backslash before it.
fn unescaped(text: &str, wanted: u8) -> Option<usize> {
    let mut escaped = false;
    for (i, b) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if b == b'\\' {
            escaped = true;
        } else if b == wanted {
            return Some(i);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_a_rule() {
        let (h, o) =
            split_rule("alert tcp [1.1.1.1, $A] any -> any [80, 81] (msg:\"a\\;b\"; sid:1;)").unwrap();
        assert_eq!((h.src.text, h.dst_ports.text, h.direction.text), ("[1.1.1.1, $A]", "[80, 81]", "->"));
        let options: Vec<_> = split_options(o).map(Result::unwrap).collect();
        assert_eq!(options.len(), 2);
        assert_eq!((options[0].name, options[0].value), ("msg", Some("\"a\\;b\"")));
        assert_eq!(options[1].name, "sid");
    }

    #[test]
    fn says_what_is_missing_and_where() {
        let e = split_rule("alert tcp any any -> any (sid:1;)").unwrap_err();
        assert_eq!((e.reason.as_str(), e.at), ("the destination port is missing", Some(25)));
        assert!(split_rule("alert tcp any any -> any any sid:1;)").is_err());
        assert!(split_rule("alert tcp any any -> any any (sid:1;").is_err());
        let (_, o) = split_rule("alert tcp any any -> any any (sid:1)").unwrap();
        assert!(split_options(o).any(|o| o.is_err()));
    }
}
