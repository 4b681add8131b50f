//! Shannon entropy of a buffer, in bits a byte.

use mimamori_rules::Entropy;

pub fn holds(e: &Entropy, buffer: &[u8]) -> bool {
    let Some(part) = usize::try_from(e.offset).ok().and_then(|o| buffer.get(o..)) else {
        return false;
    };
    let length = e.bytes.and_then(|n| usize::try_from(n).ok()).unwrap_or(part.len());
    let part = part.get(..length.min(part.len())).unwrap_or(part);
    !part.is_empty() && e.value.test(of(part))
}

fn of(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for b in bytes {
        if let Some(n) = counts.get_mut(usize::from(*b)) {
            *n = n.saturating_add(1);
        }
    }
    let total: f64 = counts.iter().copied().map(f64::from).sum();
    let used = counts.iter().copied().filter(|n| *n > 0).map(|n| f64::from(n) / total);
    used.fold(0.0, |sum, p| sum - p * p.log2())
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn even_spread_is_highest() {
        assert!(of(b"aaaa").abs() < 1e-9);
        assert!((of(b"abcd") - 2.0).abs() < 1e-9);
        let all: Vec<u8> = (0..=255).collect();
        assert!((of(&all) - 8.0).abs() < 1e-9);
    }
}
