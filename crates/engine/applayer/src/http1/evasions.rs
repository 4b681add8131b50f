//! Responses in which a client finds what a parser may miss. Test data, by class.

pub(super) const EICAR: &[u8] = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

/// Responses that all carry EICAR to some client: head, body.
pub(super) fn evasions() -> Vec<(&'static str, Vec<u8>)> {
    let chunked = |size_end: &str| -> Vec<u8> {
        let mut out = Vec::new();
        for part in EICAR.chunks(5) {
            out.extend(format!("{:x}{size_end}", part.len()).into_bytes());
            out.extend(part);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\n\r\n");
        out
    };
    let gz = {
        use flate2::{Compression, write::GzEncoder};
        use std::io::Write as _;
        let mut e = GzEncoder::new(Vec::new(), Compression::default());
        e.write_all(EICAR).unwrap();
        e.finish().unwrap()
    };
    let with = |head: &str, body: &[u8]| [head.as_bytes(), body].concat();
    let te = "HTTP/1.1 200 ok\r\nTransfer-Encoding: chunked\r\n\r\n";
    vec![
        ("plain", with("HTTP/1.1 200 ok\r\nContent-Length: 68\r\n\r\n", EICAR)),
        ("until close", with("HTTP/1.0 200 ok\r\n\r\n", EICAR)),
        ("chunked", with(te, &chunked("\r\n"))),
        ("chunks with blanks", with(te, &chunked(" \t\r\r\n"))),
        ("chunks ended by LF", with(te, &chunked("\n"))),
        ("claims chunks, has none", with(te, EICAR)),
        (
            "folded coding",
            with("HTTP/1.1 200 ok\r\nTransfer-Encoding:\r\n \r\n chunked\r\n\r\n", &chunked("\r\n")),
        ),
        (
            "NUL in name and value",
            with("HTTP/1.1 200 ok\r\nTransfer\0-Encoding: chu\0nked\r\n\r\n", &chunked("\r\n")),
        ),
        (
            "blank before colon",
            with("HTTP/1.1 200 ok\r\nTransfer-Encoding : chunked\r\n\r\n", &chunked("\r\n")),
        ),
        ("two colons", with("HTTP/1.1 200 ok\r\nTransfer-Encoding:: chunked\r\n\r\n", &chunked("\r\n"))),
        (
            "header folded onto another",
            with("HTTP/1.1 200 ok\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n", &chunked("\r\n")),
        ),
        (
            "CR ends lines",
            with("HTTP/1.1 200 ok\rTransfer-Encoding: chunked\rX: y\r\n\r\n", &chunked("\r\n")),
        ),
        ("CR alone ends all", with("HTTP/1.1 200 ok\rContent-Length: 68\r\r", EICAR)),
        (
            "blank line that is no end",
            with("HTTP/1.1 200 ok\r\nA: b\r\n\r\r\r\nTransfer-Encoding: chunked\r\n\r\n", &chunked("\r\n")),
        ),
        ("deformed end", with("HTTP/1.1 200 ok\r\nContent-Length: 68\n \n", EICAR)),
        ("two lengths", with("HTTP/1.1 200 ok\r\nContent-Length: 68\r\nContent-Length: 34\r\n\r\n", EICAR)),
        ("length cut short", with("HTTP/1.1 200 ok\r\nContent-Length: 34, 68\r\n\r\n", EICAR)),
        (
            "junk first",
            with("junk\r\nHTTP/1.1 200 ok\r\nTransfer-Encoding: chunked\r\n\r\n", &chunked("\r\n")),
        ),
        (
            "blank first",
            with(" \r\n\t\r\n\0HTTP/1.1 200 ok\r\nTransfer-Encoding: chunked\r\n\r\n", &chunked("\r\n")),
        ),
        ("odd status", with("http/1.1foobar\r\nTransfer-Encoding: chunked\r\n\r\n", &chunked("\r\n"))),
        ("no head at all", EICAR.to_vec()),
        ("gzip", with("HTTP/1.1 200 ok\r\nContent-Encoding: gzip\r\n\r\n", &gz)),
        ("claims gzip twice", with("HTTP/1.1 200 ok\r\nContent-Encoding: gzip, gzip\r\n\r\n", &gz)),
        ("claims deflate, is gzip", with("HTTP/1.1 200 ok\r\nContent-Encoding: x-deflate;\r\n\r\n", &gz)),
        (
            "claims gzip, is plain",
            with("HTTP/1.1 200 ok\r\nContent-Encoding: gzip\r\nContent-Length: 68\r\n\r\n", EICAR),
        ),
        ("claims brotli, is plain", with("HTTP/1.1 200 ok\r\nContent-Encoding: br\r\n\r\n", EICAR)),
        ("body where none is due", with("HTTP/1.1 204 ok\r\nContent-Length: 68\r\n\r\n", EICAR)),
        (
            "after interim",
            with(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 ok\r\n\r\n",
                EICAR,
            ),
        ),
    ]
}
