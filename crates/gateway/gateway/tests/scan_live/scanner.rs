//! The scan worker itself: what it may do, and what happens when it dies or is slow.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::office::{Office, SERVER};

/// Processes of the scan worker of this test's gateway.
pub fn worker_pids(work: &Path) -> Vec<u32> {
    let marker = work.to_string_lossy().into_owned();
    let parents: Vec<u32> = processes(|line| line.contains("run --config") && line.contains(&marker));
    let children = processes(|line| line.contains("scan-worker"));
    children.into_iter().filter(|pid| parents.contains(&parent(*pid))).collect()
}

fn processes(wanted: impl Fn(&str) -> bool) -> Vec<u32> {
    let mut out = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if wanted(&String::from_utf8_lossy(&line).replace('\0', " ")) {
            out.push(pid);
        }
    }
    out
}

fn parent(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("PPid:"));
    line.and_then(|l| l.trim().parse().ok()).unwrap_or(0)
}

fn signal(office: &Office, name: &str) {
    for pid in worker_pids(&office.work) {
        send(pid, name);
    }
}

pub fn send(pid: u32, signal: &str) {
    Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
}

/// Nobody, no new privileges, a system-call filter.
pub fn least_privilege(office: &mut Office) {
    let pid = worker_pids(&office.work)[0];
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for line in ["Uid:\t65534\t65534", "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"] {
        office.check(format!("worker {line}"), status.contains(line), &status);
    }
}

/// A slow download in whose middle the worker is killed: whether it went through, and what came.
fn killed_midway(office: &Office) -> (bool, Vec<u8>) {
    std::thread::scope(|s| {
        let download = s.spawn(|| {
            office.pc(&format!("curl -s -f -o got http://{SERVER}:8081/slow/good/rest.bin && cat got"))
        });
        std::thread::sleep(Duration::from_millis(1_000));
        signal(office, "-KILL");
        download.join().unwrap()
    })
}

fn comes_back(office: &mut Office, before: &[u32]) {
    let back = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        worker_pids(&office.work).iter().any(|new| !before.contains(new))
    });
    office.check("scanner comes back".into(), back, "");
    std::thread::sleep(Duration::from_millis(500));
    office.fetch(
        "HTTP afterwards",
        "plain.zip",
        &format!("curl -s -f -o got http://{SERVER}:8081/KIND/plain.zip"),
    );
    let log = office.log();
    for event in ["scanner_died", "scanner_resumed"] {
        office.check(format!("event {event}"), log.contains(event), &log);
    }
}

/// Policy "pass": the download goes on, and it is told.
pub fn killed(office: &mut Office) {
    let before = worker_pids(&office.work);
    let (ok, got) = killed_midway(office);
    let same = got == office.file("good", "rest.bin");
    office.check("scanner killed".into(), ok && same, &format!("{} bytes", got.len()));
    comes_back(office, &before);
}

/// It does not answer for longer than files wait: policy "pass", and it is told.
pub fn slow(office: &mut Office) {
    signal(office, "-STOP");
    let (ok, got) = office.pc(&format!("curl -s -f -m 20 http://{SERVER}:8081/good/plain.zip"));
    signal(office, "-CONT");
    let same = got == office.file("good", "plain.zip");
    office.check("scanner slow".into(), ok && same, &format!("{} bytes", got.len()));
    office.told("scanner_slow", "\"outcome\":\"passed\"");
    std::thread::sleep(Duration::from_millis(500));
    office.fetch(
        "HTTP after slowness",
        "plain.zip",
        &format!("curl -s -f -o got http://{SERVER}:8081/KIND/plain.zip"),
    );
}

/// Policy "stop": nothing passes unjudged, slow or dead.
pub fn held(office: &mut Office) {
    signal(office, "-STOP");
    let (ok, got) = office.pc(&format!("curl -s -f -m 8 http://{SERVER}:8081/good/plain.zip"));
    signal(office, "-CONT");
    let stopped = !ok && got != office.file("good", "plain.zip");
    office.check("held while slow".into(), stopped, &format!("{} bytes", got.len()));
    office.told("scanner_slow", "\"outcome\":\"stopped\"");
    std::thread::sleep(Duration::from_millis(500));
    let before = worker_pids(&office.work);
    let (ok, got) = killed_midway(office);
    let stopped = !ok && got != office.file("good", "rest.bin");
    office.check("held when killed".into(), stopped, &format!("{} bytes", got.len()));
    comes_back(office, &before);
}
