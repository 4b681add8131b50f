//! What NFS's procedures ask and answer (RFC 1094, RFC 1813), as far as files and names go.
//!
//! Holds always: a handle has at most [`MAX_HANDLE_BYTES`], a longer one is none; of a name the
//! first [`MAX_NAME_BYTES`] are kept.

use super::rpc::opaque;
use crate::reader::Reader;

/// Longest handle of version 3 (RFC 1813 2.4, `NFS3_FHSIZE`).
pub const MAX_HANDLE_BYTES: usize = 64;
/// Bytes kept of a name; file systems take 255.
pub const MAX_NAME_BYTES: usize = 1024;
/// Bytes of a handle of version 2.
const OLD_HANDLE_BYTES: usize = 32;
/// Bytes of a file's attributes, versions 2 and 3.
const OLD_ATTRIBUTE_BYTES: usize = 68;
const ATTRIBUTE_BYTES: usize = 84;

/// A call, as far as it is read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Call {
    pub version: u32,
    pub procedure: u32,
    /// The file or folder that is meant.
    pub handle: Vec<u8>,
    /// The name in that folder.
    pub name: Vec<u8>,
    pub kind: Kind,
}

/// What becomes of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    #[default]
    Other,
    /// The answer holds a new handle for the name.
    Names,
    Read {
        offset: u64,
    },
    Write {
        offset: u64,
    },
    Commit,
}

/// Reads the arguments; the second value is what a WRITE writes. What cannot be read is left out.
#[must_use]
pub fn read(version: u32, procedure: u32, arguments: &[u8]) -> (Call, &[u8]) {
    let mut call = Call { version, procedure, ..Call::default() };
    let mut written: &[u8] = &[];
    // NULL has no arguments; version 4 packs its operations into one procedure.
    if matches!(version, 2 | 3) && procedure != 0 {
        let mut r = Reader::new(arguments);
        let _ = if version == 3 {
            read_new(&mut call, &mut r, &mut written)
        } else {
            read_old(&mut call, &mut r, &mut written)
        };
    }
    (call, written)
}

fn read_new<'a>(call: &mut Call, r: &mut Reader<'a>, written: &mut &'a [u8]) -> Option<()> {
    call.handle = handle(r)?.to_vec();
    match call.procedure {
        3 | 8..=11 => {
            call.name = name(r)?;
            call.kind = Kind::Names;
        }
        12..=14 => call.name = name(r)?,
        6 => call.kind = Kind::Read { offset: r.u64()? },
        7 => {
            let offset = r.u64()?;
            r.take(8)?;
            *written = opaque(r)?;
            call.kind = Kind::Write { offset };
        }
        21 => call.kind = Kind::Commit,
        _ => {}
    }
    Some(())
}

fn read_old<'a>(call: &mut Call, r: &mut Reader<'a>, written: &mut &'a [u8]) -> Option<()> {
    call.handle = r.take(OLD_HANDLE_BYTES)?.to_vec();
    match call.procedure {
        4 | 9 | 14 => {
            call.name = name(r)?;
            call.kind = Kind::Names;
        }
        10 | 11 | 13 | 15 => call.name = name(r)?,
        6 => call.kind = Kind::Read { offset: u64::from(r.u32()?) },
        8 => {
            r.take(4)?;
            let offset = u64::from(r.u32()?);
            r.take(4)?;
            *written = opaque(r)?;
            call.kind = Kind::Write { offset };
        }
        _ => {}
    }
    Some(())
}

fn handle<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    opaque(r).filter(|handle| handle.len() <= MAX_HANDLE_BYTES)
}

fn name(r: &mut Reader<'_>) -> Option<Vec<u8>> {
    opaque(r).map(|name| name.iter().take(MAX_NAME_BYTES).copied().collect())
}

/// What an answer gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answer<'a> {
    pub status: u32,
    /// The handle that belongs to the call's name.
    pub handle: Option<&'a [u8]>,
    /// What was read, and whether it was the end of the file.
    pub read: Option<(&'a [u8], bool)>,
}

/// Reads the answer to `call`.
#[must_use]
pub fn answer<'a>(call: &Call, results: &'a [u8]) -> Answer<'a> {
    let mut r = Reader::new(results);
    let mut answer = Answer::default();
    if !matches!(call.version, 2 | 3) || call.procedure == 0 {
        return answer;
    }
    let Some(status) = r.u32() else { return answer };
    answer.status = status;
    if status == 0 {
        match call.kind {
            Kind::Names => answer.handle = new_handle(call, &mut r),
            Kind::Read { .. } => answer.read = what_was_read(call, &mut r),
            _ => {}
        }
    }
    answer
}

fn new_handle<'a>(call: &Call, r: &mut Reader<'a>) -> Option<&'a [u8]> {
    if call.version == 2 {
        return r.take(OLD_HANDLE_BYTES);
    }
    // LOOKUP answers with the handle; the others may leave it out.
    if call.procedure != 3 && r.u32()? == 0 {
        return None;
    }
    handle(r)
}

fn what_was_read<'a>(call: &Call, r: &mut Reader<'a>) -> Option<(&'a [u8], bool)> {
    if call.version == 2 {
        r.take(OLD_ATTRIBUTE_BYTES)?;
        return Some((opaque(r)?, false));
    }
    if r.u32()? != 0 {
        r.take(ATTRIBUTE_BYTES)?;
    }
    r.u32()?;
    let end = r.u32()? != 0;
    Some((opaque(r)?, end))
}

/// A procedure's name as logs write it.
#[must_use]
pub fn procedure_name(version: u32, procedure: u32) -> Option<&'static str> {
    const NEW: &[&str] = &[
        "NULL",
        "GETATTR",
        "SETATTR",
        "LOOKUP",
        "ACCESS",
        "READLINK",
        "READ",
        "WRITE",
        "CREATE",
        "MKDIR",
        "SYMLINK",
        "MKNOD",
        "REMOVE",
        "RMDIR",
        "RENAME",
        "LINK",
        "READDIR",
        "READDIRPLUS",
        "FSSTAT",
        "FSINFO",
        "PATHCONF",
        "COMMIT",
    ];
    const OLD: &[&str] = &[
        "NULL",
        "GETATTR",
        "SETATTR",
        "ROOT",
        "LOOKUP",
        "READLINK",
        "READ",
        "WRITECACHE",
        "WRITE",
        "CREATE",
        "REMOVE",
        "RENAME",
        "LINK",
        "SYMLINK",
        "MKDIR",
        "RMDIR",
        "READDIR",
        "STATFS",
    ];
    let table = match version {
        2 => OLD,
        3 => NEW,
        _ => &["NULL", "COMPOUND"],
    };
    usize::try_from(procedure).ok().and_then(|p| table.get(p)).copied()
}

/// A status as logs write it.
#[must_use]
pub fn status_name(status: u32) -> String {
    let known = match status {
        0 => "OK",
        1 => "ERR_PERM",
        2 => "ERR_NOENT",
        5 => "ERR_IO",
        6 => "ERR_NXIO",
        13 => "ERR_ACCESS",
        17 => "ERR_EXIST",
        18 => "ERR_XDEV",
        19 => "ERR_NODEV",
        20 => "ERR_NOTDIR",
        21 => "ERR_ISDIR",
        22 => "ERR_INVAL",
        27 => "ERR_FBIG",
        28 => "ERR_NOSPC",
        30 => "ERR_ROFS",
        63 => "ERR_NAMETOOLONG",
        66 => "ERR_NOTEMPTY",
        69 => "ERR_DQUOT",
        70 => "ERR_STALE",
        _ => return format!("UNKNOWN ({status})"),
    };
    known.to_owned()
}
