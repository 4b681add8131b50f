//! Bodies that claim to be encoded, wild: nothing panics, any cut gives the same, output is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_files::decode::{Coding, Decoder, Limits};

fuzz_target!(|data: &[u8]| {
    let [how, cut, body @ ..] = data else { return };
    let codings: Vec<Coding> = (0..how % 4)
        .map(|i| match how >> (2 + 2 * i) & 3 {
            0 => Coding::Brotli,
            1 => Coding::Lzma,
            _ => Coding::Inflate,
        })
        .collect();
    let piece = usize::from(*cut) + 1;
    assert_eq!(run(&codings, body, piece), run(&codings, body, usize::MAX));
});

fn run(codings: &[Coding], body: &[u8], piece: usize) -> Vec<u8> {
    let limits = Limits { bomb_bytes: 1 << 20, output_bytes: 1 << 22, ..Limits::default() };
    let mut d = Decoder::new(codings, limits);
    let mut out = Vec::new();
    for part in body.chunks(piece) {
        d.push(part, &mut |o| out.extend_from_slice(o));
    }
    d.finish(&mut |o| out.extend_from_slice(o));
    assert!(out.len() <= (1 << 22) + body.len());
    out
}
