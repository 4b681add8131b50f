//! A body of several ranges (`multipart/byteranges`, RFC 9110): the file whose parts it carries.
//!
//! Holds always: parts are put where their `Content-Range` says; what is missing between them
//! stays zero only within the limits. Deliberately not here: parts that came in answers of their
//! own (the engine puts those together).

use super::{Budget, Member};
use crate::scanner::Why;

const HEADER: &[u8] = b"content-range:";
/// How far into the body the first part's header must stand.
const HEAD_BYTES: usize = 1_024;

/// Whether it begins like one: a boundary and a header block with a range.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    let Some(rest) = head.trim_ascii_start().strip_prefix(b"--") else { return false };
    let headers = memchr::memmem::find(rest, b"\r\n\r\n").and_then(|end| rest.get(..end));
    headers.is_some_and(|h| lines(h).any(|l| range(l).is_some()))
}

fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block.split(|b| *b == b'\n').map(<[u8]>::trim_ascii)
}

/// First and last byte of `Content-Range: bytes 0-19/68`.
fn range(line: &[u8]) -> Option<(usize, usize)> {
    let (name, value) = line.split_at_checked(HEADER.len())?;
    if !name.eq_ignore_ascii_case(HEADER) {
        return None;
    }
    let value = std::str::from_utf8(value.trim_ascii()).ok()?;
    let (first, rest) = value.strip_prefix("bytes")?.trim_start().split_once('-')?;
    let last = rest.split('/').next()?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

pub(super) fn members(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    if !budget.member() {
        return true;
    }
    let most = usize::try_from(budget.room()).unwrap_or(usize::MAX);
    let mut whole: Vec<u8> = Vec::new();
    let mut rest = bytes;
    for _ in 0..budget.limits.members {
        let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") else { break };
        let (headers, body) = (rest.get(..end).unwrap_or_default(), rest.get(end + 4..).unwrap_or_default());
        let Some((first, last)) = lines(headers).find_map(range) else { break };
        // As many bytes as there are: the last part may be on its way yet.
        let length = last.saturating_sub(first).saturating_add(1).min(body.len());
        let Some(end) = first.checked_add(length).filter(|end| *end <= most) else {
            budget.note(Why::TooLarge);
            break;
        };
        if whole.len() < end {
            budget.spend(end - whole.len());
            whole.resize(end, 0);
        }
        if let (Some(to), Some(part)) = (whole.get_mut(first..end), body.get(..length)) {
            to.copy_from_slice(part);
        }
        rest = body.get(length..).unwrap_or_default();
    }
    whole.is_empty() || member("byteranges".to_owned(), &whole, budget)
}
