//! `cargo xtask record`: captures of the corpus from real clients and servers.
//!
//! Each folder of `corpus/` with a `record.sh` is a case. The laboratory (`corpus/lab.sh`)
//! makes two office devices and an office server, a bridge in the gateway's place, and an
//! "Internet" of nginx, dnsmasq and an SMTP server, all in network namespaces of its own; the
//! case's script drives the clients while tcpdump listens on the bridge's WAN port.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

pub fn run(root: &Path, wanted: &[String]) -> Result<()> {
    let corpus = root.join("corpus");
    let mut cases: Vec<String> = std::fs::read_dir(&corpus)
        .context("read corpus/")?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| corpus.join(name).join("record.sh").is_file())
        .collect();
    cases.sort();
    if let Some(unknown) = wanted.iter().find(|w| !cases.contains(w)) {
        bail!("no case {unknown}; there are: {}", cases.join(", "));
    }
    if !wanted.is_empty() {
        cases.retain(|c| wanted.contains(c));
    }
    for (index, case) in cases.iter().enumerate() {
        println!("[{}/{}] {case}", index + 1, cases.len());
        let status = Command::new("bash")
            .arg(corpus.join("lab.sh"))
            .arg(corpus.join(case))
            .status()
            .context("start bash")?;
        if !status.success() {
            bail!("{case}: lab.sh ended with {status}; its last lines above say why");
        }
    }
    Ok(())
}
