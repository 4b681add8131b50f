//! Compound files (OLE): the streams of old Office documents, and the macros in `vbaProject`.
//!
//! Macros are shown as their source text, each module a member of its own.

use std::io::{Cursor, Read};

use super::{Budget, Member, ovba};
use crate::scanner::Why;

/// Larger streams are pictures and the like.
const MAX_STREAM: u64 = 8 << 20;

pub(super) fn members(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    let Ok(mut file) = cfb::CompoundFile::open(Cursor::new(bytes)) else {
        budget.note(Why::Unreadable);
        return true;
    };
    let streams: Vec<_> = file
        .walk()
        .filter(|e| e.is_stream() && e.len() <= MAX_STREAM)
        .map(|e| (e.path().to_path_buf(), e.name().to_owned()))
        .take(usize::try_from(budget.limits.members).unwrap_or(usize::MAX))
        .collect();
    // ECMA-376 agile and standard encryption: the document is a stream under a password.
    if streams.iter().any(|(_, name)| name == "EncryptedPackage") {
        budget.note(Why::Encrypted);
        return true;
    }
    for (path, name) in streams {
        if !budget.member() {
            return true;
        }
        let Ok(stream) = file.open_stream(&path) else {
            budget.note(Why::Unreadable);
            continue;
        };
        let inner = budget.read(&mut stream.take(MAX_STREAM));
        let in_vba = path.components().any(|c| c.as_os_str().eq_ignore_ascii_case("VBA"));
        if in_vba {
            for source in ovba::sources(&inner) {
                budget.spend(source.len());
                if !member(format!("{name} (VBA)"), &source, budget) {
                    return false;
                }
            }
        }
        // The stream itself: objects packed in documents.
        if !member(name, &inner, budget) {
            return false;
        }
    }
    true
}
