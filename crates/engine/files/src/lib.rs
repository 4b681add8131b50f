//! Files carried by flows: tracking, hashes, decompression with limits.

/// A file seen in a transaction. The owner of this crate fills it.
#[derive(Debug, Default, Clone)]
pub struct File {}
