//! No text makes the parser panic.

use mimamori_rules::{
    ParseContext, Vars, parse_classifications, parse_references, parse_rules, parse_thresholds,
};
use proptest::prelude::*;

/// Pieces of rules, so that the parser gets beyond the first word.
const PIECES: &[&str] = &[
    "alert ",
    "tcp ",
    "http ",
    "any any -> any any ",
    "$HOME_NET ",
    "[1:2,!3] ",
    "(",
    ")",
    ";",
    ":",
    ",",
    "\"",
    "!",
    "msg:\"x\";",
    "sid:1;",
    "content:\"",
    "|41 42|",
    "depth:",
    "offset:-1;",
    "within:5;",
    "distance:x;",
    "nocase;",
    "pcre:\"/a",
    "/i\";",
    "http.uri;",
    "file.data;",
    "http_uri;",
    "flow:",
    "established",
    "byte_test:1,>,2,3",
    "byte_extract:1,0,x;",
    "byte_jump:4,0",
    ",relative",
    "bsize:",
    "<>",
    "1",
    "0",
    "99999999999999999999",
    "base64_decode:",
    "base64_data;",
    "flowbits:set,a;",
    "threshold:",
    "type limit, ",
    "xor:\"00\";",
    "absent;",
    "subslice:1,-2;",
    "asn1:oversize_length 1;",
    "urilen:5;",
    "\\",
    "\n",
    "é",
    "\u{0}",
    "requires:version >= 1;",
];

proptest! {
    #[test]
    fn any_pieces(indexes in prop::collection::vec(0..PIECES.len(), 0..30)) {
        let text: String = indexes.iter().map(|i| PIECES[*i]).collect();
        let whole = format!("alert http any any -> any any ({text} sid:1;)\n{text}");
        let _ = parse_rules(&whole, &ParseContext::default());
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        let _ = parse_rules(&text, &ParseContext::default());
        let _ = parse_classifications(&text);
        let _ = parse_references(&text);
        let _ = parse_thresholds(&text, &Vars::standard());
    }
}
