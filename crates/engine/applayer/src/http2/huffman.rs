//! The Huffman code of HPACK (RFC 7541, appendix B).
//!
//! The code is canonical, so the lengths say it all.

use std::sync::LazyLock;

/// Length of each symbol's code in bits; the last is the end-of-string symbol.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// The end-of-string symbol, which may not appear.
const EOS: u16 = 256;
const MAX_BITS: usize = 30;

/// Codes of one length: the first code, how many, and where their symbols are.
#[derive(Clone, Copy, Default)]
struct Rank {
    first: u32,
    count: u32,
    offset: usize,
}

struct Tables {
    ranks: [Rank; MAX_BITS + 1],
    symbols: Vec<u16>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut ranks = [Rank::default(); MAX_BITS + 1];
    let mut symbols = Vec::with_capacity(LENGTHS.len());
    let mut code = 0_u32;
    for (bits, rank) in ranks.iter_mut().enumerate() {
        code <<= 1;
        let offset = symbols.len();
        let of_length = (0_u16..).zip(LENGTHS).filter(|(_, l)| usize::from(*l) == bits && bits > 0);
        symbols.extend(of_length.map(|(symbol, _)| symbol));
        let count = u32::try_from(symbols.len() - offset).unwrap_or(0);
        *rank = Rank { first: code, count, offset };
        code += count;
    }
    Tables { ranks, symbols }
});

/// Decodes `text`; `None` where it is no valid code.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let tables = &*TABLES;
    let mut out = Vec::with_capacity(text.len() * 8 / 5);
    let (mut code, mut bits) = (0_u32, 0_usize);
    for byte in text {
        for shift in (0..8).rev() {
            code = code << 1 | u32::from(byte >> shift & 1);
            bits += 1;
            let rank = tables.ranks.get(bits)?;
            let index = code.wrapping_sub(rank.first);
            if code >= rank.first && index < rank.count {
                let symbol = *tables.symbols.get(rank.offset + usize::try_from(index).ok()?)?;
                if symbol == EOS {
                    return None;
                }
                out.push(u8::try_from(symbol).ok()?);
                (code, bits) = (0, 0);
            }
        }
    }
    // What is left is padding: fewer than eight bits, all ones.
    (bits < 8 && code == (1 << bits) - 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::decode;

    /// RFC 7541, C.4.
    #[test]
    fn examples_of_the_rfc() {
        let host = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decode(&host).as_deref(), Some(&b"www.example.com"[..]));
        let cache = [0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
        assert_eq!(decode(&cache).as_deref(), Some(&b"no-cache"[..]));
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(decode(&[0x00]), None);
    }
}
