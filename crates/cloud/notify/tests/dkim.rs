//! Signatures checked by a verifier that is not ours: dkimpy (package `python3-dkim`, with
//! `python3-nacl` for Ed25519), on the mail as it came over SMTP. Keys are made by OpenSSL.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::SystemClock;
use mimamori_domain::DetectionKind;
use mimamori_notify::{DkimKey, Mailbox, Pump, Receiver, ReceiverConfig, Security, Sender, SmtpConfig};
use support::{Bench, address, name};

const PYTHON: &str = "/usr/bin/python3";
const DOMAIN: &str = "portal.example";

/// Prints one line for each signature of the mail: its algorithm and whether it holds.
const VERIFY: &str = r#"
import re, sys, dkim
folder = sys.argv[1]
mail = open(folder + '/mail', 'rb').read()
def dns(name, timeout=5):
    return open(folder + '/' + name.decode().rstrip('.'), 'rb').read()
for n, tags in enumerate(re.findall(rb'(?i)^dkim-signature:.*?a=([a-z0-9-]+)', mail, re.M | re.S)):
    try:
        held = dkim.DKIM(mail).verify(idx=n, dnsfunc=dns)
    except dkim.DKIMException as e:
        held = repr(e)
    print(tags.decode(), held)
"#;

fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let out = Command::new(program).args(args).output().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// A key pair: the signing half, and its record in the "DNS" folder.
fn key(folder: &Path, selector: &str, algorithm: &[&str]) -> DkimKey {
    let pem = folder.join(format!("{selector}.pem"));
    let pem = pem.to_str().unwrap();
    run("openssl", &[&["genpkey", "-out", pem][..], algorithm].concat());
    let der = run("openssl", &["pkey", "-in", pem, "-pubout", "-outform", "DER"]);
    let kind = if algorithm.contains(&"ed25519") { "ed25519" } else { "rsa" };
    // RFC 8463 publishes the 32 bytes of the key alone.
    let public = if kind == "ed25519" { &der[der.len() - 32..] } else { &der[..] };
    use base64::Engine as _;
    let public = base64::engine::general_purpose::STANDARD.encode(public);
    let record = format!("v=DKIM1; k={kind}; p={public}");
    std::fs::write(folder.join(format!("{selector}._domainkey.{DOMAIN}")), record).unwrap();
    DkimKey::from_pem(DOMAIN, selector, &std::fs::read_to_string(pem).unwrap()).unwrap()
}

fn verified(folder: &Path, mail: &[u8]) -> Vec<String> {
    std::fs::write(folder.join("mail"), mail).unwrap();
    let said = run(PYTHON, &["-c", VERIFY, folder.to_str().unwrap()]);
    String::from_utf8(said).unwrap().lines().map(str::to_owned).collect()
}

fn can_run() -> bool {
    let there = Command::new(PYTHON).args(["-c", "import dkim, nacl"]).output();
    let there = there.is_ok_and(|out| out.status.success());
    if !there {
        println!("skipped: no dkimpy (packages python3-dkim and python3-nacl)");
    }
    there
}

#[tokio::test]
async fn nt_05_signatures_hold_for_a_verifier_that_is_not_ours() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rsa = key(folder.path(), "rsa2026", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    let ed = key(folder.path(), "ed2026", &["-algorithm", "ed25519"]);
    let b = Bench::new().await;
    let server =
        Receiver::start(ReceiverConfig::loopback(), Mailbox::new(9), Arc::new(SystemClock)).await.unwrap();
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let config = SmtpConfig {
        host: "localhost".to_owned(),
        port: server.address().port(),
        security: Security::PlainLoopback,
        credentials: None,
        from_name: name("見守りサービス"),
        from: address("alert@portal.example"),
        reply_to: Some(address("desk@portal.example")),
        bounces: Some(address("bounce@portal.example")),
        dkim: vec![rsa, ed],
        hello_name: DOMAIN.to_owned(),
        timeout: Duration::from_secs(5),
        extra_root_pem: None,
    };
    assert_eq!(Pump::new(b.service.clone(), Sender::new(config).unwrap()).drain().await.unwrap().sent, 1);
    let mail = server.mailbox().messages()[0].raw.clone();
    assert_eq!(verified(folder.path(), &mail), ["rsa-sha256 True", "ed25519-sha256 True"]);

    // What a relay may do on the way (a trace header before, other folding) changes nothing.
    let relayed = [b"Received: from a by b; Tue, 24 Nov 2026 14:05:00 +0900\r\n".as_slice(), &mail].concat();
    assert_eq!(verified(folder.path(), &relayed), ["rsa-sha256 True", "ed25519-sha256 True"]);
    // What nobody may do is noticed: another word, another subject, one more header of a signed name.
    let text = String::from_utf8(mail).unwrap();
    let forged = [
        text.replacen("\r\nSubject: ", "\r\nSubject: x", 1),
        format!("Subject: paid\r\n{text}"),
        text.replacen("MIME-Version: 1.0", "MIME-Version: 1.1", 1),
        text.trim_end().to_owned() + "\r\nmore\r\n",
    ];
    for forged in forged {
        let said = verified(folder.path(), forged.as_bytes());
        assert!(said.len() == 2 && said.iter().all(|s| !s.ends_with("True")), "{said:?}");
    }
}
