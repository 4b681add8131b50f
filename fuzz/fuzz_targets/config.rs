//! A gateway's configuration and single options of the engine: read or refused with a line of the
//! text, never a panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mimamori_engine::EngineConfig;
use mimamori_gateway::config::GatewayConfig;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Err(error) = GatewayConfig::parse(Path::new("gateway.toml"), &text) {
        assert!(!error.to_string().is_empty());
    }
    let mut config = EngineConfig::default();
    for line in text.lines().take(64) {
        if let Some((key, value)) = line.split_once('=') {
            let _ = config.set(key.trim(), value.trim());
        }
    }
});
