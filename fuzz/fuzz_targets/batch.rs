//! What a gateway posts: bytes unpack within the limit or are refused, and what unpacks is a batch
//! or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_ingest::unpack::unpack;
use mimamori_report::{Batch, MAX_BATCH_BYTES};

fuzz_target!(|data: &[u8]| {
    if let Ok(plain) = unpack(data) {
        assert!(plain.len() <= MAX_BATCH_BYTES);
        let _ = Batch::decode(&plain);
    }
});
