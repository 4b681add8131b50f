//! Stream bytes that a parser could not use yet.
//!
//! Holds always: taking bytes one at a time costs no more than taking them at once: what is kept
//! is not copied again until something of it was used.

/// The unused end of a side's stream.
#[derive(Debug, Default)]
pub struct Pending(Vec<u8>);

impl Pending {
    /// Takes the kept bytes out, so that `parse` may borrow their owner; see [`Pending::restore`].
    #[must_use]
    pub fn take_joined(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut joined = std::mem::take(&mut self.0);
        joined.extend_from_slice(bytes);
        joined
    }

    /// Gives back what [`Pending::take_joined`] gave, of which `used` bytes were used.
    pub fn restore(&mut self, mut joined: Vec<u8>, used: usize) {
        joined.drain(..used.min(joined.len()));
        self.0 = joined;
    }

    /// Keeps `bytes` behind what is kept.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }
}
