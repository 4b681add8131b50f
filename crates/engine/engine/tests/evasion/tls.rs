//! Section E: the names in TLS, however the hello comes.

use crate::frame::len16;
use crate::office::{Office, talk};

const RULES: &str = "\
alert tls any any -> any any (tls.sni; content:\"bad.example\"; sid:1;)
alert tls any any -> any any (tls.sni; content:\"203.0.113.7\"; sid:2;)
alert tls any any -> any any (tls.cert_subject; content:\"CN=bad.example\"; sid:3;)
";

pub fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &len16(body.len()), body].concat()
}

pub fn sni(name: &[u8]) -> Vec<u8> {
    let entry = [&[0][..], &len16(name.len()), name].concat();
    extension(0, &[&len16(entry.len())[..], &entry].concat())
}

pub fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let all = extensions.concat();
    [&[3, 3][..], &[7; 32], &[0], &[0, 4, 0x13, 1, 0x0a, 0x0a], &[1, 0], &len16(all.len()), &all].concat()
}

pub fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&[kind, len[1], len[2], len[3]][..], body].concat()
}

/// A message in records of `size`.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &len16(part.len()), part].concat()).collect()
}

fn server_hello() -> Vec<u8> {
    let body = [&[3, 3][..], &[8; 32], &[0], &[0x13, 1], &[0], &[0, 0]].concat();
    records(&handshake(2, &body), 4_000)
}

fn seen(extensions: &[Vec<u8>], size: usize) -> Vec<u32> {
    let client = records(&handshake(1, &hello(extensions)), size);
    talk(RULES, 443, &[(true, &client), (false, &server_hello())])
}

#[test]
fn a_hello_over_segments_and_records() {
    // Each in segments of 1, 7, 100 and 1,400 bytes, too (`talk`).
    for size in [1, 2, 5, 50, 16_000] {
        assert_eq!(seen(&[sni(b"bad.example")], size), [1], "records of {size}");
    }
}

#[test]
fn a_hello_larger_than_a_segment() {
    // As with the key shares of ML-KEM: the name before and after them.
    let share = extension(51, &[&len16(1_220)[..], &[0x11, 0xec, 4, 0xc0], &[9; 1_216]].concat());
    assert_eq!(seen(&[share.clone(), sni(b"bad.example")], 16_000), [1]);
    assert_eq!(seen(&[sni(b"bad.example"), share.clone(), share], 900), [1]);
}

#[test]
fn records_of_nothing_and_others_between() {
    let message = handshake(1, &hello(&[sni(b"bad.example")]));
    let (a, b) = message.split_at(20);
    for between in [&[22, 3, 1, 0, 0][..], &[21, 3, 1, 0, 2, 1, 0], &[20, 3, 1, 0, 1, 1]] {
        let client = [&records(a, 4_000)[..], between, &records(b, 4_000)].concat();
        let sids = talk(RULES, 443, &[(true, &client), (false, &server_hello())]);
        assert!(sids == [1] || between[0] == 20, "{between:?}");
    }
}

#[test]
fn names_of_every_spelling() {
    for name in [&b"bad.example"[..], b"BAD.Example", b"bad.example."] {
        let sids = seen(&[sni(name)], 16_000);
        // `tls.sni` is as it was sent; the lists compare without case and without the last dot.
        assert!(sids == [1] || name == b"BAD.Example", "{:?}", String::from_utf8_lossy(name));
    }
    let nocase = "alert tls any any -> any any (tls.sni; content:\"bad.example\"; nocase; sid:1;)";
    let client = records(&handshake(1, &hello(&[sni(b"BAD.Example.")])), 4_000);
    assert_eq!(talk(nocase, 443, &[(true, &client), (false, &server_hello())]), [1]);
    assert_eq!(seen(&[sni(b"203.0.113.7")], 16_000), [2], "an address");
    assert_eq!(seen(&[sni(b"xn--r8jz45g.bad.example")], 16_000), [1], "IDN");
    assert!(seen(&[sni(b"")], 16_000).is_empty());
    assert!(seen(&[], 16_000).is_empty(), "no name at all");
}

#[test]
fn no_name_is_told_apart_from_an_empty_one() {
    let rules = "alert tls any any -> any any (tls.sni; bsize:0; sid:1;)\n\
        alert tls any any -> any any (ssl_state:client_hello; sid:2;)";
    for extensions in [vec![], vec![sni(b"")]] {
        let client = records(&handshake(1, &hello(&extensions)), 4_000);
        assert!(talk(rules, 443, &[(true, &client), (false, &server_hello())]).contains(&2));
    }
}

#[test]
fn the_outer_name_of_an_encrypted_hello() {
    let encrypted =
        extension(0xfe0d, &[&[0, 0, 1, 0, 1, 5, 0, 32][..], &[7; 32], &[0, 64], &[9; 64]].concat());
    assert_eq!(seen(&[encrypted, sni(b"bad.example")], 16_000), [1]);
}

#[test]
fn grease_odd_alpn_and_lengths_that_lie() {
    let grease = extension(0x0a0a, &[]);
    let alpn = extension(16, &[&[0, 7, 6][..], b"\xff\xfeh\x002\x80"].concat());
    assert_eq!(seen(&[grease.clone(), alpn.clone(), sni(b"bad.example")], 16_000), [1]);
    let ja4 = "alert tls any any -> any any (ja4.hash; content:\"t\"; startswith; sid:1;)";
    let client = records(&handshake(1, &hello(&[alpn, sni(b"x.example")])), 4_000);
    assert_eq!(
        talk(ja4, 443, &[(true, &client), (false, &server_hello())]),
        [1],
        "a fingerprint all the same"
    );
    // Every byte of a hello turned: nothing panics, and any cut says the same.
    let whole = records(&handshake(1, &hello(&[grease, sni(b"bad.example")])), 4_000);
    for at in 0..whole.len() {
        let mut wrong = whole.clone();
        wrong[at] ^= 0xff;
        let mut office = Office::at_port(RULES, 443);
        office.say(true, &wrong);
        office.finish();
    }
}

/// A certificate whose names have a NUL in them.
fn certificate(cn: &[u8], san: &[u8]) -> Vec<u8> {
    fn der(tag: u8, body: &[u8]) -> Vec<u8> {
        let len = len16(body.len());
        [&[tag, 0x82, len[0], len[1]][..], body].concat()
    }
    let name = |cn: &[u8]| {
        let pair = [der(6, &[0x55, 4, 3]), der(0x0c, cn)].concat();
        der(0x30, &der(0x31, &der(0x30, &pair)))
    };
    let algorithm = der(0x30, &[der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]), vec![]].concat());
    let dates = der(0x30, &[der(0x17, b"250101000000Z"), der(0x17, b"300101000000Z")].concat());
    let point = [&[0, 4][..], &[1; 64]].concat();
    let curve =
        [der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])];
    let key = der(0x30, &[der(0x30, &curve.concat()), der(3, &point)].concat());
    let alt = der(4, &der(0x30, &der(0x82, san)));
    let extensions = der(0xa3, &der(0x30, &der(0x30, &[der(6, &[0x55, 0x1d, 0x11]), alt].concat())));
    let parts = [
        der(0xa0, &der(2, &[2])),
        der(2, &[1]),
        algorithm.clone(),
        name(b"issuer"),
        dates,
        name(cn),
        key,
        extensions,
    ];
    der(0x30, &[der(0x30, &parts.concat()), algorithm, der(3, &[0, 1, 2, 3])].concat())
}

fn certificates(list: &[Vec<u8>]) -> Vec<u8> {
    let len24 = |n: usize| u32::try_from(n).expect("short").to_be_bytes()[1..].to_vec();
    let all: Vec<u8> = list.iter().flat_map(|c| [len24(c.len()), c.clone()].concat()).collect();
    handshake(11, &[len24(all.len()), all].concat())
}

#[test]
fn names_with_a_nul_in_certificates() {
    let client = records(&handshake(1, &hello(&[])), 4_000);
    for (cn, san) in
        [(&b"bad.example"[..], &b"a\0b"[..]), (b"bad.example\0.good.example", b"\0"), (b"bad.example", b"")]
    {
        let server = [server_hello(), records(&certificates(&[certificate(cn, san)]), 300)].concat();
        assert_eq!(talk(RULES, 443, &[(true, &client), (false, &server)]), [3], "{cn:?} {san:?}");
    }
}

#[test]
fn very_long_chains() {
    // The first is looked at; a chain longer than what is kept is given up, not the session.
    let chain: Vec<Vec<u8>> = (0..40).map(|_| certificate(b"bad.example", &[b'x'; 2_000])).collect();
    let client = records(&handshake(1, &hello(&[sni(b"bad.example")])), 4_000);
    let server = [server_hello(), records(&certificates(&chain), 16_000)].concat();
    assert_eq!(talk(RULES, 443, &[(true, &client), (false, &server)]), [1, 3]);
    let endless: Vec<Vec<u8>> = (0..400).map(|_| certificate(b"x.example", &[b'x'; 2_000])).collect();
    let mut office = Office::at_port(RULES, 443);
    office.say(true, &client);
    office.say(false, &[server_hello(), records(&certificates(&endless), 16_000)].concat());
    office.finish();
    assert!(office.alerts().contains(&1));
}

#[test]
fn a_hello_of_ssl_2_leads_to_the_certificate() {
    // A hello of version 2 that offers version 3: the server answers in TLS.
    let body = [&[1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 4][..], &[5; 16]].concat();
    let client = [&[0x80, u8::try_from(body.len()).expect("short")][..], &body].concat();
    let server =
        [server_hello(), records(&certificates(&[certificate(b"bad.example", b"x")]), 4_000)].concat();
    assert_eq!(talk(RULES, 443, &[(true, &client), (false, &server)]), [3]);
}

#[test]
fn a_second_hello() {
    // After a retry request, and without one: both names count.
    let first = records(&handshake(1, &hello(&[sni(b"good.example")])), 4_000);
    let second = records(&handshake(1, &hello(&[sni(b"bad.example")])), 4_000);
    let retry: [u8; 32] = *b"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
    let request = [&[3, 3][..], &retry, &[0, 0x13, 1, 0, 0, 6, 0, 51, 0, 2, 0, 23]].concat();
    let request = records(&handshake(2, &request), 4_000);
    let turns: [(bool, &[u8]); 3] = [(true, &first), (false, &request), (true, &second)];
    assert_eq!(talk(RULES, 443, &turns), [1], "after a retry request");
    let both = [first, second].concat();
    assert_eq!(talk(RULES, 443, &[(true, &both), (false, &server_hello())]), [1], "at once");
}

#[test]
fn after_starttls() {
    let client = records(&handshake(1, &hello(&[sni(b"bad.example")])), 4_000);
    let server = server_hello();
    let smtp: [(bool, &[u8]); 6] = [
        (false, b"220 mx ESMTP\r\n"),
        (true, b"EHLO pc\r\n"),
        (false, b"250-mx\r\n250 STARTTLS\r\n"),
        (true, b"STARTTLS\r\n"),
        (false, b"220 go\r\n"),
        (true, &client),
    ];
    fn with<'a>(turns: &[(bool, &'a [u8])], last: &'a [u8]) -> Vec<(bool, &'a [u8])> {
        [turns, &[(false, last)]].concat()
    }
    assert_eq!(talk(RULES, 25, &with(&smtp, &server)), [1], "SMTP");
    let pop3: [(bool, &[u8]); 4] =
        [(false, b"+OK ready\r\n"), (true, b"STLS\r\n"), (false, b"+OK go\r\n"), (true, &client)];
    assert_eq!(talk(RULES, 110, &with(&pop3, &server)), [1], "POP3");
    let imap: [(bool, &[u8]); 4] = [
        (false, b"* OK IMAP4rev1 ready\r\n"),
        (true, b"a1 STARTTLS\r\n"),
        (false, b"a1 OK go\r\n"),
        (true, &client),
    ];
    assert_eq!(talk(RULES, 143, &with(&imap, &server)), [1], "IMAP");
    let ftp: [(bool, &[u8]); 4] =
        [(false, b"220 FTP\r\n"), (true, b"AUTH TLS\r\n"), (false, b"234 go\r\n"), (true, &client)];
    assert_eq!(talk(RULES, 21, &with(&ftp, &server)), [1], "FTP");
}
