//! Zip archives: zip64, data descriptors, deflate64, bzip2, LZMA; passwords are seen and said.
//!
//! Holds always: members that the directory does not name are found by their own headers, so
//! that a directory that lies hides nothing.

use std::io::Cursor;

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Budget, Member};
use crate::scanner::Why;

const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
const ENCRYPTED: u16 = 1;
/// Sizes stand after the data.
const DESCRIPTOR: u16 = 1 << 3;

pub(super) fn members(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else {
        // Without a directory there are still the members.
        budget.note(Why::Unreadable);
        return by_headers(bytes, &[], budget, member);
    };
    let mut seen = Vec::new();
    for index in 0..archive.len() {
        if !budget.member() {
            return true;
        }
        if let Ok(raw) = archive.by_index_raw(index) {
            seen.push(usize::try_from(raw.header_start()).unwrap_or(usize::MAX));
            if raw.encrypted() {
                budget.note(Why::Encrypted);
                continue;
            }
            if raw.is_dir() {
                continue;
            }
        }
        match archive.by_index(index) {
            Ok(mut file) => {
                let name = String::from_utf8_lossy(file.name_raw()).into_owned();
                let inner = budget.read(&mut file);
                drop(file);
                if !member(name, &inner, budget) {
                    return false;
                }
            }
            Err(ZipError::InvalidPassword) => budget.note(Why::Encrypted),
            Err(_) => budget.note(Why::Unreadable),
        }
    }
    let offset = usize::try_from(archive.offset()).unwrap_or(0);
    let seen: Vec<usize> = seen.iter().flat_map(|at| [*at, at.saturating_add(offset)]).collect();
    by_headers(bytes, &seen, budget, member)
}

/// Members that are in the file but not in its directory.
fn by_headers(bytes: &[u8], seen: &[usize], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|b| memchr::memmem::find(b, LOCAL)).map(|at| from + at) {
        from = at + LOCAL.len();
        if seen.contains(&at) {
            // What is inside a member that was unpacked is none of this archive's.
            from = at + stored_bytes(bytes, at).max(LOCAL.len());
            continue;
        }
        let Some((name, method, flags, start, packed)) = header(bytes, at) else { continue };
        if flags & ENCRYPTED != 0 {
            budget.note(Why::Encrypted);
            continue;
        }
        if !budget.member() {
            return true;
        }
        let data = bytes.get(start..).unwrap_or_default();
        let data = if flags & DESCRIPTOR == 0 { data.get(..packed).unwrap_or(data) } else { data };
        let inner = match method {
            0 if flags & DESCRIPTOR == 0 => data.to_vec(),
            8 => {
                // Where it is no member but looks like one, that says nothing of the archive.
                let before = budget.clone();
                let inner = budget.read(&mut flate2::read::DeflateDecoder::new(data));
                if budget.why() == Some(Why::Unreadable) && before.why().is_none() {
                    *budget = before;
                }
                inner
            }
            _ => continue,
        };
        if !inner.is_empty() && !member(name, &inner, budget) {
            return false;
        }
    }
    true
}

/// Length of the member at `at`, header included, as its header says.
fn stored_bytes(bytes: &[u8], at: usize) -> usize {
    header(bytes, at).map_or(0, |(_, _, _, start, packed)| start.saturating_sub(at).saturating_add(packed))
}

/// Name, method, flags, where the data begins, packed bytes.
fn header(bytes: &[u8], at: usize) -> Option<(String, u16, u16, usize, usize)> {
    let head = bytes.get(at..at.checked_add(LOCAL_BYTES)?)?;
    let u16_at = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let (flags, method) = (u16_at(6)?, u16_at(8)?);
    let packed = u32::from_le_bytes(head.get(18..22)?.try_into().ok()?);
    let name_bytes = usize::from(u16_at(26)?);
    let name_at = at + LOCAL_BYTES;
    let name = bytes.get(name_at..name_at.checked_add(name_bytes)?)?;
    let start = name_at + name_bytes + usize::from(u16_at(28)?);
    Some((String::from_utf8_lossy(name).into_owned(), method, flags, start, usize::try_from(packed).ok()?))
}
