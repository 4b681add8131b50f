//! The clean files of the corpus, and of this project, through every protocol: no false alarm.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::mail;
use crate::office::{Office, SERVER};

/// Of the corpus's web servers; everything else there is meant to be found.
const OF_CORPUS: [&str; 7] = [
    "www.bunbougu.example/index.html",
    "www.bunbougu.example/style.css",
    "www.bunbougu.example/logo.png",
    "www.bunbougu.example/catalog.pdf",
    "www.bunbougu.example/order",
    "download.freesoft.example/tool-setup.zip",
    "login.nisemono-bank.example/index.html",
];
const OF_PROJECT: [&str; 5] = [
    "docs/images/portal.png",
    "docs/limits.md",
    "corpus/office-web/capture.pcap",
    "definitions/starter/mimamori.rules",
    "crates/gateway/scan/tests/data/inner.7z",
];

/// Puts them into `files/clean`.
pub fn make(work: &Path) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let made = work.join("corpus");
    let script = project.join("corpus/make_content.py");
    assert!(Command::new("python3").arg(script).arg(&made).status().unwrap().success());
    let all = OF_CORPUS.iter().map(|name| made.join(name)).chain(OF_PROJECT.iter().map(|n| project.join(n)));
    for (number, from) in all.enumerate() {
        let name = format!("{number}-{}", from.file_name().unwrap().to_string_lossy());
        fs::copy(&from, work.join("files/clean").join(name)).unwrap();
    }
}

pub fn everywhere(office: &mut Office) {
    // Records of drops come later than what they are of.
    let alarms = |office: &Office| {
        let eve = fs::read_to_string(office.work.join("eve.json")).unwrap();
        let found = |l: &&str| l.contains(&typed("malware")) || l.contains(&typed("alert"));
        eve.lines().filter(found).map(str::to_owned).collect::<Vec<_>>()
    };
    // The last harmful mail may not have been written down yet.
    std::thread::sleep(Duration::from_secs(2));
    let before = alarms(office);
    let folder = office.work.join("files/clean");
    let mut names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".br"));
    names.sort();
    assert_eq!(names.len(), OF_CORPUS.len() + OF_PROJECT.len());
    for name in &names {
        for (how, script) in [
            ("HTTP", format!("curl -sS -f -o got http://{SERVER}:8081/clean/{name}")),
            ("HTTP gzip", format!("curl -sS -f --compressed -o got http://{SERVER}:8081/gzip/clean/{name}")),
            ("HTTP chunked", format!("curl -sS -f -o got http://{SERVER}:8081/chunked/clean/{name}")),
            (
                "HTTP/2",
                format!("curl -sS -f --http2-prior-knowledge -o got http://{SERVER}:8082/clean/{name}"),
            ),
            ("FTP", format!("curl -sS -m 20 -o got ftp://{SERVER}/clean/{name}")),
            ("FTP active", format!("curl -sS -m 20 -P - -o got ftp://{SERVER}/clean/{name}")),
            ("SMB", format!("smbclient -N -t 10 //{SERVER}/share -c 'get clean/{name} got'")),
        ] {
            let began = std::time::Instant::now();
            let (ok, said) = office.pc(&format!("rm -f got; {script} 2>&1; echo \"exit $?\"; [ -e got ]"));
            let got = fs::read(office.work.join("pc/got")).unwrap_or_default();
            let same = ok && got == office.file("clean", name);
            let said = String::from_utf8_lossy(&said).into_owned();
            let detail =
                format!("{} bytes after {:.1?}: {said} {}", got.len(), began.elapsed(), office.lately());
            office.check(format!("{how} clean {name}"), same, &detail);
        }
        let from = folder.join(name);
        office.pc(&format!("curl -s -m 8 -T {} http://{SERVER}:8081/up/clean-{name}", from.display()));
        let got = fs::read(office.work.join(format!("up/clean-{name}"))).unwrap_or_default();
        let same = got == office.file("clean", name);
        office.check(format!("HTTP upload clean {name}"), same, &format!("{} bytes", got.len()));
        mail::clean(office, name);
    }
    let after = alarms(office);
    office.check("no false alarm".into(), after == before, &after[before.len()..].join("\n"));
}

fn typed(kind: &str) -> String {
    format!("\"event_type\":\"{kind}\"")
}
