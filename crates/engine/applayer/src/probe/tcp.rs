//! How protocols over TCP begin.

use mimamori_base::Direction;

use crate::config::AppLayerConfig;
use crate::dns::message::looks_like;
use crate::probe::{Answer, Ask, Probe, all, any, has_at, starts_nocase};
use crate::proto::AppProto;

/// In the order in which they are asked: exact patterns before guesses by port.
pub(super) const CANDIDATES: &[(AppProto, Ask)] = &[
    (AppProto::Http2, http2),
    (AppProto::Http1, http1),
    (AppProto::Tls, tls),
    (AppProto::Ssh, ssh),
    (AppProto::Smb, smb),
    (AppProto::DceRpc, dcerpc),
    (AppProto::Smtp, smtp),
    (AppProto::Pop3, pop3),
    (AppProto::Ftp, ftp),
    (AppProto::Imap, imap),
    (AppProto::Rfb, rfb),
    (AppProto::Mqtt, mqtt),
    (AppProto::Sip, sip),
    (AppProto::Rdp, rdp),
    (AppProto::Ldap, ldap),
    (AppProto::Krb5, krb5),
    (AppProto::Nfs, nfs),
    (AppProto::Dns, dns),
];

/// Those that only the server's port tells from others.
pub(super) const BY_PORT: &[(AppProto, Ask)] =
    &[(AppProto::Ldap, ldap), (AppProto::Krb5, krb5), (AppProto::Dns, dns)];

const HTTP_METHODS: &[&[u8]] = &[
    b"GET",
    b"PUT",
    b"POST",
    b"HEAD",
    b"TRACE",
    b"OPTIONS",
    b"CONNECT",
    b"DELETE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"CHECKIN",
    b"UPDATE",
    b"LABEL",
    b"REPORT",
    b"MKWORKSPACE",
    b"MKACTIVITY",
    b"MERGE",
    b"INVALID",
    b"VERSION-CONTROL",
    b"BASELINE-CONTROL",
];

fn server_port(p: &Probe<'_>, ports: &[u16]) -> bool {
    ports.contains(&p.server_port)
}

fn http2(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    match p.dir {
        Direction::ToServer => has_at(p.bytes, 0, b"PRI * HTTP/2.0\r\n"),
        // A server's first frame is SETTINGS on stream 0 (RFC 9113 3.4).
        Direction::ToClient => all([
            has_at(p.bytes, 0, &[0]),
            p.bytes.get(2).map_or(Answer::Maybe, |n| yes(*n < 61 && n % 6 == 0)),
            has_at(p.bytes, 3, &[4]),
            p.bytes.get(4).map_or(Answer::Maybe, |flags| yes(*flags <= 1)),
            has_at(p.bytes, 5, &[0, 0, 0, 0]),
        ]),
    }
}

fn yes(it: bool) -> Answer {
    if it { Answer::Yes } else { Answer::No }
}

fn http1(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let request = any(HTTP_METHODS.iter().map(|method| {
        let then = p.bytes.get(method.len());
        match (starts_nocase(p.bytes, method), then) {
            (Answer::Yes, Some(b' ' | b'\t')) => Answer::Yes,
            (Answer::Yes, None) | (Answer::Maybe, _) => Answer::Maybe,
            _ => Answer::No,
        }
    }));
    let response = any([
        starts_nocase(p.bytes, b"HTTP/0.9"),
        starts_nocase(p.bytes, b"HTTP/1.0"),
        starts_nocase(p.bytes, b"HTTP/1.1"),
    ]);
    by_direction(p, request, response)
}

/// Patterns that only clients and only servers send.
fn by_direction(p: &Probe<'_>, request: Answer, response: Answer) -> Answer {
    let (own, foreign) = match p.dir {
        Direction::ToServer => (request, response),
        Direction::ToClient => (response, request),
    };
    match (own, foreign) {
        (Answer::No, Answer::Yes) if p.may_reverse => Answer::Reversed,
        (Answer::No, Answer::Maybe) if p.may_reverse => Answer::Maybe,
        _ => own,
    }
}

fn tls(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let record = any((0..=4).map(|minor| has_at(p.bytes, 0, &[0x16, 3, minor])));
    let compatible_hello = any([
        has_at(p.bytes, 2, &[1, 0, 2]),
        has_at(p.bytes, 2, &[1, 3, 0]),
        has_at(p.bytes, 2, &[1, 3, 1]),
        has_at(p.bytes, 2, &[1, 3, 2]),
        has_at(p.bytes, 2, &[1, 3, 3]),
    ]);
    let sslv2_client = all([p.bytes.first().map_or(Answer::Maybe, |b| yes(b & 0x80 != 0)), compatible_hello]);
    // ServerHello of SSLv2: type 4, hit, certificate type, version 2.
    let sslv2_server = all([
        p.bytes.first().map_or(Answer::Maybe, |b| yes(b & 0x80 != 0)),
        has_at(p.bytes, 2, &[4]),
        has_at(p.bytes, 5, &[0, 2]),
    ]);
    match p.dir {
        Direction::ToServer => any([record, sslv2_client]),
        Direction::ToClient => any([record, sslv2_server]),
    }
}

fn ssh(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    has_at(p.bytes, 0, b"SSH-")
}

fn smb(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let session_request = all([
        yes(server_port(p, &[139])),
        any([has_at(p.bytes, 0, &[0x81, 0, 0]), has_at(p.bytes, 0, &[0x82, 0, 0, 0])]),
    ]);
    let message = all([
        has_at(p.bytes, 0, &[0]),
        any([has_at(p.bytes, 4, b"\xffSMB"), has_at(p.bytes, 4, b"\xfeSMB"), has_at(p.bytes, 4, b"\xfdSMB")]),
    ]);
    let answer = any([session_request, message]);
    if answer != Answer::Yes || !p.may_reverse {
        return answer;
    }
    // Picked up midway: the header's flags tell requests from responses.
    let response = match p.bytes.get(4) {
        Some(0xff) => p.bytes.get(13).map(|flags| flags & 0x80 != 0),
        Some(0xfe) => p.bytes.get(20).map(|flags| flags & 1 != 0),
        // Encrypted: only the ports tell.
        _ if [139, 445].contains(&p.client_port) && !server_port(p, &[139, 445]) => {
            Some(p.dir == Direction::ToServer)
        }
        _ => Some(p.dir == Direction::ToClient),
    };
    match response {
        None => Answer::Maybe,
        Some(response) if response == (p.dir == Direction::ToClient) => Answer::Yes,
        Some(_) => Answer::Reversed,
    }
}

fn dcerpc(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let answer = all([
        has_at(p.bytes, 0, &[5]),
        p.bytes.get(1).map_or(Answer::Maybe, |minor| yes(*minor <= 1)),
        p.bytes.get(2).map_or(Answer::Maybe, |kind| yes(matches!(kind, 0 | 2 | 3 | 11..=19))),
        // Data representation: integers little or big endian, ASCII, IEEE.
        p.bytes.get(4).map_or(Answer::Maybe, |drep| yes(matches!(drep, 0x00 | 0x10))),
        p.bytes.get(5).map_or(Answer::Maybe, |drep| yes(*drep <= 3)),
        has_at(p.bytes, 6, &[0, 0]),
    ]);
    if answer != Answer::Yes {
        return answer;
    }
    let from_client = matches!(p.bytes.get(2), Some(0 | 11 | 14 | 16 | 18 | 19));
    match from_client == (p.dir == Direction::ToServer) {
        true => Answer::Yes,
        false if p.may_reverse => Answer::Reversed,
        false => Answer::No,
    }
}

fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'\n', bytes)?;
    bytes.get(..end)
}

fn contains_nocase(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle))
}

const MAIL_PORTS: &[u16] = &[25, 465, 587, 2525];

fn smtp(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    match p.dir {
        Direction::ToServer => any([
            starts_nocase(p.bytes, b"EHLO"),
            starts_nocase(p.bytes, b"HELO"),
            if server_port(p, MAIL_PORTS) { starts_nocase(p.bytes, b"QUIT") } else { Answer::No },
        ]),
        Direction::ToClient => greeting(p, MAIL_PORTS, b"SMTP", &[b"220", b"554", b"421"]),
    }
}

/// A server's greeting: the code, then a line that names the protocol or a port that does.
fn greeting(p: &Probe<'_>, ports: &[u16], word: &[u8], codes: &[&[u8]]) -> Answer {
    let code = any(codes.iter().map(|code| has_at(p.bytes, 0, code)));
    if code != Answer::Yes {
        return code;
    }
    match p.bytes.get(3) {
        None => return Answer::Maybe,
        Some(b' ' | b'-') => {}
        Some(_) => return Answer::No,
    }
    match line(p.bytes) {
        None if p.bytes.len() > 1024 => Answer::No,
        None => Answer::Maybe,
        Some(line) => yes(server_port(p, ports) || contains_nocase(line, word)),
    }
}

fn ftp(p: &Probe<'_>, config: &AppLayerConfig) -> Answer {
    match p.dir {
        // Other protocols begin with USER and PASS too (POP3, IRC).
        Direction::ToServer if p.other != AppProto::Ftp && !server_port(p, &config.ftp.ports) => Answer::No,
        Direction::ToServer => any([
            starts_nocase(p.bytes, b"USER "),
            starts_nocase(p.bytes, b"PASS "),
            starts_nocase(p.bytes, b"PORT "),
            if server_port(p, &config.ftp.ports) {
                any([
                    starts_nocase(p.bytes, b"AUTH "),
                    starts_nocase(p.bytes, b"QUIT"),
                    starts_nocase(p.bytes, b"FEAT"),
                    starts_nocase(p.bytes, b"SYST"),
                ])
            } else {
                Answer::No
            },
        ]),
        Direction::ToClient => greeting(p, &config.ftp.ports, b"FTP", &[b"220"]),
    }
}

fn pop3(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    match p.dir {
        Direction::ToClient => any([has_at(p.bytes, 0, b"+OK "), has_at(p.bytes, 0, b"+OK\r\n")]),
        Direction::ToServer if p.other == AppProto::Pop3 || server_port(p, &[110]) => {
            any([&b"CAPA"[..], b"USER ", b"APOP ", b"AUTH", b"STLS", b"QUIT"]
                .map(|c| starts_nocase(p.bytes, c)))
        }
        Direction::ToServer => Answer::No,
    }
}

fn imap(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    match p.dir {
        Direction::ToClient => any([starts_nocase(p.bytes, b"* OK "), starts_nocase(p.bytes, b"* PREAUTH ")]),
        Direction::ToServer => imap_command(p.bytes),
    }
}

/// A tag, then a command known by name.
fn imap_command(bytes: &[u8]) -> Answer {
    let head = bytes.get(..bytes.len().min(17)).unwrap_or_default();
    let Some(space) = memchr::memchr(b' ', head) else {
        return if head.len() < 17 && head.iter().all(u8::is_ascii_alphanumeric) {
            Answer::Maybe
        } else {
            Answer::No
        };
    };
    let (tag, rest) = bytes.split_at_checked(space).unwrap_or_default();
    let rest = rest.get(1..).unwrap_or_default();
    if tag.is_empty() || !tag.iter().all(u8::is_ascii_alphanumeric) {
        return Answer::No;
    }
    let commands: [&[u8]; 7] =
        [b"CAPABILITY", b"LOGIN", b"STARTTLS", b"AUTHENTICATE", b"NOOP", b"ID", b"LOGOUT"];
    any(commands.map(|command| match (starts_nocase(rest, command), rest.get(command.len())) {
        (Answer::Yes, Some(b' ' | b'\r' | b'\n')) => Answer::Yes,
        (Answer::Yes, None) | (Answer::Maybe, _) => Answer::Maybe,
        _ => Answer::No,
    }))
}

fn rfb(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    has_at(p.bytes, 0, b"RFB 003.")
}

fn mqtt(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    if p.dir == Direction::ToClient {
        return all([
            yes(server_port(p, &[1883]) || p.other == AppProto::Mqtt),
            has_at(p.bytes, 0, &[0x20]),
            p.bytes.get(1).map_or(Answer::Maybe, |n| yes(*n >= 2 && *n < 0x80)),
        ]);
    }
    // CONNECT: the remaining length takes one to four bytes, then the protocol's name.
    all([
        has_at(p.bytes, 0, &[0x10]),
        any((2..=5)
            .map(|at| any([has_at(p.bytes, at, b"\x00\x04MQTT"), has_at(p.bytes, at, b"\x00\x06MQIsdp")]))),
    ])
}

pub(super) const SIP_METHODS: &[&[u8]] = &[
    b"REGISTER ",
    b"INVITE ",
    b"ACK ",
    b"BYE ",
    b"CANCEL ",
    b"OPTIONS sip",
    b"UPDATE sip",
    b"REFER ",
    b"PRACK ",
    b"SUBSCRIBE ",
    b"NOTIFY sip",
    b"PUBLISH ",
    b"MESSAGE ",
    b"INFO sip",
];

pub(super) fn sip(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let request = any(SIP_METHODS.iter().map(|m| has_at(p.bytes, 0, m)));
    let response = has_at(p.bytes, 0, b"SIP/2.0 ");
    any([request, response])
}

fn rdp(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    // TPKT version 3, then an X.224 connection request or confirm.
    let kind = match p.dir {
        Direction::ToServer => 0xe0,
        Direction::ToClient => 0xd0,
    };
    all([has_at(p.bytes, 0, &[3, 0]), has_at(p.bytes, 5, &[kind])])
}

fn ldap(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    if !server_port(p, &[389, 3268]) {
        return Answer::No;
    }
    all([has_at(p.bytes, 0, &[0x30]), crate::probe::udp::ldap_message(p.bytes)])
}

fn krb5(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    if !server_port(p, &[88]) {
        return Answer::No;
    }
    all([
        has_at(p.bytes, 0, &[0, 0]),
        p.bytes.get(4).map_or(Answer::Maybe, |tag| yes(matches!(tag, 0x6a..=0x7e))),
    ])
}

fn nfs(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let program = p.bytes.get(16..20);
    match p.dir {
        Direction::ToServer => all([
            has_at(p.bytes, 0, &[0x80]),
            has_at(p.bytes, 8, &[0, 0, 0, 0, 0, 0, 0, 2]),
            program.map_or(Answer::Maybe, |n| yes(n == [0, 1, 0x86, 0xa3])),
        ]),
        Direction::ToClient => Answer::No,
    }
}

fn dns(p: &Probe<'_>, config: &AppLayerConfig) -> Answer {
    let known = server_port(p, &[53]) || config.dns.ports.contains(&p.server_port);
    if !config.dns.tcp || !known {
        return Answer::No;
    }
    let Some((length, message)) = p.bytes.split_first_chunk::<2>() else { return Answer::Maybe };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < 12 {
        return Answer::No;
    }
    let Some(whole) = message.get(..length) else {
        return if message.len() < 64 && !p.ended {
            Answer::Maybe
        } else {
            partial_dns(message, length, p.dir)
        };
    };
    match looks_like(whole) {
        None => Answer::No,
        Some(response) if response == (p.dir == Direction::ToClient) => Answer::Yes,
        Some(_) if p.may_reverse => Answer::Reversed,
        Some(_) => Answer::Yes,
    }
}

/// A message that has not come whole: its header must do.
fn partial_dns(message: &[u8], length: usize, dir: Direction) -> Answer {
    let Some(header) = crate::dns::message::read_header(message) else { return Answer::Maybe };
    yes(header.questions >= 1
        && usize::from(header.questions) * 5 <= length
        && header.is_response() == (dir == Direction::ToClient))
}
