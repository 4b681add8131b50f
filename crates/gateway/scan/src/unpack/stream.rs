//! Packed streams (gzip, bzip2, xz) and tar.

use std::io::Read;

use super::{Budget, Member};
use crate::scanner::Why;

/// Dictionary that an xz stream may ask for, kilobytes.
const XZ_MEMORY_KB: u32 = 66 << 10;

pub(super) fn gzip(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    single("gzip", &mut flate2::read::MultiGzDecoder::new(bytes), budget, member)
}

pub(super) fn bzip2(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    single("bzip2", &mut bzip2::read::MultiBzDecoder::new(bytes), budget, member)
}

pub(super) fn xz(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    single("xz", &mut lzma_rust2::XzReader::new_mem_limit(bytes, true, XZ_MEMORY_KB), budget, member)
}

fn single(name: &str, source: &mut dyn Read, budget: &mut Budget, member: &mut Member<'_>) -> bool {
    if !budget.member() {
        return true;
    }
    let inner = budget.read(source);
    inner.is_empty() || member(name.to_owned(), &inner, budget)
}

pub(super) fn tar(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    let mut archive = tar::Archive::new(bytes);
    let Ok(entries) = archive.entries() else {
        budget.note(Why::Unreadable);
        return true;
    };
    for entry in entries {
        let Ok(mut entry) = entry else {
            budget.note(Why::Unreadable);
            return true;
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if !budget.member() {
            return true;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let inner = budget.read(&mut entry);
        if !member(name, &inner, budget) {
            return false;
        }
    }
    true
}
