//! The clear beginning of an RDP session (MS-RDPBCGR 2.2.1): X.224 and the client's settings.

use crate::reader::Reader;

/// What a TPKT packet says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// X.224 connection request, with the user name of the cookie.
    Request { cookie: Option<Vec<u8>> },
    /// X.224 connection confirm.
    Confirm(Option<Negotiation>),
    /// MCS Connect-Initial with the client's settings.
    Connect(Box<Client>),
    /// MCS Connect-Response.
    Connected,
    /// Anything else of X.224.
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Negotiation {
    Selected { flags: u8, protocol: u32 },
    Refused { code: u32 },
}

/// The client's settings (CS_CORE, CS_NET), as far as they came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Client {
    pub version: Option<u32>,
    pub width: Option<u16>,
    pub height: Option<u16>,
    pub color_depth: Option<u16>,
    pub keyboard_layout: Option<u32>,
    pub build: Option<u32>,
    pub name: String,
    pub keyboard_type: Option<u32>,
    pub keyboard_subtype: Option<u32>,
    pub function_keys: Option<u32>,
    pub ime: String,
    pub product_id: Option<u16>,
    pub serial: Option<u32>,
    pub capabilities: Option<u16>,
    pub id: String,
    pub channels: Vec<String>,
}

/// Channels that a client may ask for (2.2.1.3.4).
const MAX_CHANNELS: usize = 31;

/// The length of the TPKT packet at the front; `Err` where there is none.
pub fn packet_bytes(bytes: &[u8]) -> Result<Option<usize>, ()> {
    match bytes {
        [] | [3] | [3, 0] | [3, 0, _] => Ok(None),
        [3, 0, a, b, ..] => match usize::from(u16::from_be_bytes([*a, *b])) {
            0..7 => Err(()),
            n => Ok(Some(n)),
        },
        _ => Err(()),
    }
}

impl Message {
    /// Reads one whole TPKT packet.
    pub fn read(packet: &[u8]) -> Option<Message> {
        let mut r = Reader::at(packet, 4);
        let header = usize::from(r.u8()?);
        let kind = r.u8()?;
        let rest = packet.get(5..)?;
        match kind & 0xf0 {
            0xe0 => Some(Message::Request { cookie: cookie(rest.get(6..header)?) }),
            0xd0 => Some(Message::Confirm(negotiation(rest.get(6..header)?))),
            0xf0 => Some(mcs(rest.get(header..)?)),
            _ => Some(Message::Other),
        }
    }
}

/// `Cookie: mstshash=NAME`.
fn cookie(text: &[u8]) -> Option<Vec<u8>> {
    let name = text.strip_prefix(b"Cookie: mstshash=")?;
    let end = memchr::memmem::find(name, b"\r\n")?;
    name.get(..end).map(<[u8]>::to_vec)
}

fn negotiation(bytes: &[u8]) -> Option<Negotiation> {
    let mut r = Reader::new(bytes);
    let (kind, flags, length, value) = (r.u8()?, r.u8()?, r.u16_le()?, r.u32_le()?);
    match (kind, length) {
        (2, 8) => Some(Negotiation::Selected { flags, protocol: value }),
        (3, 8) => Some(Negotiation::Refused { code: value }),
        _ => None,
    }
}

fn mcs(bytes: &[u8]) -> Message {
    match bytes {
        [0x7f, 0x65, ..] => Message::Connect(Box::new(client(bytes))),
        [0x7f, 0x66, ..] => Message::Connected,
        _ => Message::Other,
    }
}

/// The settings follow the H.221 key of Microsoft's clients in the conference request.
fn client(bytes: &[u8]) -> Client {
    let mut client = Client::default();
    let Some(at) = memchr::memmem::find(bytes, b"Duca") else { return client };
    let mut r = Reader::at(bytes, at + 4);
    // A PER length: one byte, or two with the high bit set.
    match r.u8() {
        Some(n) if n & 0x80 != 0 => drop(r.u8()),
        Some(_) => {}
        None => return client,
    }
    while let (Some(kind), Some(length)) = (r.u16_le(), r.u16_le()) {
        let Some(body) = usize::from(length).checked_sub(4).and_then(|n| r.take(n)) else { break };
        match kind {
            0xc001 => {
                // What has not come stays unknown.
                let _ = core(body, &mut client);
            }
            0xc003 => client.channels = channels(body),
            _ => {}
        }
    }
    client
}

/// CS_CORE (2.2.1.3.2); everything from the color depth on may be missing.
fn core(body: &[u8], c: &mut Client) -> Option<()> {
    let mut r = Reader::new(body);
    c.version = Some(r.u32_le()?);
    c.width = Some(r.u16_le()?);
    c.height = Some(r.u16_le()?);
    c.color_depth = depth(r.u16_le()?);
    r.u16_le()?;
    c.keyboard_layout = Some(r.u32_le()?);
    c.build = Some(r.u32_le()?);
    c.name = utf16(r.take(32)?);
    c.keyboard_type = Some(r.u32_le()?);
    c.keyboard_subtype = Some(r.u32_le()?);
    c.function_keys = Some(r.u32_le()?);
    c.ime = utf16(r.take(64)?);
    c.color_depth = depth(r.u16_le()?).or(c.color_depth);
    c.product_id = Some(r.u16_le()?);
    c.serial = Some(r.u32_le()?);
    let high = r.u16_le()?;
    r.u16_le()?;
    let capabilities = r.u16_le()?;
    c.capabilities = Some(capabilities);
    c.color_depth = match (capabilities & 2 != 0, high) {
        (true, _) => Some(32),
        (false, 4 | 8 | 15 | 16 | 24) => Some(high),
        _ => c.color_depth,
    };
    c.id = utf16(r.take(64)?);
    Some(())
}

/// The numbers of 2.2.1.3.2 for 4 to 24 bits.
fn depth(code: u16) -> Option<u16> {
    Some(match code {
        0xca00 => 4,
        0xca01 => 8,
        0xca02 => 15,
        0xca03 => 16,
        0xca04 => 24,
        _ => return None,
    })
}

fn channels(body: &[u8]) -> Vec<String> {
    let mut r = Reader::new(body);
    let count = r.u32_le().and_then(|n| usize::try_from(n).ok()).unwrap_or(0).min(MAX_CHANNELS);
    let mut out = Vec::new();
    while out.len() < count
        && let (Some(name), Some(_)) = (r.take(8), r.u32_le())
    {
        let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        out.push(crate::text::printable(name.get(..end).unwrap_or_default()));
    }
    out
}

/// UTF-16 up to its first zero.
fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|p| p.iter().rev().fold(0u16, |n, b| n << 8 | u16::from(*b)));
    char::decode_utf16(units.take_while(|u| *u != 0)).map(|c| c.unwrap_or('\u{fffd}')).collect()
}
