//! Definition sets that come and go while traffic flows.

use std::fs;
use std::time::Duration;

use super::{CLEAN_IP, LIST, build, offer, set, start};

/// Sets change under a download and pings: nothing is lost, bad ones are told and left out.
#[test]
fn gw_07_a_set_is_swapped_under_traffic_and_a_bad_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut guard) = build("mmd", dir.path()) else { return };
    let gateway = start(&mut guard, "");
    let work = dir.path().to_path_buf();
    let (download, pings) = std::thread::scope(|s| {
        let lab = &guard.lab;
        let url = format!("http://{CLEAN_IP}/download.bin");
        let download = s.spawn(move || {
            lab.on("pc1", &["curl", "-s", "-m", "60", "--limit-rate", "2M", &url]).unwrap().stdout
        });
        let pings = s.spawn(move || {
            let out = lab.on("pc1", &["ping", "-q", "-i", "0.02", "-w", "9", "192.168.1.1"]).unwrap();
            String::from_utf8_lossy(&out.stdout).into_owned()
        });
        for version in 2..6 {
            std::thread::sleep(Duration::from_millis(1_200));
            set(&work, version, &format!("{LIST}new{version}.example\tmalware\tNew\n"));
            offer(&work);
            guard.reload(gateway);
        }
        (download.join().unwrap(), pings.join().unwrap())
    });
    let whole = fs::read(dir.path().join("www/download.bin")).unwrap();
    guard.check("the download goes on", download == whole, &format!("{} bytes", download.len()));
    guard.check("no packet is lost", pings.contains(" 0% packet loss"), &pings);
    let (_, said) = guard.pc(&["dig", "+tries=1", "+time=8", "@192.168.1.1", "new5.example"]);
    guard.check("the last set is in force", said.contains("NXDOMAIN"), &said);
    let loaded = guard.log().matches("definitions_loaded").count();
    guard.check("each is told", loaded >= 3, &guard.log());

    // Tampered, cut, old, of another channel, signed by somebody else: told, and the last good one stays.
    let good = fs::read(work.join("set.mds")).unwrap();
    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let cases = [
        (tampered, "壊れています"),
        (good.iter().copied().take(good.len() / 2).collect(), "壊れています"),
        (b"MIMADEF1".to_vec(), "短すぎます"),
    ];
    for (bytes, words) in cases {
        let before = guard.log().matches(words).count();
        fs::write(work.join("new.mds"), bytes).unwrap();
        offer(&work);
        guard.reload(gateway);
        guard.told_again(words, before);
    }
    set(&work, 3, LIST);
    offer(&work);
    guard.reload(gateway);
    guard.told("古いため使いません");
    fs::remove_file(work.join("set.key")).unwrap();
    fs::remove_file(work.join("set.key.pub")).unwrap();
    set(&work, 9, LIST);
    offer(&work);
    guard.reload(gateway);
    guard.told("署名が正しくありません");
    let (_, said) = guard.pc(&["dig", "+tries=1", "+time=8", "@192.168.1.1", "new5.example"]);
    guard.check("the last good set stays in force", said.contains("NXDOMAIN"), &said);
    assert!(guard.failed.is_empty(), "{:#?}", guard.failed);
}
