//! Conversations made for the tests, with what must be seen in them.

use mimamori_applayer::AppProto;
use mimamori_base::Direction::{self, ToClient, ToServer};

use crate::Turn;

pub struct Talk {
    pub name: &'static str,
    pub proto: AppProto,
    pub port: u16,
    pub turns: Vec<Turn>,
    pub wants: &'static [&'static str],
}

fn turns(list: &[(Direction, &[u8])]) -> Vec<Turn> {
    list.iter().map(|(dir, bytes)| Turn::Bytes(*dir, bytes.to_vec())).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

pub fn all() -> Vec<Talk> {
    vec![dns(), smtp(), smtp_chunks(), ftp(), ssh(), pop3(), imap(), tls(), dcerpc(), smb2()]
}

fn dns() -> Talk {
    let query =
        b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";
    let answer =
        b"\x00\x2d\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x01\x02\x03\x04";
    Talk {
        name: "DNS over TCP",
        proto: AppProto::Dns,
        port: 53,
        turns: turns(&[(ToServer, query), (ToClient, answer)]),
        wants: &["\"example.com\"", "\"1.2.3.4\"", "NOERROR"],
    }
}

const MAIL: &[u8] = b"From: a@b\r\nTo: \"x, y\" <c@d>,\r\n e@f\r\nSubject: hi\r\n\
    Content-Type: multipart/mixed; boundary=\"BB\"\r\n\r\npreamble\r\n--BB\r\n\
    Content-Type: text/plain\r\n\r\nsee http://bad.example/x now\r\nbegin 644 c.txt\r\n#0V%T\r\n`\r\nend\r\n--BB\r\n\
    Content-Type: application/zip;\r\n name*0=\"long\"; name*1=\".zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    SGVsbG8g\r\nd29y*bGQ\r\n--BB\r\nContent-Disposition: attachment; filename=q.txt\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n..dot\r\n--BB--\r\nepilogue\r\n";

fn smtp() -> Talk {
    let mut data = MAIL.to_vec();
    data.extend_from_slice(b".\r\nQUIT\r\n");
    Talk {
        name: "SMTP with attachments",
        proto: AppProto::Smtp,
        port: 25,
        turns: turns(&[
            (ToClient, b"220 mx ESMTP\r\n"),
            (ToServer, b"EHLO pc.example\r\n"),
            (ToClient, b"250-mx\r\n250 PIPELINING\r\n"),
            (ToServer, b"MAIL FROM:<a@b> SIZE=10\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
            (ToClient, b"250 ok\r\n250 ok\r\n354 go\r\n"),
            (ToServer, &data),
            (ToClient, b"250 queued\r\n221 bye\r\n"),
        ]),
        wants: &[
            "\"<a@b>\"",
            "\"pc.example\"",
            "long.zip",
            "bad.example/x",
            "q.txt",
            "c.txt",
            "PARSE_DONE",
            "mime_invalid_base64",
        ],
    }
}

fn smtp_chunks() -> Talk {
    let mut sent = format!("BDAT {} LAST\r\n", MAIL.len()).into_bytes();
    sent.extend_from_slice(MAIL);
    sent.extend_from_slice(b"MAIL FROM:<second@b>\r\n");
    Talk {
        name: "SMTP with BDAT",
        proto: AppProto::Smtp,
        port: 25,
        turns: turns(&[
            (ToClient, b"220 mx ESMTP\r\n"),
            (ToServer, b"EHLO pc\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"),
            (ToClient, b"250 ok\r\n250 ok\r\n250 ok\r\n"),
            (ToServer, &sent),
        ]),
        wants: &["long.zip", "PARSE_DONE", "<second@b>"],
    }
}

fn ftp() -> Talk {
    Talk {
        name: "FTP",
        proto: AppProto::Ftp,
        port: 21,
        turns: turns(&[
            (ToClient, b"220-Welcome\r\n220 FTP ready\r\n"),
            (ToServer, b"USER bob\r\n"),
            (ToClient, b"331 Password?\r\n"),
            (ToServer, b"PASS x\r\nPASV\r\n"),
            (ToClient, b"230 in\r\n227 Entering Passive Mode (10,0,0,1,4,1)\r\n"),
            (ToServer, b"RETR a.exe\r\n"),
            (ToClient, b"150 opening\r\n226 done\r\n"),
        ]),
        wants: &["\"bob\"", "1025", "passive", "\"226\"", "a.exe"],
    }
}

fn ssh() -> Talk {
    let mut kex = vec![0u8; 16];
    for list in ["kex-a", "key", "enc-c", "enc-s", "mac-c", "mac-s", "none", "zlib", "", ""] {
        kex.extend_from_slice(&(list.len() as u32).to_be_bytes());
        kex.extend_from_slice(list.as_bytes());
    }
    kex.extend_from_slice(&[0; 5]);
    let packet = |kind: u8, payload: &[u8]| {
        let mut p = ((payload.len() + 2 + 4) as u32).to_be_bytes().to_vec();
        p.extend_from_slice(&[4, kind]);
        p.extend_from_slice(payload);
        p.extend_from_slice(&[0; 4]);
        p
    };
    let side = |banner: &[u8]| {
        let mut bytes = banner.to_vec();
        bytes.extend(packet(20, &kex));
        bytes.extend(packet(21, &[]));
        bytes.extend_from_slice(b"encrypted");
        bytes
    };
    Talk {
        name: "SSH",
        proto: AppProto::Ssh,
        port: 22,
        turns: turns(&[(ToClient, &side(b"SSH-2.0-srv_1 x\r\n")), (ToServer, &side(b"SSH-2.0-cli_2\n"))]),
        wants: &["srv_1", "cli_2", "kex-a;enc-c;mac-c;none", "kex-a;enc-s;mac-s;zlib"],
    }
}

fn pop3() -> Talk {
    let mut mail = b"+OK 500 octets\r\n".to_vec();
    mail.extend_from_slice(MAIL);
    mail.extend_from_slice(b".\r\n");
    Talk {
        name: "POP3",
        proto: AppProto::Pop3,
        port: 110,
        turns: turns(&[
            (ToClient, b"+OK ready\r\n"),
            (ToServer, b"USER u\r\nPASS secret\r\n"),
            (ToClient, b"+OK\r\n+OK in\r\n"),
            (ToServer, b"RETR 1\r\n"),
            (ToClient, &mail),
        ]),
        wants: &["\"RETR\"", "long.zip", "q.txt"],
    }
}

fn imap() -> Talk {
    let mut mail = format!("* 1 FETCH (BODY[] {{{}}}\r\n", MAIL.len()).into_bytes();
    mail.extend_from_slice(MAIL);
    mail.extend_from_slice(b")\r\na2 OK done\r\n");
    Talk {
        name: "IMAP",
        proto: AppProto::Imap,
        port: 143,
        turns: turns(&[
            (ToClient, b"* OK IMAP4rev1 ready\r\n"),
            (ToServer, b"a1 LOGIN u p\r\na2 FETCH 1 BODY[]\r\n"),
            (ToClient, b"a1 OK\r\n"),
            (ToClient, &mail),
        ]),
        wants: &["long.zip", "q.txt"],
    }
}

fn tls() -> Talk {
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.push(0);
    hello.extend_from_slice(&[0, 4, 0x13, 1, 0x0a, 0x0a, 1, 0]);
    let sni = b"\x00\x00\x00\x10\x00\x0e\x00\x00\x0bexample.com";
    let alpn = b"\x00\x10\x00\x05\x00\x03\x02h2";
    hello.extend_from_slice(&((sni.len() + alpn.len()) as u16).to_be_bytes());
    hello.extend_from_slice(sni);
    hello.extend_from_slice(alpn);
    let mut message = vec![1, 0, 0, hello.len() as u8];
    message.extend_from_slice(&hello);
    // The hello over two records.
    let mut bytes = Vec::new();
    for part in message.chunks(40) {
        bytes.extend_from_slice(&[22, 3, 1, 0, part.len() as u8]);
        bytes.extend_from_slice(part);
    }
    let server = unhex(
        "1603030031 0200002d 0303 0808080808080808080808080808080808080808080808080808080808080808 00 1301 00 0005 00170001 00",
    );
    Talk {
        name: "TLS",
        proto: AppProto::Tls,
        port: 443,
        turns: turns(&[(ToServer, &bytes), (ToClient, &server)]),
        wants: &["\"example.com\"", "\"h2\"", "771,4865,0-16,,", "ja4"],
    }
}

fn dcerpc() -> Talk {
    let bind = unhex(
        "05000b03 10000000 4800 0000 01000000 b810b810 00000000 01000000 0000 0100 \
         81bb7a36 4498 f135 ad32 98f038001003 0200 0000 045d888aeb1cc9119fe808002b104860 02000000",
    );
    let ack = unhex(
        "05000c03 10000000 3800 0000 01000000 b810b810 00000000 0000 0000 01000000 0000 0000 \
         045d888aeb1cc9119fe808002b104860 02000000",
    );
    let request = unhex("05000003 10000000 1c00 0000 02000000 04000000 0000 0f00 deadbeef");
    let response = unhex("05000203 10000000 1a00 0000 02000000 02000000 0000 0000 cafe");
    Talk {
        name: "DCE/RPC",
        proto: AppProto::DceRpc,
        port: 135,
        turns: turns(&[(ToServer, &bind), (ToClient, &ack), (ToServer, &request), (ToClient, &response)]),
        wants: &["367abb81-9844-35f1-ad32-98f038001003", "\"opnum\":15", "BINDACK", "RESPONSE"],
    }
}

fn smb2_message(command: u16, response: bool, id: u64, body: &[u8]) -> Vec<u8> {
    let mut m = b"\xfeSMB\x40\x00\x00\x00\x00\x00\x00\x00".to_vec();
    m.extend_from_slice(&command.to_le_bytes());
    m.extend_from_slice(&[1, 0]);
    m.extend_from_slice(&u32::from(response).to_le_bytes());
    m.extend_from_slice(&[0; 4]);
    m.extend_from_slice(&id.to_le_bytes());
    m.extend_from_slice(&[0; 4]);
    m.extend_from_slice(&5u32.to_le_bytes());
    m.extend_from_slice(&9u64.to_le_bytes());
    m.extend_from_slice(&[0; 16]);
    m.extend_from_slice(body);
    let mut framed = (m.len() as u32).to_be_bytes().to_vec();
    framed.extend_from_slice(&m);
    framed
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn smb2() -> Talk {
    let path = utf16("\\\\srv\\data");
    let mut tree = unhex("0900 0000 4800");
    tree.extend_from_slice(&(path.len() as u16).to_le_bytes());
    tree.extend_from_slice(&path);
    let tree_ok = unhex("1000 01 00 00000000 00000000 ff011f00");
    let name = utf16("evil.exe");
    let mut create = unhex(
        "3900 00 00 00000000 0000000000000000 0000000000000000 00000000 00000000 00000000 02000000 00000000 7800",
    );
    create.extend_from_slice(&(name.len() as u16).to_le_bytes());
    create.extend_from_slice(&[0; 8]);
    create.extend_from_slice(&name);
    let mut create_ok = unhex("5900 00 00 01000000");
    create_ok.extend_from_slice(&[0; 56]);
    create_ok.extend_from_slice(&[0xaa; 16]);
    let data = vec![b'Z'; 3000];
    let mut write = unhex("3100 7000");
    write.extend_from_slice(&(data.len() as u32).to_le_bytes());
    write.extend_from_slice(&[0; 8]);
    write.extend_from_slice(&[0xaa; 16]);
    write.extend_from_slice(&[0; 16]);
    write.extend_from_slice(&data);
    let mut close = unhex("1800 0000 00000000");
    close.extend_from_slice(&[0xaa; 16]);
    let client = [
        smb2_message(3, false, 1, &tree),
        smb2_message(5, false, 2, &create),
        smb2_message(9, false, 3, &write),
        smb2_message(6, false, 4, &close),
    ];
    let server = [
        smb2_message(3, true, 1, &tree_ok),
        smb2_message(5, true, 2, &create_ok),
        smb2_message(9, true, 3, &unhex("1100 0000 b80b0000")),
        smb2_message(6, true, 4, &[0x3c, 0]),
    ];
    let pairs = client.iter().zip(&server);
    let list: Vec<(Direction, &[u8])> =
        pairs.flat_map(|(c, s)| [(ToServer, c.as_slice()), (ToClient, s.as_slice())]).collect();
    Talk {
        name: "SMB 2",
        proto: AppProto::Smb,
        port: 445,
        turns: turns(&list),
        wants: &["evil.exe", "\\\\\\\\srv\\\\data", "3000 Closed"],
    }
}
