//! Bytes from outside as text that a log can hold.

use std::fmt::Write;

/// UTF-8 as it is; otherwise ASCII as it is and every other byte as `\xNN`.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for b in bytes {
        if b.is_ascii() {
            out.push(char::from(*b));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{b:02x}");
        }
    }
    out
}

/// Lower-case hexadecimal, without separators.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        let _ = write!(out, "{b:02x}");
    }
    out
}

/// Hexadecimal pairs with `:` between them.
#[must_use]
pub fn hex_colons(bytes: &[u8], upper: bool) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for (i, b) in bytes.iter().enumerate() {
        let sep = if i == 0 { "" } else { ":" };
        let _ = if upper { write!(out, "{sep}{b:02X}") } else { write!(out, "{sep}{b:02x}") };
    }
    out
}
