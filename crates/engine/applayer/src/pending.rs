//! Stream bytes that a parser could not use yet.
//!
//! Holds always: taking bytes one at a time costs no more than taking them at once: what is kept
//! is not copied again until something of it was used.

/// The unused end of a side's stream.
#[derive(Debug, Default)]
pub struct Pending(Vec<u8>);

impl Pending {
    /// Calls `parse` with what was kept and `bytes` in one piece; `parse` says how much of it
    /// it has used, and the rest is kept.
    pub fn with<T>(&mut self, bytes: &[u8], parse: impl FnOnce(&[u8]) -> (usize, T)) -> T {
        if self.0.is_empty() {
            let (used, result) = parse(bytes);
            self.0.extend_from_slice(bytes.get(used..).unwrap_or_default());
            return result;
        }
        self.0.extend_from_slice(bytes);
        let (used, result) = parse(&self.0);
        self.0.drain(..used.min(self.0.len()));
        result
    }

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

    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
