//! Definition sets offered while traffic flows: good ones are taken over without a lost packet,
//! bad and old ones are refused, and the last good one stays in force.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::office::{GATEWAY, Office, SERVER, definitions};
use crate::scanner::send;

/// What was tried, how it went, and details.
type Outcome = (String, bool, String);

pub fn under_traffic(office: &mut Office) {
    let mut all = vec![plain_zip(office, "at first", true)];
    let (pings, download) = std::thread::scope(|s| {
        let office = &*office;
        let on_pc = |script: String| {
            let script = format!("cd {}/pc; {script}", office.work.display());
            office.lab.on("pc1", &["timeout", "120", "sh", "-c", &script]).unwrap().stdout
        };
        let pings = s.spawn(move || on_pc(format!("ping -q -i 0.02 -w 30 {SERVER}")));
        // One connection through all of the changes.
        let download = s.spawn(move || {
            on_pc(format!("curl -s -f --limit-rate 50k -m 110 http://{SERVER}:8081/good/rest.bin"))
        });
        all.extend(changes(office));
        (pings.join().unwrap(), download.join().unwrap())
    });
    let pings = String::from_utf8_lossy(&pings).into_owned();
    all.push(("no packet lost".into(), pings.contains(" 0% packet loss"), pings));
    let same = download == office.file("good", "rest.bin");
    all.push(("no flow lost".into(), same, format!("{} bytes", download.len())));
    for (what, passed, detail) in all {
        office.check(what, passed, &detail);
    }
}

fn changes(office: &Office) -> Vec<Outcome> {
    let offered = office.work.join("set.mds");
    let first = fs::read(&offered).unwrap();
    let mut out = Vec::new();
    let mut tampered = first.clone();
    let at = tampered.len() / 2;
    tampered[at..at + 40].fill(b'x');
    out.extend(refused(office, "tampered", &tampered, "lab-1"));
    out.extend(refused(office, "cut", &first[..first.len() / 3], "lab-1"));
    out.extend(refused(office, "foreign", &foreign(office), "lab-1"));
    out.push(plain_zip(office, "after bad sets", true));

    let sum = Command::new("sha256sum").arg(office.work.join("files/good/plain.zip")).output().unwrap();
    let sum = String::from_utf8_lossy(&sum.stdout)[..64].to_owned();
    definitions(&office.work, 2, &[format!("{sum}\tSwap-Test")], &[]);
    send(office.gateway, "-HUP");
    let taken = wait(|| office.status()["definitions"] == "lab-2");
    out.push(("newer set taken over".into(), taken, office.log()));
    // The scanner has it a moment later.
    let known = wait(|| plain_zip(office, "", false).1);
    out.push(("its hashes stop files".into(), known, office.log()));
    out.extend(refused(office, "old", &first, "lab-2"));
    out.push(plain_zip(office, "after an old set", false));
    out
}

fn refused(office: &Office, what: &str, bytes: &[u8], in_force: &str) -> [Outcome; 2] {
    let before = refusals(office);
    offer(office, bytes);
    let told = wait(|| refusals(office) > before);
    let label = office.status()["definitions"].as_str().unwrap_or_default().to_owned();
    [
        (format!("{what} set refused"), told, office.log()),
        (format!("{what} set: the last good one stays"), label == in_force, label),
    ]
}

/// Puts a set in the place of the offered one.
fn offer(office: &Office, bytes: &[u8]) {
    fs::write(office.work.join("set.new"), bytes).unwrap();
    fs::rename(office.work.join("set.new"), office.work.join("set.mds")).unwrap();
    send(office.gateway, "-HUP");
}

/// The same recipe, signed by somebody else.
fn foreign(office: &Office) -> Vec<u8> {
    for args in [
        &["keygen", "other.key"][..],
        &["build", "--recipe", "set.toml", "--set-version", "9", "--key", "other.key", "--out", "other.mds"],
    ] {
        let out =
            Command::new(GATEWAY).arg("definitions").args(args).current_dir(&office.work).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    fs::read(office.work.join("other.mds")).unwrap()
}

/// The file arrives, or does not, as `wanted`.
fn plain_zip(office: &Office, when: &str, wanted: bool) -> Outcome {
    let (ok, got) = office.pc(&format!("curl -s -f -m 20 http://{SERVER}:8081/good/plain.zip"));
    let arrives = ok && got == office.file("good", "plain.zip");
    (format!("plain.zip {when}"), arrives == wanted, format!("arrives: {arrives}"))
}

fn refusals(office: &Office) -> usize {
    office.log().matches("definitions_refused").count()
}

fn wait(mut what: impl FnMut() -> bool) -> bool {
    (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        what()
    })
}
