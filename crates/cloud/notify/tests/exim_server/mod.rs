//! An Exim of the test's own. Needs the package `exim4-daemon-light` and root, since Exim takes a
//! configuration of its own only from root; skips with a printed reason otherwise.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mimamori_notify::{Security, SmtpConfig};

use crate::support::{address, name};

const EXIM: &str = "/usr/sbin/exim4";

/// Keeps every mail in the file `mail`.
pub struct Exim {
    daemon: Child,
    port: u16,
    /// For the client to trust, in PEM.
    root: Vec<u8>,
    folder: PathBuf,
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// Keeps everything in the file `mail`.
pub const KEEP_ALL: [&str; 2] = ["", ""];

impl Exim {
    /// `more`: routers and transports that come before those that keep everything.
    /// `None`, with a printed reason: it cannot run here.
    pub fn start(folder: &Path, more: [&str; 2]) -> Option<Exim> {
        Exim::start_with(folder, "require encrypted = *", more)
    }

    /// The same under another condition for taking a mail.
    pub fn start_with(folder: &Path, condition: &str, more: [&str; 2]) -> Option<Exim> {
        if !can_run(folder) {
            return None;
        }
        // Exim drops its rights before it reads keys and writes mails.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
        let root = certify(folder);
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
               {condition}\n  \
               accept\n\
             begin routers\n\
             {}\
             all:\n  \
               driver = accept\n  \
               transport = keep\n\
             begin transports\n\
             {}\
             keep:\n  \
               driver = appendfile\n  \
               file = {dir}/mail\n  \
               user = Debian-exim\n  \
               return_path_add\n",
            more[0], more[1]
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
        let exim = Exim { daemon, port, root, folder: folder.to_owned() };
        wait_for("Exim to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(exim)
    }

    /// How to reach it.
    pub fn smtp(&self) -> SmtpConfig {
        SmtpConfig {
            host: "localhost".to_owned(),
            port: self.port,
            security: Security::StartTls,
            credentials: None,
            from_name: name("見守りサービス"),
            from: address("alert@portal.example"),
            reply_to: None,
            bounces: None,
            dkim: Vec::new(),
            hello_name: "portal.example".to_owned(),
            timeout: Duration::from_secs(10),
            extra_root_pem: Some(self.root.clone()),
        }
    }

    /// Everything that it kept, once there are `n` mails.
    pub fn kept(&self, n: usize) -> String {
        let file = self.folder.join("mail");
        let read = || std::fs::read_to_string(&file).unwrap_or_default();
        wait_for("the mails", || read().matches("\nSubject: ").count() >= n);
        read()
    }
}

pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
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
