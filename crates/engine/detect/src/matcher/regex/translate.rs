//! PCRE syntax into the syntax that both engines read, on bytes.
//!
//! Every literal leaves as `\xHH` or a plain letter or digit and every class as a set of bytes,
//! so that nothing depends on what the engines take for special.

use std::fmt::Write;

use super::class::ByteSet;

/// Nesting of groups that is taken.
const MAX_DEPTH: usize = 64;
/// Stands for `$` until the engine is known.
pub(super) const DOLLAR: char = '\u{e000}';

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub nocase: bool,
    pub dot_all: bool,
    pub multiline: bool,
    pub extended: bool,
    pub anchored: bool,
    pub dollar_end_only: bool,
    pub ungreedy: bool,
}

/// An expression for the engines.
#[derive(Debug)]
pub struct Translated {
    pub pattern: Box<str>,
    /// Uses what only a backtracking engine can do.
    pub needs_backtracking: bool,
}

/// # Errors
/// Says what is wrong with the expression, or what is not supported.
pub fn translate(pattern: &str, options: Options) -> Result<Translated, String> {
    let mut t = Translator {
        input: pattern.as_bytes(),
        at: 0,
        out: String::with_capacity(pattern.len() * 2),
        flags: options,
        outer: Vec::new(),
        groups: 0,
        names: Vec::new(),
        backtracking: false,
        atom: false,
    };
    if options.nocase {
        t.out.push_str("(?i)");
    }
    t.out.push_str(if options.anchored { "\\A(?:" } else { "(?:" });
    t.run()?;
    t.out.push(')');
    // The linear engine has no look-ahead: there `$` takes the line feed at the end with it.
    let dollar = if t.backtracking { "(?=\\x0a?\\z)" } else { "(?:\\x0a?\\z)" };
    Ok(Translated { pattern: t.out.replace(DOLLAR, dollar).into(), needs_backtracking: t.backtracking })
}

pub(super) struct Translator<'a> {
    pub(super) input: &'a [u8],
    pub(super) at: usize,
    pub(super) out: String,
    flags: Options,
    /// Flags of the groups outside the current one.
    outer: Vec<Options>,
    pub(super) groups: usize,
    /// Names of groups, with their numbers.
    pub(super) names: Vec<(&'a [u8], usize)>,
    pub(super) backtracking: bool,
    /// Something that a quantifier can follow has just been written.
    pub(super) atom: bool,
}

impl<'a> Translator<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let b = self.peek()?;
        self.at += 1;
        Some(b)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or(&[])
    }

    /// Takes `text` when it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text.as_bytes());
        if found {
            self.at += text.len();
        }
        found
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(b) = self.next() {
            if self.flags.extended && self.skipped(b) {
                continue;
            }
            match b {
                b'\\' => self.escaped()?,
                b'[' => self.class()?,
                b'(' => self.open()?,
                b')' => self.close()?,
                b'|' => {
                    self.out.push('|');
                    self.atom = false;
                }
                b'.' => self.write_atom(if self.flags.dot_all { "(?s:.)" } else { "[^\\x0a]" }),
                b'^' => self.write_atom(if self.flags.multiline { "(?m:^)" } else { "\\A" }),
                b'$' => self.dollar(),
                b'*' | b'+' | b'?' => self.quantifier(char::from(b).to_string())?,
                b'{' => match self.counted() {
                    Some(q) => self.quantifier(q)?,
                    None => self.literal(b),
                },
                other => self.literal(other),
            }
        }
        if self.outer.is_empty() { Ok(()) } else { Err("a group is not closed".into()) }
    }

    /// Blanks and comments of the extended syntax.
    fn skipped(&mut self, b: u8) -> bool {
        match b {
            b'#' => {
                let line = self.rest().iter().position(|b| *b == b'\n').unwrap_or(self.rest().len());
                self.at += line;
                true
            }
            other => other.is_ascii_whitespace(),
        }
    }

    pub(super) fn write_atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.atom = true;
    }

    pub(super) fn literal(&mut self, b: u8) {
        if b.is_ascii_alphanumeric() {
            self.out.push(char::from(b));
        } else {
            let written = write!(self.out, "\\x{b:02x}");
            debug_assert!(written.is_ok());
        }
        self.atom = true;
    }

    pub(super) fn set(&mut self, set: &ByteSet, negated: bool) {
        set.write(negated, &mut self.out);
        self.atom = true;
    }

    fn dollar(&mut self) {
        if self.flags.multiline {
            self.write_atom("(?m:$)");
        } else if self.flags.dollar_end_only {
            self.write_atom("\\z");
        } else {
            self.out.push(DOLLAR);
            self.atom = true;
        }
    }

    /// `n}`, `n,}` or `n,m}` after the brace; nothing is taken otherwise.
    fn counted(&mut self) -> Option<String> {
        let rest = self.rest();
        let end = rest.iter().position(|b| *b == b'}')?;
        let inside = std::str::from_utf8(rest.get(..end)?).ok()?;
        let (low, high) = match inside.split_once(',') {
            Some((l, h)) => (l, Some(h)),
            None => (inside, None),
        };
        let low: u16 = low.parse().ok()?;
        if let Some(high) = high.filter(|h| !h.is_empty()) {
            let high: u16 = high.parse().ok()?;
            if high < low {
                return None;
            }
        }
        self.at += end + 1;
        Some(format!("{{{inside}}}"))
    }

    fn quantifier(&mut self, quantifier: String) -> Result<(), String> {
        if !self.atom {
            return Err(format!("nothing stands before `{quantifier}`"));
        }
        self.out.push_str(&quantifier);
        match self.peek() {
            Some(b'+') => {
                self.at += 1;
                self.out.push('+');
                self.backtracking = true;
            }
            Some(b'?') => {
                self.at += 1;
                if !self.flags.ungreedy {
                    self.out.push('?');
                }
            }
            _ if self.flags.ungreedy => self.out.push('?'),
            _ => {}
        }
        // A further quantifier would be read as lazy or possessive.
        if matches!(self.peek(), Some(b'*' | b'+' | b'?')) {
            return Err("two quantifiers follow one another".into());
        }
        Ok(())
    }

    fn enter(&mut self, text: &str) -> Result<(), String> {
        if self.outer.len() >= MAX_DEPTH {
            return Err("groups are nested too deeply".into());
        }
        self.outer.push(self.flags);
        self.out.push_str(text);
        self.atom = false;
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        match self.outer.pop() {
            Some(flags) => {
                self.flags = flags;
                self.write_atom(")");
                Ok(())
            }
            None => Err("`)` without `(`".into()),
        }
    }

    fn open(&mut self) -> Result<(), String> {
        if self.rest().starts_with(b"*") {
            return Err("verbs such as `(*…)` are not supported".into());
        }
        if !self.take("?") {
            self.groups += 1;
            return self.enter("(");
        }
        for (text, backtracking) in
            [(":", false), ("=", true), ("!", true), ("<=", true), ("<!", true), (">", true)]
        {
            if self.take(text) {
                self.backtracking |= backtracking;
                return self.enter(&format!("(?{text}"));
            }
        }
        if self.take("#") {
            let Some(end) = self.rest().iter().position(|b| *b == b')') else {
                return Err("a comment is not closed".into());
            };
            self.at += end + 1;
            return Ok(());
        }
        if self.take("P=") {
            let name = self.until(b')')?;
            return self.named_reference(name);
        }
        for (open, end) in [("P<", b'>'), ("<", b'>'), ("'", b'\'')] {
            if self.take(open) {
                let name = self.until(end)?;
                self.groups += 1;
                self.names.push((name, self.groups));
                return self.enter("(");
            }
        }
        if self.take("(") {
            return self.conditional();
        }
        self.inline_flags()
    }

    /// Up to `end`, which is taken too.
    pub(super) fn until(&mut self, end: u8) -> Result<&'a [u8], String> {
        let rest = self.rest();
        let Some(length) = rest.iter().position(|b| *b == end) else {
            return Err(format!("`{}` is missing", char::from(end)));
        };
        self.at += length + 1;
        Ok(rest.get(..length).unwrap_or(&[]))
    }

    fn conditional(&mut self) -> Result<(), String> {
        let condition = self.until(b')')?;
        match std::str::from_utf8(condition).ok().and_then(|c| c.parse::<u16>().ok()) {
            Some(group) => {
                self.backtracking = true;
                self.enter(&format!("(?({group})"))
            }
            None => Err("this kind of condition is not supported".into()),
        }
    }

    fn inline_flags(&mut self) -> Result<(), String> {
        let before = self.flags;
        let mut on = true;
        loop {
            let Some(b) = self.next() else {
                return Err("a group is not closed".into());
            };
            match b {
                b'-' => on = false,
                b'i' => self.flags.nocase = on,
                b's' => self.flags.dot_all = on,
                b'm' => self.flags.multiline = on,
                b'x' => self.flags.extended = on,
                b'U' => self.flags.ungreedy = on,
                b'J' => {}
                b')' => {
                    // For the rest of the group that it stands in.
                    self.out.push_str(if self.flags.nocase { "(?i)" } else { "(?-i)" });
                    return Ok(());
                }
                b':' => {
                    let inner = self.flags;
                    self.flags = before;
                    self.enter(if inner.nocase { "(?i:" } else { "(?-i:" })?;
                    self.flags = inner;
                    return Ok(());
                }
                other => return Err(format!("`(?{}` is not supported", char::from(other).escape_default())),
            }
        }
    }
}
