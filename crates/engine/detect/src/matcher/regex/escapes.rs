//! Escapes, references and classes of PCRE.

use super::class::{ByteSet, escape, posix};
use super::translate::{DOLLAR, Translator};

impl Translator<'_> {
    pub(super) fn named_reference(&mut self, name: &[u8]) -> Result<(), String> {
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

    pub(super) fn escaped(&mut self) -> Result<(), String> {
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

    pub(super) fn class(&mut self) -> Result<(), String> {
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
