//! Character classes of PCRE as sets of bytes.

/// A set of bytes.
#[derive(Clone, Copy)]
pub struct ByteSet([bool; 256]);

impl ByteSet {
    pub const EMPTY: ByteSet = ByteSet([false; 256]);

    pub fn add(&mut self, byte: u8) {
        self.add_range(byte, byte);
    }

    pub fn add_range(&mut self, lo: u8, hi: u8) {
        for b in lo..=hi {
            if let Some(slot) = self.0.get_mut(usize::from(b)) {
                *slot = true;
            }
        }
    }

    pub fn add_set(&mut self, other: &ByteSet, negated: bool) {
        for (slot, theirs) in self.0.iter_mut().zip(other.0) {
            *slot |= theirs != negated;
        }
    }

    /// In the syntax of both engines.
    pub fn write(&self, negated: bool, out: &mut String) {
        use std::fmt::Write;
        let mut bytes = (0u8..=255).zip(self.0).filter(|(_, is)| *is).map(|(b, _)| b).peekable();
        if bytes.peek().is_none() {
            // Nothing is in the class, or (negated) everything.
            out.push_str(if negated { "[\\x00-\\xff]" } else { "[^\\x00-\\xff]" });
            return;
        }
        out.push_str(if negated { "[^" } else { "[" });
        while let Some(lo) = bytes.next() {
            let mut hi = lo;
            while bytes.next_if(|b| hi.checked_add(1) == Some(*b)).is_some() {
                hi += 1;
            }
            let written =
                if lo == hi { write!(out, "\\x{lo:02x}") } else { write!(out, "\\x{lo:02x}-\\x{hi:02x}") };
            // Writing to a String cannot fail.
            debug_assert!(written.is_ok());
        }
        out.push(']');
    }
}

/// The class that `\d` and its like stand for, and whether it is negated.
pub fn escape(letter: u8) -> Option<(ByteSet, bool)> {
    let mut set = ByteSet::EMPTY;
    match letter.to_ascii_lowercase() {
        b'd' => set.add_range(b'0', b'9'),
        b'w' => {
            set.add_range(b'0', b'9');
            set.add_range(b'a', b'z');
            set.add_range(b'A', b'Z');
            set.add(b'_');
        }
        b's' => {
            set.add_range(b'\t', b'\r');
            set.add(b' ');
        }
        b'h' => {
            set.add(b'\t');
            set.add(b' ');
            set.add(0xa0);
        }
        b'v' => {
            set.add_range(b'\n', b'\r');
            set.add(0x85);
        }
        b'n' if letter == b'N' => {
            set.add(b'\n');
            return Some((set, true));
        }
        _ => return None,
    }
    Some((set, letter.is_ascii_uppercase()))
}

/// `[:name:]`
pub fn posix(name: &str) -> Option<ByteSet> {
    let is: fn(&u8) -> bool = match name {
        "alnum" => u8::is_ascii_alphanumeric,
        "alpha" => u8::is_ascii_alphabetic,
        "ascii" => u8::is_ascii,
        "blank" => |b| matches!(b, b' ' | b'\t'),
        "cntrl" => u8::is_ascii_control,
        "digit" => u8::is_ascii_digit,
        "graph" => u8::is_ascii_graphic,
        "lower" => u8::is_ascii_lowercase,
        "print" => |b| b.is_ascii_graphic() || *b == b' ',
        "punct" => u8::is_ascii_punctuation,
        "space" => |b| matches!(b, b'\t'..=b'\r' | b' '),
        "upper" => u8::is_ascii_uppercase,
        "word" => |b| b.is_ascii_alphanumeric() || *b == b'_',
        "xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    };
    let mut set = ByteSet::EMPTY;
    for b in (0u8..=255).filter(is) {
        set.add(b);
    }
    Some(set)
}
