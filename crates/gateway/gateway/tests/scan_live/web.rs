//! Files over HTTP: every wrapping, ranges, uploads, HTTP/2.

use std::fs;

use crate::office::{Office, SERVER};
use crate::wrap::known;

/// Puts the parts of an answer of several ranges together.
const JOIN: &str = r#"
import re, sys
parts = re.findall(rb"Content-Range: bytes (\d+)-(\d+)/\d+\r\n\r\n", open("parts", "rb").read())
body, out, at = open("parts", "rb").read(), b"", 0
for first, last in parts:
    at = body.index(b"\r\n\r\n", body.index(b"bytes " + first + b"-", at)) + 4
    out += body[at : at + int(last) - int(first) + 1]
open("got", "wb").write(out)
"#;

pub fn http(office: &mut Office) {
    for name in known() {
        office.fetch("HTTP", name, &format!("curl -s -f -o got http://{SERVER}:8081/KIND/{name}"));
    }
    for name in known().filter(|n| ["eicar.com", "plain.zip", "large.txt"].contains(n)) {
        office.fetch(
            "HTTP gzip",
            name,
            &format!("curl -s -f --compressed -o got http://{SERVER}:8081/gzip/KIND/{name}"),
        );
        office.fetch(
            "HTTP brotli",
            name,
            &format!("curl -s -f -o g.br http://{SERVER}:8081/br/KIND/{name}.br && brotli -d -f -o got g.br; [ -e got ]"),
        );
    }
    for name in ["eicar.com", "nested.zip", "big.zip"] {
        office.fetch(
            "HTTP chunked",
            name,
            &format!(
                "curl -s -f -D head -o got http://{SERVER}:8081/chunked/KIND/{name}; [ -e got ] && grep -qi chunked head"
            ),
        );
    }
    office.fetch(
        "HTTP on another port",
        "plain.zip",
        &format!("curl -s -f -o got http://{SERVER}:40123/KIND/plain.zip"),
    );
    office.fetch(
        "HTTP deflate",
        "eicar.com",
        &format!("curl -s -f --compressed -o got http://{SERVER}:8081/deflate/KIND/eicar.com.zz"),
    );
    office.fetch(
        "HTTP slow",
        "big.zip",
        &format!("curl -s -f -o got http://{SERVER}:8081/slow/KIND/big.zip"),
    );
}

pub fn ranges(office: &mut Office) {
    office.fetch(
        "HTTP ranges",
        "eicar.com",
        &format!(
            "for r in 0-19 20-39 40-67; do curl -s -f -r $r http://{SERVER}:8081/KIND/eicar.com >>got || exit 1; done"
        ),
    );
    fs::write(office.work.join("pc/join.py"), JOIN).unwrap();
    office.fetch(
        "HTTP several ranges in one answer",
        "eicar.com",
        &format!(
            "rm -f parts; curl -s -f -r 0-19,20-39,40-67 -o parts http://{SERVER}:8081/KIND/eicar.com && python3 join.py"
        ),
    );
}

pub fn uploads(office: &mut Office) {
    for name in ["eicar.com", "nested.zip", "plain.tar.gz"] {
        office.send(
            "HTTP upload",
            name,
            &format!(
                "curl -s -m 8 -T {}/files/KIND/{name} http://{SERVER}:8081/up/KIND-{name}",
                office.work.display()
            ),
            &format!("up/KIND-{name}"),
        );
        office.send(
            "HTTP chunked upload",
            name,
            &format!(
                "curl -s -m 8 -H 'Transfer-Encoding: chunked' -T {}/files/KIND/{name} http://{SERVER}:8081/up/c-KIND-{name}",
                office.work.display()
            ),
            &format!("up/c-KIND-{name}"),
        );
    }
}

/// HTTP/2 without TLS: the beginnings of connections and files are others, the promise is the same.
pub fn http2(office: &mut Office) {
    let curl = "curl -s -f -m 20 --http2-prior-knowledge";
    for name in ["eicar.com", "plain.zip", "nested.7z", "big.zip"] {
        office.fetch("HTTP/2", name, &format!("{curl} -o got http://{SERVER}:8082/KIND/{name}"));
    }
    office.fetch(
        "HTTP/2 gzip",
        "eicar.com",
        &format!("{curl} --compressed -o got http://{SERVER}:8082/gzip/KIND/eicar.com"),
    );
    office.fetch(
        "HTTP/2 ranges",
        "eicar.com",
        &format!("for r in 0-19 20-39 40-67; do {curl} -r $r http://{SERVER}:8082/KIND/eicar.com >>got || exit 1; done"),
    );
    for name in ["eicar.com", "nested.zip", "big.zip"] {
        office.send(
            "HTTP/2 upload",
            name,
            &format!(
                "{curl} -T {}/files/KIND/{name} http://{SERVER}:8082/up/2-KIND-{name}",
                office.work.display()
            ),
            &format!("up/2-KIND-{name}"),
        );
    }
}

/// What only one of the judges knows.
pub fn judges(office: &mut Office) {
    let fetch = |office: &mut Office, name: &str| {
        office.fetch("HTTP", name, &format!("curl -s -f -o got http://{SERVER}:8081/KIND/{name}"));
    };
    if cfg!(feature = "yara") {
        for name in ["rule.bin", "macro.doc", "inner.docm"] {
            fetch(office, name);
        }
        office.told("\"found_by\":\"yara\"", "Own-Rule-Test");
        office.told("\"found_by\":\"yara\"", "Mimamori-Test-Macro");
    }
    if office.clamd.is_some() {
        fetch(office, "clamd.bin");
        office.told("\"found_by\":\"clamd\"", "Own.Clamd-Test");
    }
    office.told("\"found_by\":\"sha256\"", "EICAR-Test-File");
}

/// TLS is not looked into: the file arrives, and its bytes are counted as not inspected.
pub fn tls(office: &mut Office) {
    let (ok, got) = office.pc(&format!("curl -s -k -f https://{SERVER}/eicar.com"));
    office.check("HTTPS passes".into(), ok && crate::wrap::is_harmful(&got), "not looked into");
}

/// The page, where nothing was sent yet; passwords pass by default, and are told.
pub fn page_and_password(office: &mut Office) {
    let (_, page) = office.pc(&format!("curl -s http://{SERVER}:8081/bad/eicar.com"));
    let page = String::from_utf8_lossy(&page).into_owned();
    office.check("HTTP page".into(), page.contains("危険なファイルを止めました"), &page);
    let (ok, _) = office.pc(&format!("curl -s -f -o got http://{SERVER}:8081/bad/locked.zip"));
    let same = fs::read(office.work.join("pc/got")).unwrap_or_default() == office.file("bad", "locked.zip");
    office.check("HTTP password".into(), ok && same, "passes by policy");
}

/// What cannot be judged does not arrive where the policy says "stop"; everything else does.
pub fn held(office: &mut Office) {
    for name in ["locked.zip", "deep.zip", "big.zip"] {
        office.pc(&format!("rm -f got; curl -s -f -m 10 -o got http://{SERVER}:8081/good/{name}"));
        let got = fs::read(office.work.join("pc/got")).unwrap_or_default();
        let stopped = got != office.file("good", name);
        office.check(format!("held {name}"), stopped, &format!("{} bytes", got.len()));
    }
    let (_, page) = office.pc(&format!("curl -s http://{SERVER}:8081/good/locked.zip"));
    let page = String::from_utf8_lossy(&page).into_owned();
    office.check("held: page".into(), page.contains("ファイル"), &page);
    office.fetch("HTTP", "nested.7z", &format!("curl -s -f -o got http://{SERVER}:8081/KIND/nested.7z"));
}
