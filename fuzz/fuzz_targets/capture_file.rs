#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_capture::CaptureReader;

// A capture from anywhere: frames until the end or one clear error, never a panic.
fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = CaptureReader::new(data) else { return };
    while let Ok(Some(frame)) = reader.next_frame() {
        assert!(frame.bytes.len() <= data.len());
    }
});
