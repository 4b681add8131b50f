#![no_main]

#[path = "common/session.rs"]
#[expect(dead_code, reason = "each target uses one of its functions")]
mod session;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((port, rest)) = data.split_first_chunk::<2>() else { return };
    session::any(u16::from_be_bytes(*port), rest);
});
