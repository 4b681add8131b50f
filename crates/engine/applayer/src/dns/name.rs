//! Domain names in DNS messages (RFC 1035 4.1.4), with their compression.
//!
//! Holds always: bounded work for any bytes: at most [`MAX_POINTERS`] jumps and [`MAX_LABELS`]
//! labels, at most [`MAX_NAME_BYTES`] kept.

use crate::reader::Reader;

/// The reference keeps so many bytes of a name and marks what is longer as truncated.
pub const MAX_NAME_BYTES: usize = 1025;
const MAX_POINTERS: usize = 255;
const MAX_LABELS: usize = 255;

/// A name, labels joined by `.`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Name {
    pub bytes: Vec<u8>,
    pub truncated: bool,
    pub infinite_loop: bool,
    pub too_many_labels: bool,
}

/// Reads a name at the cursor of `reader`, whose buffer is the message.
pub fn read_name(message: &[u8], reader: &mut Reader<'_>) -> Option<Name> {
    let mut name = Name::default();
    let mut at = *reader;
    let mut after: Option<Reader<'_>> = None;
    let mut pointers = 0;
    let mut labels = 0;
    loop {
        let length = at.u8()?;
        match length >> 6 {
            0 if length == 0 => break,
            0 => {
                let label = at.take(usize::from(length))?;
                labels += 1;
                if labels > MAX_LABELS {
                    name.too_many_labels = true;
                    return Some(finish(name, reader, after, at, message));
                }
                push_label(&mut name, label);
            }
            3 => {
                let low = at.u8()?;
                let target = (usize::from(length & 0x3f) << 8) | usize::from(low);
                after.get_or_insert_with(|| Reader::at(message, at.position()));
                pointers += 1;
                if pointers > MAX_POINTERS {
                    name.infinite_loop = true;
                    break;
                }
                if target >= message.len() {
                    return None;
                }
                at = Reader::at(message, target);
            }
            _ => return None,
        }
    }
    Some(finish(name, reader, after, at, message))
}

fn finish(
    name: Name,
    reader: &mut Reader<'_>,
    after: Option<Reader<'_>>,
    at: Reader<'_>,
    _message: &[u8],
) -> Name {
    let end = after.unwrap_or(at).position();
    let skip = end.saturating_sub(reader.position());
    // The end lies inside the message, for every byte up to it was read from it.
    let _ = reader.take(skip);
    name
}

fn push_label(name: &mut Name, label: &[u8]) {
    if !name.bytes.is_empty() {
        name.bytes.push(b'.');
    }
    name.bytes.extend_from_slice(label);
    if name.bytes.len() > MAX_NAME_BYTES {
        name.bytes.truncate(MAX_NAME_BYTES);
        name.truncated = true;
    }
}
