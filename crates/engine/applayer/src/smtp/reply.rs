//! A server's replies (RFC 5321 4.2).

/// One line of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyLine {
    pub code: u16,
    /// The last line of its reply.
    pub last: bool,
}

/// Reads a line without its line break; `None` where it is no reply.
#[must_use]
pub fn reply_line(line: &[u8]) -> Option<ReplyLine> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match rest.first() {
        None | Some(b' ') => Some(ReplyLine { code, last: true }),
        Some(b'-') => Some(ReplyLine { code, last: false }),
        Some(_) => None,
    }
}
