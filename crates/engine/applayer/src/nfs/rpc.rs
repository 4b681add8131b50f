//! Messages of ONC RPC (RFC 5531): a call or a reply.

use crate::reader::Reader;

const CALL: u32 = 0;
const REPLY: u32 = 1;
/// Longest credential or verifier (RFC 5531 8.2).
const MAX_AUTH_BYTES: usize = 400;

/// One message, with what stands in it for the procedure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    Call {
        xid: u32,
        program: u32,
        version: u32,
        procedure: u32,
        arguments: &'a [u8],
    },
    /// `None` where the call was not carried out.
    Reply {
        xid: u32,
        results: Option<&'a [u8]>,
    },
}

/// Reads a message; `None` where it is none.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Message<'_>> {
    let mut r = Reader::new(bytes);
    let xid = r.u32()?;
    match r.u32()? {
        CALL => {
            if r.u32()? != 2 {
                return None;
            }
            let (program, version, procedure) = (r.u32()?, r.u32()?, r.u32()?);
            auth(&mut r)?;
            auth(&mut r)?;
            Some(Message::Call { xid, program, version, procedure, arguments: r.rest() })
        }
        REPLY => {
            if r.u32()? != 0 {
                return Some(Message::Reply { xid, results: None });
            }
            auth(&mut r)?;
            let accepted = r.u32()? == 0;
            Some(Message::Reply { xid, results: accepted.then_some(r.rest()) })
        }
        _ => None,
    }
}

fn auth(r: &mut Reader<'_>) -> Option<()> {
    r.u32()?;
    (opaque(r)?.len() <= MAX_AUTH_BYTES).then_some(())
}

/// Bytes with their length before them, filled up to a multiple of four.
pub fn opaque<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(r.u32()?).ok()?;
    let bytes = r.take(length)?;
    r.take_up_to(length.wrapping_neg() & 3);
    Some(bytes)
}
