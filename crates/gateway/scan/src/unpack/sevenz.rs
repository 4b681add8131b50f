//! 7z archives.

use std::io::Cursor;

use sevenz_rust2::{ArchiveReader, Error, Password};

use super::{Budget, Member};
use crate::scanner::Why;

/// Dictionaries and models of a decoder, kilobytes.
const MEMORY_KB: usize = 128 << 10;

pub(super) fn members(bytes: &[u8], budget: &mut Budget, member: &mut Member<'_>) -> bool {
    let reader = ArchiveReader::new_with_memory_limit(Cursor::new(bytes), Password::empty(), MEMORY_KB);
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => {
            budget.note(why(&error, bytes));
            return true;
        }
    };
    let encrypted = (0..reader.archive().files.len()).any(|at| reader.archive().is_file_encrypted(at));
    if encrypted {
        budget.note(Why::Encrypted);
        return true;
    }
    let mut go_on = true;
    let result = reader.for_each_entries(|entry, source| {
        if entry.is_directory() || !entry.has_stream() {
            return Ok(true);
        }
        if !budget.member() {
            return Ok(false);
        }
        let inner = budget.read(source);
        go_on = member(entry.name().to_owned(), &inner, budget);
        // The next member follows in the same stream: what was left of this one ends the walk.
        Ok(go_on && inner.len() as u64 == entry.size())
    });
    if let Err(error) = result {
        budget.note(why(&error, bytes));
    }
    go_on
}

/// The method AES-256 with SHA-256, as headers name it.
const AES: &[u8] = &[0x06, 0xf1, 0x07, 0x01];

/// Headers stand at the end; where they are locked themselves, the reader knows no more than
/// that it lacks the method.
fn why(error: &Error, bytes: &[u8]) -> Why {
    let end = bytes.get(bytes.len().saturating_sub(4_096)..).unwrap_or(bytes);
    match error {
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) | Error::Other(_)
            if memchr::memmem::find(end, AES).is_some() =>
        {
            Why::Encrypted
        }
        Error::PasswordRequired | Error::MaybeBadPassword(..) => Why::Encrypted,
        Error::MaxMemLimited { .. } => Why::TooLarge,
        _ => Why::Unreadable,
    }
}
