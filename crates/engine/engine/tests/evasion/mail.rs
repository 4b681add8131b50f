//! Section F: mail and FTP.

use crate::frame::{ACK, SYN, Segment};
use crate::office::{Office, PATTERN, talk};

const RULES: &str = "\
alert smtp any any -> any any (file.data; content:\"attack-pattern\"; sid:1;)
alert smtp any any -> any any (file.name; content:\"evil.exe\"; sid:2;)
alert smtp any any -> any any (smtp.mail_from; content:\"bad@\"; sid:3;)
";

fn base64(data: &[u8]) -> String {
    const SET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in data.chunks(3) {
        let bits = group.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for n in 0..4 {
            let letter = char::from(SET[(bits >> (18 - 6 * n) & 63) as usize]);
            out.push(if n <= group.len() { letter } else { '=' });
        }
    }
    out
}

/// What a mail raises, sent by `DATA`.
fn mail(text: &str) -> Vec<u32> {
    let data = format!("{text}\r\n.\r\n");
    talk(
        RULES,
        25,
        &[
            (false, b"220 mx ESMTP\r\n"),
            (true, b"EHLO pc\r\n"),
            (false, b"250-mx\r\n250 PIPELINING\r\n"),
            (true, b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
            (false, b"250 ok\r\n250 ok\r\n354 go\r\n"),
            (true, data.as_bytes()),
            (false, b"250 queued\r\n"),
            (true, b"QUIT\r\n"),
            (false, b"221 bye\r\n"),
        ],
    )
}

fn attachment(head: &str, body: &str) -> String {
    format!(
        "From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"B\"\r\n\r\n--B\r\n\
         Content-Type: text/plain\r\n\r\nhello\r\n--B\r\n{head}\r\n\r\n{body}\r\n--B--\r\n"
    )
}

const NAMED: &str = "Content-Disposition: attachment; filename=evil.exe";

#[test]
fn encodings_of_an_attachment() {
    let plain = base64(PATTERN);
    let dirty: String = plain.chars().flat_map(|c| [c, '*', ' ']).collect();
    let lines: String =
        plain.as_bytes().chunks(3).map(|c| format!("{}\r\n", String::from_utf8_lossy(c))).collect();
    let quoted: String = PATTERN.iter().map(|b| format!("={b:02X}")).collect();
    let soft: String =
        quoted.as_bytes().chunks(9).map(|c| format!("{}=\r\n", String::from_utf8_lossy(c))).collect();
    for (name, coding, body) in [
        ("plain", "7bit", "attack-pattern".to_owned()),
        ("base64", "base64", plain.clone()),
        ("with dirt", "base64", dirty),
        ("in odd lines", "base64", lines),
        ("upper case", "BASE64", plain.clone()),
        ("quoted", "quoted-printable", quoted),
        ("soft ends", "quoted-printable", soft),
    ] {
        let head = format!("{NAMED}\r\nContent-Transfer-Encoding: {coding}");
        assert_eq!(mail(&attachment(&head, &body)), [1, 2], "{name}");
    }
    let uu = "begin 644 evil.exe\r\n..871T86-K+7!A='1E<FX \r\n`\r\nend";
    assert_eq!(mail(&format!("From: a@b\r\n\r\n{uu}")), [1, 2], "uuencode");
}

#[test]
fn parts_in_parts_and_tricks_with_boundaries() {
    let mut text = format!("{NAMED}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}", base64(PATTERN));
    for depth in 0..12 {
        text = format!(
            "Content-Type: multipart/mixed; boundary=B{depth}\r\n\r\n--B{depth}\r\n{text}\r\n--B{depth}--"
        );
    }
    assert_eq!(mail(&format!("MIME-Version: 1.0\r\n{text}")), [1, 2], "twelve deep");
    let body = format!(
        "--x y\r\n{NAMED}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--x y--",
        base64(PATTERN)
    );
    for boundary in [
        "boundary=\"x y\"",
        "Boundary = \"x y\"",
        "charset=a; boundary=\"x y\"; z=1",
        "\r\n boundary=\"x y\"",
    ] {
        let text = format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; {boundary}\r\n\r\n{body}");
        assert_eq!(mail(&text), [1, 2], "{boundary:?}");
    }
    // Never closed.
    let open = attachment(NAMED, "attack-pattern").replace("--B--", "");
    assert_eq!(mail(&open), [1, 2]);
}

#[test]
fn names_of_attachments_in_every_spelling() {
    for name in [
        "filename=\"evil.exe\"",
        "filename=evil.exe; size=3",
        "filename*0=\"evil\"; filename*1=\".exe\"",
        "filename*=utf-8''evil.exe",
        "\r\n\tfilename=\"evil.exe\"",
        "FileName = \"evil.exe\"",
    ] {
        let head = format!("Content-Disposition: attachment; {name}");
        assert_eq!(mail(&attachment(&head, "attack-pattern")), [1, 2], "{name:?}");
    }
    assert_eq!(mail(&attachment("Content-Type: application/x; name=evil.exe", "attack-pattern")), [1, 2]);
}

#[test]
fn mails_in_chunks() {
    let text = attachment(NAMED, "attack-pattern");
    let mut sent = Vec::new();
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(50).collect();
    for (n, piece) in pieces.iter().enumerate() {
        let last = if n + 1 == pieces.len() { " LAST" } else { "" };
        sent.extend(format!("BDAT {}{last}\r\n", piece.len()).into_bytes());
        sent.extend(*piece);
    }
    let turns: [(bool, &[u8]); 5] = [
        (false, b"220 mx ESMTP\r\n"),
        (true, b"EHLO pc\r\nMAIL FROM:<bad@b>\r\nRCPT TO:<c@d>\r\n"),
        (false, b"250-mx\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n"),
        (true, &sent),
        (false, b"250 ok\r\n"),
    ];
    assert_eq!(talk(RULES, 25, &turns), [1, 2, 3]);
}

#[test]
fn pipelined_and_reset_mails() {
    let text = attachment(NAMED, "attack-pattern");
    let data = format!("{text}\r\n.\r\nRSET\r\nMAIL FROM:<bad@b>\r\nRSET\r\nQUIT\r\n");
    let turns: [(bool, &[u8]); 7] = [
        (false, b"220 mx ESMTP\r\n"),
        (true, b"EHLO pc\r\n"),
        (false, b"250 PIPELINING\r\n"),
        (true, b"MAIL FROM:<x@b>\r\nRSET\r\nMAIL FROM:<y@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
        (false, b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
        (true, data.as_bytes()),
        (false, b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n221 bye\r\n"),
    ];
    assert_eq!(talk(RULES, 25, &turns), [1, 2, 3]);
}

#[test]
fn very_long_lines_hide_nothing() {
    let long = "x".repeat(30_000);
    assert_eq!(mail(&attachment(NAMED, &format!("{long}attack-pattern"))), [1, 2], "in a part");
    let head = format!("X-Long: {long}\r\n{NAMED}");
    assert_eq!(mail(&attachment(&head, "attack-pattern")), [1, 2], "in a header");
    let mut office = Office::at_port(RULES, 25);
    office.say(false, b"220 mx ESMTP\r\n");
    office.say(true, format!("EHLO {long}\r\n").as_bytes());
    office.say(false, b"250 ok\r\n");
    office.say(true, b"MAIL FROM:<bad@b>\r\n");
    office.say(false, b"250 ok\r\n");
    office.finish();
    assert_eq!(office.alerts(), [3], "in a command");
}

#[test]
fn mails_without_end_have_a_cap() {
    let mut office = Office::at_port(RULES, 25);
    office.say(false, b"220 mx ESMTP\r\n");
    office.say(true, b"EHLO pc\r\n");
    office.say(false, b"250 ok\r\n");
    for _ in 0..40 {
        office.say(true, &b"MAIL FROM:<x@b>\r\nRSET\r\n".repeat(50));
    }
    office.say(false, &b"250 ok\r\n".repeat(4_000));
    office.say(true, b"MAIL FROM:<bad@b>\r\n");
    office.say(false, b"250 ok\r\n");
    office.finish();
    assert_eq!(office.alerts(), [3]);
}

/// The control connection says where the file will come; the file comes there.
fn ftp(client_says: &str, server_says: &str, data_port: u16, from_client: bool) -> Vec<u32> {
    let rules = "alert ftp-data any any -> any any (file.data; content:\"attack-pattern\"; sid:1;)\n\
        alert ftp-data any any -> any any (file.name; content:\"evil.exe\"; sid:2;)";
    let mut office = Office::at_port(rules, 21);
    office.say(false, b"220 FTP\r\n");
    office.say(true, b"USER u\r\n");
    office.say(false, b"230 in\r\n");
    office.say(true, client_says.as_bytes());
    office.say(false, server_says.as_bytes());
    office.say(true, b"RETR evil.exe\r\n");
    office.say(false, b"150 coming\r\n");
    // The data connection: opened by the client (passive) or by the server (active).
    let talk = |flags, mine: bool, seq, ack, data: &[u8]| {
        let mut s = Segment::new(mine == from_client, flags, seq, ack, data);
        if from_client {
            (s.client_port, s.port) = (41_000, data_port);
        } else {
            (s.client_port, s.port) = (data_port, 20);
        }
        s
    };
    let mut send = |s: Segment| office.frame(s.from_client, &s.frame());
    send(talk(SYN, true, 100, 0, b""));
    send(talk(SYN | ACK, false, 900, 101, b""));
    send(talk(ACK, true, 101, 901, b""));
    // The file always comes from the server.
    if from_client {
        send(talk(ACK, false, 901, 101, PATTERN));
        send(talk(ACK, true, 101, 915, b""));
        send(talk(ACK | 1, false, 915, 101, b""));
    } else {
        send(talk(ACK, true, 101, 901, PATTERN));
        send(talk(ACK, false, 901, 115, b""));
        send(talk(ACK | 1, true, 115, 901, b""));
    }
    office.finish();
    office.alerts()
}

#[test]
fn files_of_ftp_are_found_by_each_kind_of_port() {
    let passive = "227 Entering Passive Mode (198,51,100,9,195,80)\r\n";
    assert_eq!(ftp("PASV\r\n", passive, 50_000, true), [1, 2], "PASV");
    assert_eq!(ftp("EPSV\r\n", "229 Extended (|||50000|)\r\n", 50_000, true), [1, 2], "EPSV");
    assert_eq!(ftp("PORT 192,168,1,5,195,80\r\n", "200 ok\r\n", 50_000, false), [1, 2], "PORT");
    assert_eq!(ftp("EPRT |1|192.168.1.5|50000|\r\n", "200 ok\r\n", 50_000, false), [1, 2], "EPRT");
}
