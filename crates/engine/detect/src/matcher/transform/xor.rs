//! `xor`: with a key that is written in the rule, or that the buffer itself carries.

use mimamori_rules::XorKey;

/// The bytes from `offset` on with the key repeated over them; `None` where the key is not in
/// the buffer.
pub fn apply(b: &[u8], key: &XorKey, offset: u32) -> Option<Vec<u8>> {
    let key: Vec<u8> = match key {
        XorKey::Fixed(key) => key.to_vec(),
        XorKey::Extract { length, at } => {
            let at = usize::try_from(*at).ok()?;
            b.get(at..at.checked_add(usize::from(*length))?)?.to_vec()
        }
    };
    let offset = usize::try_from(offset).ok()?;
    let mut out = b.to_vec();
    for (byte, k) in out.iter_mut().skip(offset).zip(key.iter().cycle()) {
        *byte ^= k;
    }
    Some(out)
}
