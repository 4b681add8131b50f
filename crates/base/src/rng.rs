//! Randomness, behind a trait so that tests and replays are deterministic.

use std::sync::Mutex;

/// Source of random bytes.
pub trait Rng: Send + Sync + std::fmt::Debug {
    /// Fills `out`. For [`SystemRng`] the bytes are fit for secrets.
    fn fill(&self, out: &mut [u8]);

    fn next_u64(&self) -> u64 {
        let mut b = [0u8; 8];
        self.fill(&mut b);
        u64::from_le_bytes(b)
    }
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) {
        // A machine without entropy cannot issue secrets; there is nothing to fall back to.
        #[expect(clippy::expect_used, reason = "no safe way on without randomness")]
        getrandom::fill(out).expect("the operating system gives random bytes");
    }
}

/// SplitMix64 from a seed: the same bytes on every run. Never for secrets.
#[derive(Debug)]
pub struct SeededRng(Mutex<u64>);

impl SeededRng {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        SeededRng(Mutex::new(seed))
    }
}

impl Rng for SeededRng {
    fn fill(&self, out: &mut [u8]) {
        let mut s = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            *s = s.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *s;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            for (o, b) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *o = b;
            }
        }
    }
}
