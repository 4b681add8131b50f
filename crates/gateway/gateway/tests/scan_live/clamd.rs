//! clamd beside our own judges: it hangs, dies and comes back.

use crate::office::{Office, SERVER};
use crate::scanner::send;
use crate::servers;

/// Longer than it is left alone after a failure.
const RESTED: std::time::Duration = std::time::Duration::from_millis(5_500);

fn fetch(office: &mut Office, how: &str, name: &str) {
    office.fetch(how, name, &format!("curl -s -f -m 30 -o got http://{SERVER}:8081/KIND/{name}"));
}

/// What only clamd would know arrives, as the policy says; what others know does not.
fn without(office: &mut Office, how: &str) {
    for kind in ["good", "bad"] {
        let (ok, got) = office.pc(&format!("curl -s -f -m 30 http://{SERVER}:8081/{kind}/clamd.bin"));
        let same = got == office.file(kind, "clamd.bin");
        office.check(format!("{how} {kind} passes"), ok && same, &format!("{} bytes", got.len()));
    }
    fetch(office, how, "plain.zip");
}

/// Policy "pass": files go on, each is told, and so is clamd's failure.
pub fn passes(office: &mut Office) {
    let Some(pid) = office.clamd else { return };
    send(pid, "-STOP");
    without(office, "clamd hangs:");
    office.told("\"reason\":\"no_clamd\"", "\"outcome\":\"passed\"");
    send(pid, "-CONT");
    std::thread::sleep(RESTED);
    fetch(office, "clamd goes on:", "clamd.bin");
    send(pid, "-KILL");
    without(office, "clamd is dead:");
    office.clamd = servers::clamd(&mut office.lab, &office.work);
    std::thread::sleep(RESTED);
    fetch(office, "clamd is back:", "clamd.bin");
    for event in ["clamd_failed", "clamd_resumed"] {
        let told = (0..50).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            office.log().matches(event).count() >= 2
        });
        office.check(format!("event {event}"), told, &office.log());
    }
}

/// Policy "stop": without clamd's word nothing arrives that it should judge.
pub fn holds(office: &mut Office) {
    let Some(pid) = office.clamd else { return };
    send(pid, "-KILL");
    let (ok, got) = office.pc(&format!("curl -s -f -m 8 http://{SERVER}:8081/good/plain.zip"));
    let stopped = !ok && got != office.file("good", "plain.zip");
    office.check("held without clamd".into(), stopped, &format!("{} bytes", got.len()));
    office.told("\"reason\":\"no_clamd\"", "\"outcome\":\"stopped\"");
}
