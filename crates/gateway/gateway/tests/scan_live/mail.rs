//! Files in mail: SMTP with DATA and with BDAT, POP3, IMAP.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::office::{Office, SERVER};
use crate::wrap::{is_harmful, known};

const IN_PIECES: &str = "BDAT in pieces";

/// Sends a mail in chunks (RFC 3030), each as one packet or more.
const BDAT: &str = r#"
import socket, sys
mail = open("mail.eml", "rb").read().replace(b"\n", b"\r\n")
s = socket.create_connection((sys.argv[1], 25), 10)
f = s.makefile("rb")
def answer():
    while True:
        line = f.readline()
        if line[3:4] != b"-":
            return line
def ask(what):
    s.sendall(what)
    line = answer()
    if line[:1] not in (b"2", b"3"):
        sys.exit(f"{what[:60]!r}: {line!r}")
answer()
ask(b"EHLO pc.example\r\n")
ask(b"MAIL FROM:<a@a.example>\r\n")
ask(b"RCPT TO:<b@b.example>\r\n")
size = int(sys.argv[2])
for at in range(0, len(mail), size):
    piece = mail[at : at + size]
    last = b" LAST" if at + size >= len(mail) else b""
    ask(b"BDAT %d%s\r\n" % (len(piece), last) + piece)
ask(b"QUIT\r\n")
"#;

/// Every encoding of an attachment as a whole mail; `%` stands where the next line begins.
fn mail(kind: &str, how: &str, encoding: &str, name: &str, body: &str) -> String {
    let (title, file) = match how {
        // RFC 2231: in pieces, and with a character set.
        "pieces" => (
            format!("name*0=\"{}\"; name*1=\"{}\"", &name[..2], &name[2..]),
            "filename*=UTF-8''%E8%AB%8B%E6%B1%82%E6%9B%B8.zip".to_owned(),
        ),
        _ => (format!("name=\"{name}\""), format!("filename=\"{name}\"")),
    };
    format!(
        "From: a@a.example\nTo: b@b.example\nSubject: {kind} {how} {name}\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=\"==b==\"\n\n--==b==\nContent-Type: text/plain\n\nHello\n\
         --==b==\nContent-Type: application/octet-stream; {title}\n\
         Content-Disposition: attachment; {file}\nContent-Transfer-Encoding: {encoding}\n\n{body}\n--==b==--\n"
    )
}

fn encoded(work: &Path, kind: &str, how: &str, name: &str) -> String {
    let command = match how {
        "base64" | "pieces" => format!("base64 {name}"),
        "uuencode" => format!("uuencode {name} {name}"),
        "quoted-printable" => format!("sed 's/=/=3D/g; s/\\$/=24/g' {name}"),
        _ => format!("cat {name}"),
    };
    let dir = work.join("files").join(kind);
    let out = Command::new("sh").args(["-c", &command]).current_dir(dir).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

fn mails(office: &Office) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let wrapped = known().map(|name| ("base64", "base64", name));
    for (how, encoding, name) in wrapped.chain([
        ("quoted-printable", "quoted-printable", "eicar.com"),
        ("uuencode", "x-uuencode", "eicar.com"),
        ("plain", "7bit", "eicar.com"),
        ("pieces", "base64", "plain.zip"),
    ]) {
        for kind in ["good", "bad"] {
            let body = encoded(&office.work, kind, how, name);
            out.push((format!("{kind} {how} {name}"), mail(kind, how, encoding, name, body.trim_end())));
        }
    }
    out
}

/// A mail came as it was sent, or came with its attachment overwritten.
fn came(office: &mut Office, how: &str, what: &str, sent: &str, got: Option<&str>) {
    let squeeze = |t: &str| t.replace("\r\n", "\n").trim_end().to_owned();
    let body = |t: &str| t.find("--==b==").and_then(|at| t.get(at..)).unwrap_or_default().to_owned();
    let sent = body(&squeeze(sent));
    let got = got.map(|g| body(&squeeze(g)));
    // In small chunks, each taken in before the next is sent, too little of the file is left to be
    // overwritten: the mail does not arrive at all.
    if got.is_none() && what.starts_with("bad") && how == IN_PIECES {
        office.check(format!("{how} {what}"), true, "");
        return;
    }
    let Some(got) = got else {
        office.check(format!("{how} {what}"), false, "no mail came");
        return;
    };
    if what.starts_with("good") {
        office.check(format!("{how} {what}"), got == sent, &format!("{} of {} bytes", got.len(), sent.len()));
        return;
    }
    let fine = got.len() == sent.len() && got != sent && got.ends_with("--==b==--");
    office.check(
        format!("{how} {what}"),
        fine,
        &format!("{} of {} bytes, changed {}", got.len(), sent.len(), got != sent),
    );
}

pub fn smtp(office: &mut Office) {
    for (what, text) in mails(office) {
        deliver(
            office,
            "SMTP",
            &what,
            &text,
            &format!(
                "swaks --server {SERVER} --from a@a.example --to b@b.example --data @mail.eml --suppress-data --timeout 20"
            ),
        );
    }
    office.told("\"filename\":\"請求書.zip\"", "neutralised");
}

pub fn bdat(office: &mut Office) {
    fs::write(office.work.join("pc/bdat.py"), BDAT).unwrap();
    let some = |what: &str| {
        what.ends_with("64 eicar.com") || what.ends_with("printable eicar.com") || what.ends_with("plain.zip")
    };
    for (how, size) in [("BDAT", 100_000), (IN_PIECES, 90)] {
        for (what, text) in mails(office).into_iter().filter(|(what, _)| some(what)) {
            deliver(office, how, &what, &text, &format!("python3 bdat.py {SERVER} {size}"));
        }
    }
}

/// Sends a mail after STARTTLS.
const STARTTLS: &str = r#"
import smtplib, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
s = smtplib.SMTP(sys.argv[1], 25, timeout=10)
s.starttls(context=context)
s.sendmail("a@a.example", ["b@b.example"], open("mail.eml", "rb").read())
s.quit()
"#;

/// After STARTTLS nothing can be seen: the mail arrives, and its flow is counted as not inspected.
pub fn starttls(office: &mut Office) {
    fs::write(office.work.join("pc/starttls.py"), STARTTLS).unwrap();
    let body = encoded(&office.work, "bad", "plain", "eicar.com");
    let text = mail("bad", "plain", "7bit", "eicar.com", body.trim_end());
    let got = delivered(office, &text, &format!("python3 starttls.py {SERVER}")).unwrap_or_default();
    let attached = body.trim_end();
    office.check("STARTTLS passes".into(), got.contains(attached) && is_harmful(attached.as_bytes()), &got);
}

/// Sends a mail, and looks at how it arrived.
fn deliver(office: &mut Office, how: &str, what: &str, text: &str, script: &str) {
    let got = delivered(office, text, script);
    came(office, how, what, text, got.as_deref());
}

fn delivered(office: &Office, text: &str, script: &str) -> Option<String> {
    let box_file = office.work.join("spool/mail");
    let _ = fs::remove_file(&box_file);
    fs::write(office.work.join("pc/mail.eml"), text).unwrap();
    office.pc(script);
    (0..150).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        fs::read_to_string(&box_file).ok().filter(|t| t.contains("--==b==--"))
    })
}

/// A clean file in a mail, sent and fetched: it comes as it was sent.
pub fn clean(office: &mut Office, name: &str) {
    let body = encoded(&office.work, "clean", "base64", name);
    let text = mail("good", "base64", "base64", name, body.trim_end());
    let swaks = format!(
        "swaks --server {SERVER} --from a@a.example --to b@b.example --data @mail.eml --suppress-data --timeout 20"
    );
    let what = format!("good {name}");
    deliver(office, "SMTP", &what, &text, &swaks);
    fetched(office, &format!("clean-{name}"), &what, &text);
}

pub fn mailboxes(office: &mut Office) {
    for (number, (what, text)) in mails(office).into_iter().enumerate() {
        fetched(office, &format!("u{number}"), &what, &text);
    }
}

/// After STLS and STARTTLS nothing can be seen: the mail comes as it is.
pub fn mailboxes_over_tls(office: &mut Office) {
    let body = encoded(&office.work, "bad", "plain", "eicar.com");
    let text = mail("bad", "plain", "7bit", "eicar.com", body.trim_end());
    put(office, "utls", &text);
    for (how, address) in
        [("POP3 after STLS", "pop3://SERVER/1"), ("IMAP after STARTTLS", "imap://SERVER/INBOX;MAILINDEX=1")]
    {
        let address = address.replace("SERVER", SERVER);
        let (ok, got) = office.pc(&format!("curl -s -k -m 20 --ssl-reqd -u utls:pw '{address}'"));
        let got = String::from_utf8_lossy(&got).into_owned();
        office.check(format!("{how} passes"), ok && got.contains(body.trim_end()), &got);
    }
}

fn put(office: &Office, user: &str, text: &str) {
    let cur = office.work.join(format!("maildir/{user}/cur"));
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(cur.with_file_name(folder)).unwrap();
    }
    fs::write(cur.join("1.a:2,"), text).unwrap();
    Command::new("chown").args(["-R", "mail:mail"]).arg(office.work.join("maildir")).status().unwrap();
}

fn fetched(office: &mut Office, user: &str, what: &str, text: &str) {
    put(office, user, text);
    let (_, pop) = office.pc(&format!("curl -s -m 20 -u {user}:pw pop3://{SERVER}/1"));
    came(office, "POP3", what, text, Some(&String::from_utf8_lossy(&pop)));
    let (_, imap) = office.pc(&format!("curl -s -m 20 -u {user}:pw 'imap://{SERVER}/INBOX;MAILINDEX=1'"));
    came(office, "IMAP", what, text, Some(&String::from_utf8_lossy(&imap)));
}
