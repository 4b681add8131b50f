//! The key exchange announcement of SSH (RFC 4253 7.1) and its fingerprint, HASSH.

use md5::{Digest, Md5};

use crate::reader::Reader;
use crate::text::hex;

/// HASSH: the algorithms a side offers, and their MD5.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hassh {
    pub string: Vec<u8>,
    pub hash: String,
}

/// The HASSH of a key exchange message's payload (after the message number).
#[must_use]
pub fn hassh(payload: &[u8], from_client: bool) -> Option<Hassh> {
    let mut r = Reader::new(payload);
    r.take(16)?;
    let mut lists: [&[u8]; 8] = [&[]; 8];
    for list in &mut lists {
        let length = usize::try_from(r.u32()?).ok()?;
        *list = r.take(length)?;
    }
    let [kex, _, encryption_cs, encryption_sc, mac_cs, mac_sc, compression_cs, compression_sc] = lists;
    let (encryption, mac, compression) = if from_client {
        (encryption_cs, mac_cs, compression_cs)
    } else {
        (encryption_sc, mac_sc, compression_sc)
    };
    let string = [kex, encryption, mac, compression].join(&b';');
    let hash = hex(&Md5::digest(&string));
    Some(Hassh { string, hash })
}
