//! What may pass all the same.

use std::fs;
use std::time::Duration;

use mimamori_base::{Clock, SystemClock};

use super::{BAD, BAD_IP, Guard, build, curl, start};

/// 「これは業務です」 as the cloud has sent it: for one device, for a time.
#[test]
fn gw_14_an_exception_lets_one_device_pass_is_told_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut guard) = build("mmx", dir.path()) else { return };
    let until = |seconds| (SystemClock.now() + Duration::from_secs(seconds)).micros();
    let (soon, later) = (until(45), until(86_400));
    fs::create_dir_all(dir.path().join("state")).unwrap();
    let list = format!(
        "[{{\"id\":\"ex-1\",\"device\":\"00:0b:5d:12:34:56\",\"host\":\"nisemono-bank.example\",\"until\":{later}}},\
         {{\"id\":\"ex-2\",\"host\":\"badcdn.example\",\"until\":{soon}}}]"
    );
    fs::write(dir.path().join("state/exceptions.json"), list).unwrap();
    start(&mut guard, "");
    let ask = |guard: &Guard, ns: &str, name: &str| {
        let out = guard.on(ns, &["dig", "+tries=1", "+time=8", "@192.168.1.1", name]);
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    // Ends in time: first, while it holds.
    let said = ask(&guard, "pc1", "update-check.badcdn.example");
    guard.check("before its end", said.contains("203.0.113.66"), &said);
    let said = ask(&guard, "pc1", BAD);
    guard.check("the device's DNS", said.contains(BAD_IP), &said);
    let resolve = format!("{BAD}:80:{BAD_IP}");
    let said = |guard: &Guard, ns: &str, url: &str, resolve: &str| {
        let out = guard.on(ns, &curl(&["--resolve", resolve, url]));
        String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
    };
    let page = said(&guard, "pc1", &format!("http://{BAD}/"), &resolve);
    guard.check("the device's HTTP", page.contains("文房具の店"), &page);
    let tls = format!("{BAD}:443:{BAD_IP}");
    let page = said(&guard, "pc1", &format!("https://{BAD}/"), &tls);
    guard.check("the device's TLS", page.contains("文房具の店"), &page);
    let page = said(&guard, "pc2", &format!("http://{BAD}/"), &resolve);
    guard.check("another device's HTTP", page.contains("接続を止めました"), &page);
    let page = ask(&guard, "pc2", BAD);
    guard.check("another device's DNS", page.contains("NXDOMAIN"), &page);
    guard.told("例外 ex-1 により");
    let ended = (0..120).any(|_| {
        std::thread::sleep(Duration::from_millis(500));
        ask(&guard, "pc1", "update-check.badcdn.example").contains("NXDOMAIN")
    });
    guard.check("after its end", ended && SystemClock.now().micros() >= soon, "still let pass");
    assert!(guard.failed.is_empty(), "{:#?}\n{}", guard.failed, guard.log());
}
