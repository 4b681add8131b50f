//! Joins IP fragments.

/// Limits of the fragment table.
#[derive(Clone, Debug)]
pub struct DefragConfig {
    /// Packets waiting for fragments, at most. When full, the oldest is given up.
    pub max_trackers: usize,
    /// Fragments held, at most, over all packets.
    pub max_fragments: usize,
    /// Bytes held, at most.
    pub memcap_bytes: usize,
    /// A packet not complete after this long is given up.
    pub timeout: std::time::Duration,
}

impl Default for DefragConfig {
    fn default() -> Self {
        DefragConfig {
            max_trackers: 4096,
            max_fragments: 65_535,
            memcap_bytes: 32 << 20,
            timeout: std::time::Duration::from_secs(60),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct DefragStats {
    pub fragments: u64,
    pub reassembled: u64,
    pub timeouts: u64,
    pub evicted: u64,
    pub memcap_hits: u64,
}

/// The fragment table.
#[derive(Debug)]
pub struct Defrag {
    config: DefragConfig,
    stats: DefragStats,
}

impl Defrag {
    #[must_use]
    pub fn new(config: DefragConfig) -> Self {
        Defrag { config, stats: DefragStats::default() }
    }

    #[must_use]
    pub fn stats(&self) -> &DefragStats {
        &self.stats
    }

    #[must_use]
    pub fn config(&self) -> &DefragConfig {
        &self.config
    }
}
