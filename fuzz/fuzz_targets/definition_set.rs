//! Any bytes as a definition set's file: refused or opened, never a panic. The signature is made
//! right, so that what lies behind it is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_definitions::{DefinitionSet, PartKind, SigningKey};

fuzz_target!(|data: &[u8]| {
    let Ok(key) = SigningKey::from_seed([3; 32]) else { return };
    let path = std::env::temp_dir().join(format!("mimamori-fuzz-{}.mds", std::process::id()));
    let signed = key.signed(data);
    for bytes in [data, signed.as_slice()] {
        if std::fs::write(&path, bytes).is_err() {
            return;
        }
        if let Ok(set) = DefinitionSet::open(&path, &[key.verifying()]) {
            for kind in [PartKind::Rules, PartKind::Names, PartKind::FileHashes] {
                let _ = set.parts(kind).map(|(_, bytes)| bytes.as_ref().len()).sum::<usize>();
            }
        }
    }
});
