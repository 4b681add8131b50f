//! Source text of macros (MS-OVBA 2.4.1).
//!
//! Holds always: at most [`MAX_SOURCE`] bytes come of one container.

const MAX_SOURCE: usize = 4 << 20;
const CHUNK: usize = 4_096;
const MAX_SOURCES: usize = 4;

/// Compressed containers in a stream of the VBA folder: a module's source begins somewhere after
/// its compiled code. Found by its first words instead of by the folder's index, which may lie.
pub(super) fn sources(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    // `Attribut` is written as it is in the first chunk: signature, header, flags, eight letters.
    let mut from = 0;
    while out.len() < MAX_SOURCES
        && let Some(at) = stream.get(from..).and_then(|s| memchr::memmem::find(s, b"\0Attribut"))
    {
        let text = from + at;
        from = text + 9;
        let Some(start) = text.checked_sub(3) else { continue };
        if stream.get(start) == Some(&1) {
            let source = decompress(stream.get(start..).unwrap_or_default());
            if !source.is_empty() {
                out.push(source);
            }
        }
    }
    if out.is_empty() && stream.first() == Some(&1) {
        let source = decompress(stream);
        if !source.is_empty() {
            out.push(source);
        }
    }
    out
}

/// Decompresses a container as far as it is well formed.
#[must_use]
pub fn decompress(container: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let Some((1, mut rest)) = container.split_first().map(|(first, rest)| (*first, rest)) else { return out };
    while let Some(([a, b], body)) = rest.split_first_chunk::<2>() {
        let header = u16::from_le_bytes([*a, *b]);
        if header >> 12 & 7 != 3 || out.len() >= MAX_SOURCE {
            break;
        }
        let size = usize::from(header & 0x0fff) + 1;
        let (chunk, later) = body.split_at_checked(size).unwrap_or((body, &[]));
        rest = later;
        if header & 0x8000 == 0 {
            out.extend_from_slice(chunk.get(..CHUNK).unwrap_or(chunk));
            continue;
        }
        if !tokens(chunk, &mut out) {
            break;
        }
    }
    out
}

/// One compressed chunk. `false`: it is malformed.
fn tokens(mut chunk: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    while let Some((flags, rest)) = chunk.split_first() {
        chunk = rest;
        for bit in 0..8 {
            if chunk.is_empty() || out.len() - start >= CHUNK {
                break;
            }
            if flags >> bit & 1 == 0 {
                if let Some((literal, rest)) = chunk.split_first() {
                    out.push(*literal);
                    chunk = rest;
                }
                continue;
            }
            let Some(([a, b], rest)) = chunk.split_first_chunk::<2>() else { return false };
            chunk = rest;
            let token = u16::from_le_bytes([*a, *b]);
            // The further in the chunk, the more bits the offset takes.
            let bits = offset_bits(out.len() - start);
            let length = usize::from(token & (0xffff >> bits)) + 3;
            let offset = usize::from(token >> (16 - bits)) + 1;
            let Some(mut from) = out.len().checked_sub(offset).filter(|f| *f >= start) else { return false };
            for _ in 0..length {
                let Some(byte) = out.get(from).copied() else { return false };
                out.push(byte);
                from += 1;
            }
        }
    }
    true
}

fn offset_bits(position: usize) -> u32 {
    let mut bits = 4;
    while bits < 12 && 1usize << bits < position {
        bits += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_s_examples() {
        // MS-OVBA 3.2.1: no compression, and 3.2.2: "normal".
        let plain = b"\x01\x19\xB0\x00abcdefgh\x00ijklmnop\x00qrstuv.";
        assert_eq!(decompress(plain), b"abcdefghijklmnopqrstuv.");
        let normal = b"\x01\x2F\xB0\x00#aaabcde\x82f\x00paghij8\x01\x08\x20klbmcn\x06\x01\x08xyz";
        assert!(decompress(normal).starts_with(b"#aaabcde"));
        // 3.2.3: the most that can be.
        assert_eq!(decompress(b"\x01\x03\xB0\x02a\x45\x00"), vec![b'a'; 73]);
    }

    #[test]
    fn nonsense_ends_early() {
        assert!(decompress(b"\x02abc").is_empty());
        assert!(decompress(b"\x01\x03\xB0\x01\xff\xff").is_empty());
        assert!(sources(b"\x01").is_empty());
    }
}
