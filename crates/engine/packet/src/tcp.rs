//! TCP header view and options.

use crate::event::{DecodeEvent, DecodeEvents};

/// TCP flag bits as the header carries them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
    pub const ECE: u8 = 0x40;
    pub const CWR: u8 = 0x80;

    /// Whether any of the bits is set.
    #[must_use]
    pub fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    #[must_use]
    pub fn syn(self) -> bool {
        self.has(Self::SYN)
    }

    #[must_use]
    pub fn ack(self) -> bool {
        self.has(Self::ACK)
    }

    #[must_use]
    pub fn fin(self) -> bool {
        self.has(Self::FIN)
    }

    #[must_use]
    pub fn rst(self) -> bool {
        self.has(Self::RST)
    }

    #[must_use]
    pub fn urg(self) -> bool {
        self.has(Self::URG)
    }
}

/// The options that matter, parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    pub mss: Option<u16>,
    /// Shift count as sent (may exceed 14).
    pub window_scale: Option<u8>,
    pub sack_permitted: bool,
    /// Number of SACK blocks, of at most 4.
    pub sack_blocks: u8,
    /// TSval, TSecr.
    pub timestamps: Option<(u32, u32)>,
    /// Length of the Fast Open cookie; zero asks for one.
    pub fast_open_cookie_len: Option<u8>,
    pub md5: bool,
    pub authentication: bool,
}

/// A complete TCP header.
#[derive(Clone, Copy, Debug)]
pub struct TcpView<'a> {
    fixed: &'a [u8; 20],
    header: &'a [u8],
    pub options: TcpOptions,
}

impl<'a> TcpView<'a> {
    /// `bytes` from the TCP header to the end of the packet. `Err` names what is wrong.
    pub(crate) fn parse(bytes: &'a [u8], events: &mut DecodeEvents) -> Result<(Self, &'a [u8]), DecodeEvent> {
        let fixed = bytes.first_chunk::<20>().ok_or(DecodeEvent::TcpPktTooSmall)?;
        let header_len = usize::from(fixed[12] >> 4) * 4;
        if header_len < 20 {
            return Err(DecodeEvent::TcpHlenTooSmall);
        }
        let (header, payload) = bytes.split_at_checked(header_len).ok_or(DecodeEvent::TcpInvalidOptlen)?;
        let options = parse_options(header.get(20..).unwrap_or(&[]), events);
        Ok((TcpView { fixed, header, options }, payload))
    }

    /// The header with its options.
    #[must_use]
    pub fn header_bytes(&self) -> &'a [u8] {
        self.header
    }

    #[must_use]
    pub fn option_bytes(&self) -> &'a [u8] {
        self.header.get(20..).unwrap_or(&[])
    }

    #[must_use]
    pub fn src_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[0], self.fixed[1]])
    }

    #[must_use]
    pub fn dst_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    #[must_use]
    pub fn seq(&self) -> u32 {
        u32::from_be_bytes([self.fixed[4], self.fixed[5], self.fixed[6], self.fixed[7]])
    }

    #[must_use]
    pub fn ack(&self) -> u32 {
        u32::from_be_bytes([self.fixed[8], self.fixed[9], self.fixed[10], self.fixed[11]])
    }

    #[must_use]
    pub fn flags(&self) -> TcpFlags {
        TcpFlags(self.fixed[13])
    }

    /// The reserved bits beside the data offset.
    #[must_use]
    pub fn reserved_bits(&self) -> u8 {
        self.fixed[12] & 0x0f
    }

    #[must_use]
    pub fn window(&self) -> u16 {
        u16::from_be_bytes([self.fixed[14], self.fixed[15]])
    }

    #[must_use]
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[16], self.fixed[17]])
    }

    #[must_use]
    pub fn urgent_pointer(&self) -> u16 {
        u16::from_be_bytes([self.fixed[18], self.fixed[19]])
    }
}

/// Walks the options. A wrong length ends the walk, as hosts do.
fn parse_options(mut rest: &[u8], events: &mut DecodeEvents) -> TcpOptions {
    let mut found = TcpOptions::default();
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            0 => break,
            1 => {
                rest = after;
                continue;
            }
            _ => {}
        }
        let Some(len) = after.first().map(|l| usize::from(*l)) else {
            break;
        };
        if len < 2 {
            events.insert(DecodeEvent::TcpOptInvalidLen);
            break;
        }
        let Some((option, next)) = rest.split_at_checked(len) else {
            events.insert(DecodeEvent::TcpOptInvalidLen);
            break;
        };
        record_option(kind, option.get(2..).unwrap_or(&[]), &mut found, events);
        rest = next;
    }
    found
}

fn record_option(kind: u8, body: &[u8], found: &mut TcpOptions, events: &mut DecodeEvents) {
    let mut invalid = false;
    let mut duplicate = false;
    match (kind, body) {
        (2, [a, b]) => {
            duplicate = found.mss.is_some();
            found.mss = Some(found.mss.unwrap_or(u16::from_be_bytes([*a, *b])));
        }
        (3, [shift]) => {
            duplicate = found.window_scale.is_some();
            found.window_scale = Some(found.window_scale.unwrap_or(*shift));
        }
        (4, []) => {
            duplicate = found.sack_permitted;
            found.sack_permitted = true;
        }
        (5, blocks) => match blocks.len() {
            0 => {} // An empty SACK is seen in the wild and harmless.
            8 | 16 | 24 | 32 => {
                duplicate = found.sack_blocks != 0;
                found.sack_blocks = u8::try_from(blocks.len() / 8).unwrap_or(4);
            }
            _ => invalid = true,
        },
        (8, [a, b, c, d, e, f, g, h]) => {
            duplicate = found.timestamps.is_some();
            let value = u32::from_be_bytes([*a, *b, *c, *d]);
            let echo = u32::from_be_bytes([*e, *f, *g, *h]);
            found.timestamps = Some(found.timestamps.unwrap_or((value, echo)));
        }
        (2 | 3 | 4 | 8, _) => invalid = true,
        (19, _) => {
            invalid = body.len() != 16;
            found.md5 = true;
        }
        (29, _) => {
            invalid = body.len() < 2;
            found.authentication = true;
        }
        (34, cookie) => record_fast_open(cookie, found, &mut invalid, &mut duplicate),
        // Experimental options carry a two-byte magic; 0xF989 is Fast Open.
        (253 | 254, [0xf9, 0x89, cookie @ ..]) => {
            record_fast_open(cookie, found, &mut invalid, &mut duplicate);
        }
        _ => {}
    }
    if invalid {
        events.insert(DecodeEvent::TcpOptInvalidLen);
    } else if duplicate {
        events.insert(DecodeEvent::TcpOptDuplicate);
    }
}

fn record_fast_open(cookie: &[u8], found: &mut TcpOptions, invalid: &mut bool, duplicate: &mut bool) {
    let len = cookie.len();
    // RFC 7413: nothing (a request), or 4 to 16 bytes of even number.
    if len != 0 && !((4..=16).contains(&len) && len.is_multiple_of(2)) {
        *invalid = true;
    } else if found.fast_open_cookie_len.is_some() {
        *duplicate = true;
    } else {
        found.fast_open_cookie_len = u8::try_from(len).ok();
    }
}
