//! The live gateway between real clients and servers, in network namespaces (Linux, root).

use std::fs;
use std::time::Duration;

use mimamori_gateway::lab::{Lab, obstacle};

const GATEWAY: &str = env!("CARGO_BIN_EXE_mimamori-gateway");

fn config(lab: &Lab, extra: &str) -> String {
    let work = lab.work().display();
    let text = format!(
        "state_dir = \"{work}/state\"\n\
         [[port]]\ninterface = \"wan0\"\nzone = \"wan\"\n\
         [[port]]\ninterface = \"lan0\"\nzone = \"lan\"\n\
         [[port]]\ninterface = \"lan1\"\nzone = \"lan\"\n\
         [eve]\npath = \"{work}/eve.json\"\n{extra}"
    );
    let path = lab.work().join("gateway.toml");
    fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

/// All in one test: namespaces have fixed names, and building the office takes a second.
#[test]
fn gw_01_clean_traffic_passes_bit_for_bit_and_bad_is_stopped() {
    if let Some(obstacle) = obstacle() {
        println!("skipped: needs {obstacle}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut lab = Lab::build("mmt", dir.path()).unwrap();
    let config = config(&lab, "");
    assert!(!lab.wait_for_gateway(Duration::from_secs(1)), "nothing passes without the gateway");
    let gateway = lab.start("gw", &[GATEWAY, "run", "--config", &config]).unwrap();
    let log = || fs::read_to_string(dir.path().join("mimamori-gateway.log")).unwrap_or_default();
    assert!(lab.wait_for_gateway(Duration::from_secs(20)), "{}", log());

    lab.lease().unwrap();
    let mut failed = Vec::new();
    for check in lab.checks().unwrap() {
        println!("{} {}", if check.passed { "ok    " } else { "FAILED" }, check.what);
        if !check.passed {
            failed.push(format!("{}: {}", check.what, check.detail));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}\n{}", log());

    // GW-02: inside one zone nothing is inspected, and everything passes.
    let neighbour = lab.on("pc2", &["ping", "-c1", "-W2", "192.168.1.23"]).unwrap();
    assert!(neighbour.status.success());

    // A VLAN tag survives the bridge.
    let tagged = |ns, ip| {
        let made = lab
            .on(ns, &["ip", "link", "add", "link", "eth0", "name", "v9", "type", "vlan", "id", "9"])
            .unwrap();
        lab.on(ns, &["ip", "addr", "add", ip, "dev", "v9"]).unwrap();
        lab.on(ns, &["ip", "link", "set", "v9", "up"]).unwrap();
        made.status.success()
    };
    if tagged("pc1", "10.9.0.1/24") && tagged("inet", "10.9.0.2/24") {
        let ping = lab.on("pc1", &["ping", "-c2", "-W2", "10.9.0.2"]).unwrap();
        assert!(ping.status.success(), "{}", String::from_utf8_lossy(&ping.stdout));
    } else {
        println!("skipped: this kernel makes no VLAN interfaces");
    }

    // A reload does not cut a download.
    let download = std::thread::scope(|s| {
        let running = s.spawn(|| {
            lab.on(
                "pc1",
                &[
                    "curl",
                    "-s",
                    "--limit-rate",
                    "10M",
                    "-o",
                    "/dev/null",
                    "-w",
                    "%{size_download}",
                    "http://203.0.113.10/download.bin",
                ],
            )
            .unwrap()
        });
        std::thread::sleep(Duration::from_millis(500));
        hangup(gateway);
        running.join().unwrap()
    });
    assert_eq!(String::from_utf8_lossy(&download.stdout), "20000000");

    let status = lab.on("gw", &[GATEWAY, "status", "--config", &config, "--json"]).unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["devices"], 2, "{status}");
    assert!(status["detections"].as_u64().unwrap() >= 4, "{status}");
    let eve = fs::read_to_string(dir.path().join("eve.json")).unwrap();
    for kind in ["\"event_type\":\"malware\"", "\"event_type\":\"reputation\"", "\"event_type\":\"drop\""] {
        assert!(eve.contains(kind), "{kind}");
    }
    let doctor = lab.on("gw", &[GATEWAY, "doctor", "--config", &config]).unwrap();
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("○ 端子 wan0（WAN）: つながっています"), "{said}");
}

/// `ip netns exec` replaces itself by the program, so its id is the gateway's.
fn hangup(pid: u32) {
    let sent = std::process::Command::new("kill").args(["-HUP", &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}
