#![no_main]

#[path = "common/session.rs"]
#[expect(dead_code, reason = "each target uses one of its functions")]
mod session;

use libfuzzer_sys::fuzz_target;
use mimamori_applayer::AppProto;

fuzz_target!(|data: &[u8]| {
    session::streams(AppProto::Nfs, data);
    session::datagrams(AppProto::Nfs, data);
});
