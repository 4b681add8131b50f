//! Transforms that look at each byte.

fn is_space(b: u8) -> bool {
    matches!(b, b'\t'..=b'\r' | b' ')
}

pub fn strip_whitespace(b: &[u8]) -> Vec<u8> {
    b.iter().copied().filter(|b| !is_space(*b)).collect()
}

/// Of several blanks in a row the first stays.
pub fn compress_whitespace(b: &[u8]) -> Vec<u8> {
    let mut before = false;
    b.iter()
        .copied()
        .filter(|b| {
            let space = is_space(*b);
            let keep = !(space && before);
            before = space;
            keep
        })
        .collect()
}

/// `%41` and `+`; what is no escape stays.
pub fn url_decode(b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(b.len());
    let mut rest = b;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(h), Some(l)) => {
                    out.push(h << 4 | l);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(*other),
        }
    }
    out
}

fn hex(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}
