//! Session descriptions (RFC 8866) in the bodies of SIP messages.
//!
//! Holds always: lines keep their order; at most [`MAX_LINES`] of a body are kept.

use crate::field::Field;

const MAX_LINES: usize = 512;

/// The lines of a description.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Description(Vec<Line>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    kind: u8,
    /// It stands below an `m=` line and concerns that medium alone.
    of_medium: bool,
    value: Vec<u8>,
}

impl Description {
    /// Reads a body; lines that are none of a description are left out.
    #[must_use]
    pub fn read(body: &[u8]) -> Description {
        let mut lines = Vec::new();
        let mut of_medium = false;
        for text in body.split(|b| *b == b'\n') {
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let [kind, b'=', value @ ..] = text else { continue };
            of_medium |= *kind == b'm';
            if lines.len() < MAX_LINES {
                lines.push(Line { kind: *kind, of_medium, value: value.to_vec() });
            }
        }
        Description(lines)
    }

    /// Visits the lines that `field` is about.
    pub fn bytes(&self, field: Field, visit: &mut dyn FnMut(&[u8])) {
        let Some((kind, of_medium)) = lines_of(field) else { return };
        let meant = |l: &&Line| l.kind == kind && of_medium.is_none_or(|m| m == l.of_medium);
        self.0.iter().filter(meant).for_each(|l| visit(&l.value));
    }
}

/// The letter of a field's lines, and where they stand; `None` for anywhere.
fn lines_of(field: Field) -> Option<(u8, Option<bool>)> {
    Some(match field {
        Field::SdpOrigin => (b'o', None),
        Field::SdpSessionName => (b's', None),
        Field::SdpSessionInfo => (b'i', Some(false)),
        Field::SdpUri => (b'u', None),
        Field::SdpEmail => (b'e', None),
        Field::SdpPhoneNumber => (b'p', None),
        Field::SdpConnectionData => (b'c', Some(false)),
        Field::SdpBandwidth => (b'b', None),
        Field::SdpTime => (b't', None),
        Field::SdpRepeatTime => (b'r', None),
        Field::SdpTimezone => (b'z', None),
        Field::SdpEncryptionKey => (b'k', Some(false)),
        Field::SdpAttribute => (b'a', None),
        Field::SdpMedia => (b'm', None),
        Field::SdpMediaInfo => (b'i', Some(true)),
        Field::SdpMediaConnectionData => (b'c', Some(true)),
        Field::SdpMediaEncryptionKey => (b'k', Some(true)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(field: Field) -> Vec<String> {
        let body = b"v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=call\r\nc=IN IP4 192.0.2.1\r\na=x\r\n\
            m=audio 30 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\ni=voice\r\nnonsense\r\nm=video 40 RTP/AVP 1";
        let mut out = Vec::new();
        Description::read(body).bytes(field, &mut |b| out.push(String::from_utf8_lossy(b).into_owned()));
        out
    }

    #[test]
    fn what_is_said_of_a_medium_is_kept_apart() {
        assert_eq!(found(Field::SdpConnectionData), ["IN IP4 192.0.2.1"]);
        assert_eq!(found(Field::SdpMediaConnectionData), ["IN IP4 192.0.2.2"]);
        assert_eq!(found(Field::SdpMedia), ["audio 30 RTP/AVP 0", "video 40 RTP/AVP 1"]);
        assert_eq!(found(Field::SdpSessionInfo), [""; 0]);
        assert_eq!(found(Field::SdpMediaInfo), ["voice"]);
        assert_eq!(found(Field::SdpSessionName), ["call"]);
    }
}
