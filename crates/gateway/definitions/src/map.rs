//! A file's bytes in memory without reading it: pages come when they are looked at.
//!
//! Holds always: only files that nobody writes to are mapped. Sets are written under another
//! name and renamed, never changed in place, so a mapped file keeps its bytes even when a newer
//! set takes its name (docs/adr, "Definition sets are memory-mapped").

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps a whole file for reading.
#[expect(unsafe_code, reason = "mapping a file; the ADR says why nothing changes it meanwhile")]
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: a set's file is written once, under a name of its own, before it is renamed to
    // the name under which it is opened here; nothing truncates or writes it afterwards.
    unsafe { Mmap::map(file) }
}
