//! RAR archives: their list of members; what is stored as it is, is looked at.
//!
//! RAR's packing is no open format, so packed members are named unreadable, encrypted ones
//! encrypted. Holds always: a header that lies ends the walk; nothing is read past the file.

use super::{Budget, Member};
use crate::scanner::Why;

const MAX_HEADERS: usize = 10_000;

pub(super) fn members(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    let five = bytes.starts_with(b"Rar!\x1a\x07\x01\0");
    let mut at = if five { 8 } else { 7 };
    for _ in 0..MAX_HEADERS {
        let block = if five { rar5(bytes, at) } else { rar4(bytes, at) };
        let Some(block) = block else {
            if at < bytes.len() {
                budget.note(Why::Unreadable);
            }
            return true;
        };
        match block.what {
            What::End => return true,
            What::Encryption => {
                budget.note(Why::Encrypted);
                return true;
            }
            What::Other => {}
            What::File { name, stored, encrypted } => {
                if !budget.member() {
                    return true;
                }
                if encrypted {
                    budget.note(Why::Encrypted);
                } else if !stored {
                    budget.note(Why::Unreadable);
                } else {
                    let data = bytes.get(block.data..block.next.min(bytes.len())).unwrap_or_default();
                    budget.spend(data.len());
                    if !member(name, data, budget) {
                        return false;
                    }
                }
            }
        }
        if block.next <= at {
            budget.note(Why::Unreadable);
            return true;
        }
        at = block.next;
    }
    budget.note(Why::TooLarge);
    true
}

enum What {
    File { name: String, stored: bool, encrypted: bool },
    Encryption,
    End,
    Other,
}

struct Block {
    what: What,
    data: usize,
    next: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A block of RAR 1.5 to 4.
fn rar4(bytes: &[u8], at: usize) -> Option<Block> {
    const MAIN: u8 = 0x73;
    const FILE: u8 = 0x74;
    const END: u8 = 0x7b;
    let kind = *bytes.get(at.checked_add(2)?)?;
    let flags = u16_at(bytes, at + 3)?;
    let head = usize::from(u16_at(bytes, at + 5)?);
    let data = at.checked_add(head)?;
    let has_data = kind == FILE || flags & 0x8000 != 0;
    let packed = if has_data { usize::try_from(u32_at(bytes, at + 7)?).ok()? } else { 0 };
    let what = match kind {
        // Headers themselves are encrypted.
        MAIN if flags & 0x80 != 0 => What::Encryption,
        FILE => {
            let length = usize::from(u16_at(bytes, at + 26)?);
            let name_at = at + 32 + if flags & 0x100 != 0 { 8 } else { 0 };
            let name = bytes.get(name_at..name_at.checked_add(length)?)?;
            let name = name.split(|b| *b == 0).next().unwrap_or_default();
            What::File {
                name: String::from_utf8_lossy(name).into_owned(),
                stored: bytes.get(at + 25) == Some(&0x30),
                encrypted: flags & 4 != 0,
            }
        }
        END => What::End,
        _ => What::Other,
    };
    Some(Block { what, data, next: data.checked_add(packed)? })
}

/// A number of RAR 5: seven bits a byte, the lowest first.
fn vint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A block of RAR 5.
fn rar5(bytes: &[u8], at: usize) -> Option<Block> {
    let mut p = at.checked_add(4)?;
    let head = usize::try_from(vint(bytes, &mut p)?).ok()?;
    let data = p.checked_add(head)?;
    let kind = vint(bytes, &mut p)?;
    let flags = vint(bytes, &mut p)?;
    let extra = if flags & 1 != 0 { usize::try_from(vint(bytes, &mut p)?).ok()? } else { 0 };
    let packed = if flags & 2 != 0 { usize::try_from(vint(bytes, &mut p)?).ok()? } else { 0 };
    let what = match kind {
        2 => file5(bytes, &mut p, data.checked_sub(extra)?, data)?,
        4 => What::Encryption,
        5 => What::End,
        _ => What::Other,
    };
    Some(Block { what, data, next: data.checked_add(packed)? })
}

fn file5(bytes: &[u8], p: &mut usize, extra_from: usize, end: usize) -> Option<What> {
    let flags = vint(bytes, p)?;
    vint(bytes, p)?;
    vint(bytes, p)?;
    *p = p.checked_add(if flags & 2 != 0 { 4 } else { 0 } + if flags & 4 != 0 { 4 } else { 0 })?;
    let compression = vint(bytes, p)?;
    vint(bytes, p)?;
    let length = usize::try_from(vint(bytes, p)?).ok()?;
    let name = bytes.get(*p..p.checked_add(length)?)?;
    let mut encrypted = false;
    let mut at = extra_from;
    while at < end {
        let size = usize::try_from(vint(bytes, &mut at)?).ok()?;
        let next = at.checked_add(size)?;
        encrypted |= vint(bytes, &mut at)? == 1;
        at = next.max(at);
    }
    Some(What::File {
        name: String::from_utf8_lossy(name).into_owned(),
        stored: compression >> 7 & 7 == 0,
        encrypted,
    })
}
