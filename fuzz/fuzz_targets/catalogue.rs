//! A catalogue made of any text, asked about any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_catalogue::{Catalogue, Categories, Facts};

fuzz_target!(|data: (&str, &[u8])| {
    let (text, bytes) = data;
    let (catalogue, _) = Catalogue::read(text);
    let facts = Facts { host: Some(bytes), protocol: 6, heads: [bytes, bytes], ..Facts::default() };
    let _ = catalogue.look_up(&facts);
    let mut builder = Categories::builder((1, 2));
    builder.text(text);
    assert!(builder.build().of(bytes).count() <= 256);
});
