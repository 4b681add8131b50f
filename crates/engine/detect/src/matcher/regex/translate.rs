//! PCRE syntax into the syntax that both engines read, on bytes.
//!
//! Every literal leaves as `\xHH` or a plain letter or digit and every class as a set of bytes,
//! so that nothing depends on what the engines take for special.

use std::fmt::Write;

use super::class::{ByteSet, escape, posix};

/// Nesting of groups that is taken.
const MAX_DEPTH: usize = 64;
/// Stands for `$` until the engine is known.
const DOLLAR: char = '\u{e000}';

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

struct Translator<'a> {
    input: &'a [u8],
    at: usize,
    out: String,
    flags: Options,
    /// Flags of the groups outside the current one.
    outer: Vec<Options>,
    groups: usize,
    /// Names of groups, with their numbers.
    names: Vec<(&'a [u8], usize)>,
    backtracking: bool,
    /// Something that a quantifier can follow has just been written.
    atom: bool,
}

impl<'a> Translator<'a> {
    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let b = self.peek()?;
        self.at += 1;
        Some(b)
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or(&[])
    }

    /// Takes `text` when it comes next.
    fn take(&mut self, text: &str) -> bool {
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

    fn write_atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.atom = true;
    }

    fn literal(&mut self, b: u8) {
        if b.is_ascii_alphanumeric() {
            self.out.push(char::from(b));
        } else {
            let written = write!(self.out, "\\x{b:02x}");
            debug_assert!(written.is_ok());
        }
        self.atom = true;
    }

    fn set(&mut self, set: &ByteSet, negated: bool) {
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
    fn until(&mut self, end: u8) -> Result<&'a [u8], String> {
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

    fn named_reference(&mut self, name: &[u8]) -> Result<(), String> {
        match self.names.iter().find(|(n, _)| *n == name) {
            Some((_, group)) => {
                let group = *group;
                self.reference(group);
                Ok(())
            }
            None => Err("a reference to a group that is not there".into()),
        }
    }

    fn reference(&mut self, group: usize) {
        self.backtracking = true;
        self.write_atom(&format!("(?:\\{group})"));
    }

    fn escaped(&mut self) -> Result<(), String> {
        let Some(b) = self.next() else {
            return Err("a backslash ends the expression".into());
        };
        if let Some((set, negated)) = escape(b) {
            self.set(&set, negated);
            return Ok(());
        }
        match b {
            b'R' => self.write_atom("(?:\\x0d\\x0a|[\\x0a-\\x0d\\x85])"),
            b'b' => self.write_atom("\\b"),
            b'B' => self.write_atom("\\B"),
            b'A' | b'G' => self.write_atom("\\A"),
            b'z' => self.write_atom("\\z"),
            b'Z' => {
                self.out.push(DOLLAR);
                self.atom = true;
            }
            b'K' => {
                self.backtracking = true;
                self.write_atom("\\K");
            }
            b'Q' => self.quoted(),
            b'E' => {}
            b'1'..=b'9' => self.digits(b),
            b'g' => return self.group_reference(),
            b'k' => {
                let close = match self.next() {
                    Some(b'<') => b'>',
                    Some(b'{') => b'}',
                    Some(b'\'') => b'\'',
                    _ => return Err("`\\k` needs a name".into()),
                };
                let name = self.until(close)?;
                return self.named_reference(name);
            }
            b'p' | b'P' | b'X' | b'C' => return Err(format!("`\\{}` is not supported", char::from(b))),
            other => {
                let byte = self.escaped_byte(other)?;
                self.literal(byte);
            }
        }
        Ok(())
    }

    /// `\Q…\E`
    fn quoted(&mut self) {
        while let Some(b) = self.next() {
            if b == b'\\' && self.take("E") {
                return;
            }
            self.literal(b);
        }
    }

    /// A group's number, or an octal byte where there is no such group.
    fn digits(&mut self, first: u8) {
        let mut number = usize::from(first - b'0');
        let start = self.at;
        while let Some(d) = self.peek().filter(u8::is_ascii_digit) {
            number = number.saturating_mul(10).saturating_add(usize::from(d - b'0'));
            self.at += 1;
        }
        if number < 10 || number <= self.groups {
            self.reference(number);
        } else {
            self.at = start - 1;
            let byte = self.octal();
            self.literal(byte);
        }
    }

    /// Up to three octal digits.
    fn octal(&mut self) -> u8 {
        let mut value = 0u32;
        for _ in 0..3 {
            let Some(d) = self.peek().filter(|b| (b'0'..=b'7').contains(b)) else { break };
            value = value * 8 + u32::from(d - b'0');
            self.at += 1;
        }
        u8::try_from(value & 0xff).unwrap_or(0)
    }

    /// `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`
    fn group_reference(&mut self) -> Result<(), String> {
        let name = if self.take("{") {
            self.until(b'}')?
        } else {
            let rest = self.rest();
            let length = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
            self.at += length;
            rest.get(..length).unwrap_or(&[])
        };
        match std::str::from_utf8(name).ok().and_then(|n| n.parse::<i32>().ok()) {
            Some(n) if n > 0 => self.reference(usize::try_from(n).unwrap_or(0)),
            Some(n) => {
                let back = usize::try_from(-n).unwrap_or(0);
                match (self.groups + 1).checked_sub(back).filter(|g| *g > 0) {
                    Some(group) => self.reference(group),
                    None => return Err("a reference to a group that is not there".into()),
                }
            }
            None => return self.named_reference(name),
        }
        Ok(())
    }

    /// The byte that an escape means, inside and outside classes.
    fn escaped_byte(&mut self, b: u8) -> Result<u8, String> {
        Ok(match b {
            b'a' => 7,
            b'e' => 0x1b,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'0' => {
                self.at -= 1;
                self.octal()
            }
            b'x' => self.hex()?,
            b'c' => match self.next() {
                Some(c) => c.to_ascii_uppercase() ^ 0x40,
                None => return Err("`\\c` needs a character".into()),
            },
            other => other,
        })
    }

    fn hex(&mut self) -> Result<u8, String> {
        if self.take("{") {
            let digits = self.until(b'}')?;
            let value = std::str::from_utf8(digits).ok().and_then(|d| u32::from_str_radix(d, 16).ok());
            return value
                .and_then(|v| u8::try_from(v).ok())
                .ok_or_else(|| "`\\x{…}` must be one byte".to_owned());
        }
        let mut value = 0u8;
        for _ in 0..2 {
            let Some(d) = self.peek().and_then(|b| char::from(b).to_digit(16)) else { break };
            value = value << 4 | u8::try_from(d).unwrap_or(0);
            self.at += 1;
        }
        Ok(value)
    }

    fn class(&mut self) -> Result<(), String> {
        let negated = self.take("^");
        let mut set = ByteSet::EMPTY;
        let mut first = true;
        loop {
            let Some(b) = self.next() else {
                return Err("a class is not closed".into());
            };
            if b == b']' && !first {
                break;
            }
            first = false;
            let Some(low) = self.class_item(b, &mut set)? else {
                continue;
            };
            set.add(low);
            // A range, unless the dash is the last of the class.
            if self.peek() == Some(b'-') && self.input.get(self.at + 1).is_some_and(|b| *b != b']') {
                let dash = self.at;
                self.at += 1;
                let Some(b) = self.next() else { continue };
                match self.class_item(b, &mut set)? {
                    Some(high) if high >= low => set.add_range(low, high),
                    Some(_) => return Err("a range of a class is upside down".into()),
                    // `[a-\d]`: the dash is itself.
                    None => {
                        debug_assert!(dash < self.at);
                        set.add(b'-');
                    }
                }
            }
        }
        self.set(&set, negated);
        Ok(())
    }

    /// A single byte, or `None` when a set was added.
    fn class_item(&mut self, b: u8, set: &mut ByteSet) -> Result<Option<u8>, String> {
        if b == b'[' && self.peek() == Some(b':') {
            let start = self.at;
            if let Some(end) = self.rest().windows(2).position(|w| w == b":]") {
                let name = self.rest().get(1..end).unwrap_or(&[]);
                let (name, negated) = match name.strip_prefix(b"^") {
                    Some(n) => (n, true),
                    None => (name, false),
                };
                if let Some(named) = std::str::from_utf8(name).ok().and_then(posix) {
                    set.add_set(&named, negated);
                    self.at = start + end + 2;
                    return Ok(None);
                }
            }
            return Ok(Some(b));
        }
        if b != b'\\' {
            return Ok(Some(b));
        }
        let Some(e) = self.next() else {
            return Err("a backslash ends the expression".into());
        };
        if let Some((named, negated)) = escape(e).filter(|_| e != b'N') {
            set.add_set(&named, negated);
            return Ok(None);
        }
        match e {
            b'b' => Ok(Some(8)),
            b'1'..=b'7' => {
                self.at -= 1;
                Ok(Some(self.octal()))
            }
            b'p' | b'P' => Err("properties of characters are not supported".into()),
            other => self.escaped_byte(other).map(Some),
        }
    }
}
