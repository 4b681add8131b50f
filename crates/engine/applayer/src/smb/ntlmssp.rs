//! NTLMSSP's last message: who logs in (MS-NLMP 2.2.1.3).

use crate::reader::Reader;
use crate::smb::text::utf16;

/// Who logs in, from where.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ntlmssp {
    pub domain: Vec<u8>,
    pub user: Vec<u8>,
    pub host: Vec<u8>,
    pub version: Option<String>,
}

const NEGOTIATE_UNICODE: u32 = 1;
const NEGOTIATE_VERSION: u32 = 0x0200_0000;

/// Finds the message inside a security blob, whatever wraps it.
#[must_use]
pub fn find(blob: &[u8]) -> Option<Ntlmssp> {
    let at = blob.windows(8).position(|w| w == b"NTLMSSP\0")?;
    read(blob.get(at..)?)
}

fn read(message: &[u8]) -> Option<Ntlmssp> {
    let mut r = Reader::at(message, 8);
    if r.u32_le()? != 3 {
        return None;
    }
    let mut texts: [&[u8]; 3] = [&[]; 3];
    let mut fields = Reader::at(message, 28);
    for text in &mut texts {
        let length = usize::from(fields.u16_le()?);
        fields.u16_le()?;
        let offset = usize::try_from(fields.u32_le()?).ok()?;
        *text = message.get(offset..offset.checked_add(length)?).unwrap_or_default();
    }
    let mut r = Reader::at(message, 60);
    let flags = r.u32_le().unwrap_or(0);
    let decode = |bytes: &[u8]| if flags & NEGOTIATE_UNICODE != 0 { utf16(bytes) } else { bytes.to_vec() };
    let [domain, user, host] = texts.map(decode);
    let version = (flags & NEGOTIATE_VERSION != 0).then(|| version_text(&mut r)).flatten();
    Some(Ntlmssp { domain, user, host, version })
}

fn version_text(r: &mut Reader<'_>) -> Option<String> {
    let (major, minor, build) = (r.u8()?, r.u8()?, r.u16_le()?);
    r.take(3)?;
    Some(format!("{major}.{minor} build {build} rev {}", r.u8()?))
}
