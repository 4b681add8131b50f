//! Containers of any kind: no input panics, hangs or unpacks to more than the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_scan::Limits;
use mimamori_scan::unpack::{Budget, decompress_vba, walk};

fuzz_target!(|data: &[u8]| {
    let limits = Limits { member_bytes: 4 << 20, total_bytes: 8 << 20, members: 200, ..Limits::default() };
    let mut budget = Budget::new(limits, data.len() as u64);
    let (mut members, mut bytes) = (0u64, 0u64);
    walk(data, &mut budget, &mut |member, path| {
        assert!(path.len() <= limits.depth as usize);
        members += 1;
        bytes += member.len() as u64;
        true
    });
    // The file itself is a member of its own, and a macro's text comes beside its stream.
    assert!(members <= 1 + 6 * u64::from(limits.members));
    assert!(bytes <= data.len() as u64 + 8 * limits.total_bytes);
    let _ = decompress_vba(data);
});
