//! A mail as it arrives at Debian's Exim, over STARTTLS with a certificate that is checked.
//!
//! Needs the package `exim4-daemon-light` and root, since Exim takes a configuration of its own
//! only from root; skips with a printed reason otherwise.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mimamori_domain::DetectionKind;
use mimamori_notify::{Pump, Security, Sender, SmtpConfig};
use support::{Bench, address, name};

const EXIM: &str = "/usr/sbin/exim4";

/// An Exim of the test's own, which keeps every mail in the file `mail`.
struct Exim {
    daemon: Child,
    port: u16,
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Exim {
    fn start(folder: &Path) -> Exim {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = folder.display();
        let config = format!(
            "primary_hostname = localhost\n\
             spool_directory = {dir}/spool\n\
             log_file_path = {dir}/log-%s\n\
             acl_smtp_rcpt = take\n\
             acl_smtp_data = take\n\
             tls_advertise_hosts = *\n\
             tls_certificate = {dir}/server.pem\n\
             tls_privatekey = {dir}/server.key\n\
             local_interfaces = 127.0.0.1\n\
             daemon_smtp_ports = {port}\n\
             pid_file_path = {dir}/pid\n\
             begin acl\n\
             take:\n  \
               require encrypted = *\n  \
               accept\n\
             begin routers\n\
             all:\n  \
               driver = accept\n  \
               transport = keep\n\
             begin transports\n\
             keep:\n  \
               driver = appendfile\n  \
               file = {dir}/mail\n  \
               user = Debian-exim\n  \
               return_path_add\n"
        );
        let file = folder.join("exim.conf");
        std::fs::write(&file, config).unwrap();
        let daemon = Command::new(EXIM)
            .arg("-C")
            .arg(&file)
            .arg("-bdf")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let exim = Exim { daemon, port };
        wait_for("Exim to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        exim
    }
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("waited in vain for {what}");
}

/// A certificate for `localhost`; gives the authority to trust, in PEM.
fn certify(folder: &Path) -> Vec<u8> {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    std::fs::write(folder.join("server.pem"), &certificate).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    certificate.into_bytes()
}

fn can_run(folder: &Path) -> bool {
    if !Path::new(EXIM).exists() {
        println!("skipped: no {EXIM} (package exim4-daemon-light)");
        return false;
    }
    if std::fs::metadata(folder).unwrap().uid() != 0 {
        println!("skipped: Exim takes a configuration of its own only from root");
        return false;
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_arrives_at_exim_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    if !can_run(folder.path()) {
        return;
    }
    // Exim drops its rights before it reads keys and writes mails.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let root = certify(folder.path());
    let exim = Exim::start(folder.path());

    let b = Bench::with_addresses(&["keiri@takehara.example"]).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let config = SmtpConfig {
        host: "localhost".to_owned(),
        port: exim.port,
        security: Security::StartTls,
        credentials: None,
        from_name: name("見守りサービス"),
        from: address("alert@portal.example"),
        reply_to: None,
        bounces: None,
        dkim: Vec::new(),
        hello_name: "portal.example".to_owned(),
        timeout: Duration::from_secs(10),
        extra_root_pem: Some(root),
    };
    let round = Pump::new(b.service.clone(), Sender::new(config).unwrap()).drain().await.unwrap();
    assert_eq!((round.sent, round.deferred, round.dead), (1, 0, 0));

    let mailbox = folder.path().join("mail");
    wait_for("the mail", || std::fs::read_to_string(&mailbox).is_ok_and(|m| m.contains("\nSubject: ")));
    let mail = std::fs::read_to_string(&mailbox).unwrap();
    assert!(mail.contains("by localhost with esmtps"), "over TLS: {mail}");
    assert!(mail.contains("Return-path: <alert@portal.example>"), "{mail}");
    assert!(mail.contains("Subject: =?utf-8?"), "an encoded Japanese subject: {mail}");
    assert!(mail.contains("Content-Type: multipart/alternative"), "{mail}");
}
