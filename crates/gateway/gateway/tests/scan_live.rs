//! Files in transit between real servers and clients (Linux, root): the EICAR test file in every
//! wrapping over each protocol is stopped, its clean twin passes bit for bit, and a scanner that
//! dies costs what the policy says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mimamori_gateway::lab::{Lab, obstacle};

const GATEWAY: &str = env!("CARGO_BIN_EXE_mimamori-gateway");
const SERVER: &str = "203.0.113.10";

/// The standard harmless test file, in two pieces so that no scanner takes this source for it.
const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];

/// What both files are wrapped in; `bad` and `good` hold the same members by name.
const WRAP: &str = r#"
set -e
for kind in bad good; do
  cd "$WORK/files/$kind"
  cp eicar.com f.txt
  7z a -bd -tzip plain.zip eicar.com >/dev/null
  7z a -bd -tzip -mm=Deflate64 deflate64.zip eicar.com >/dev/null
  7z a -bd -tzip inner.zip plain.zip f.txt >/dev/null
  7z a -bd -tzip nested.zip inner.zip >/dev/null
  7z a -bd plain.7z eicar.com >/dev/null
  7z a -bd nested.7z nested.zip >/dev/null
  tar czf plain.tar.gz eicar.com
  tar cJf plain.tar.xz eicar.com
  tar cjf plain.tar.bz2 eicar.com
  tar cf plain.tar eicar.com
  gzip -k -c eicar.com >eicar.com.gz
  xz -k -c eicar.com >eicar.com.xz
  bzip2 -k -c eicar.com >eicar.com.bz2
  7z a -bd -tzip -psecret locked.zip eicar.com >/dev/null
  head -c 3000000 /dev/urandom >big.bin
  7z a -bd -tzip -mx0 big.zip big.bin eicar.com >/dev/null
  rm -f big.bin
  for i in $(seq 1 400); do cat eicar.com; printf ' %s filler filler filler filler filler filler\n' "$i"; done >large.txt
done
"#;

const WRAPPED: [&str; 16] = [
    "eicar.com",
    "plain.zip",
    "deflate64.zip",
    "nested.zip",
    "plain.7z",
    "nested.7z",
    "plain.tar.gz",
    "plain.tar.xz",
    "plain.tar.bz2",
    "plain.tar",
    "eicar.com.gz",
    "eicar.com.xz",
    "eicar.com.bz2",
    "big.zip",
    "large.txt",
    "f.txt",
];

fn missing() -> Option<String> {
    if let Some(obstacle) = obstacle() {
        return Some(obstacle);
    }
    let tools = [
        ("7z", "p7zip-full"),
        ("exim4", "exim4-daemon-light"),
        ("swaks", "swaks"),
        ("dovecot", "dovecot-imapd dovecot-pop3d"),
        ("vsftpd", "vsftpd"),
        ("smbd", "samba"),
        ("smbclient", "smbclient"),
        ("brotli", "brotli"),
        ("uuencode", "sharutils"),
        ("bzip2", "bzip2"),
        ("xz", "xz-utils"),
    ];
    let absent: Vec<_> = tools
        .iter()
        .filter(|(tool, _)| {
            !["/usr/bin", "/usr/sbin", "/bin"].iter().any(|d| Path::new(d).join(tool).exists())
        })
        .map(|(_, package)| *package)
        .collect();
    (!absent.is_empty()).then(|| absent.join(" "))
}

struct Office {
    lab: Lab,
    work: PathBuf,
    failed: Vec<String>,
    tried: usize,
}

impl Office {
    /// Runs a shell script on a PC.
    fn pc(&self, script: &str) -> (bool, Vec<u8>) {
        let script = format!("cd {}/pc; {script}", self.work.display());
        let out = self.lab.on("pc1", &["timeout", "40", "sh", "-c", &script]).unwrap();
        (out.status.success(), out.stdout)
    }

    fn file(&self, kind: &str, name: &str) -> Vec<u8> {
        fs::read(self.work.join("files").join(kind).join(name)).unwrap()
    }

    fn check(&mut self, what: String, passed: bool, detail: &str) {
        self.tried += 1;
        if !passed {
            println!("FAILED {what}: {detail}");
            self.failed.push(format!("{what}: {detail}"));
        }
    }

    /// Fetches a file of each kind with a script that leaves it in `got`.
    fn fetch(&mut self, how: &str, name: &str, script: &str) {
        for kind in ["good", "bad"] {
            let (ok, said) = self.pc(&format!("rm -f got; {}", script.replace("KIND", kind)));
            let got = fs::read(self.work.join("pc/got")).unwrap_or_default();
            let whole = self.file(kind, name);
            if kind == "good" {
                let fine = ok && got == whole;
                self.check(
                    format!("{how} {name} clean"),
                    fine,
                    &format!("{} of {} bytes", got.len(), whole.len()),
                );
            } else {
                // Neither the whole of it, nor anything that is still the test file.
                let stopped = got != whole && !holds_eicar(&got);
                self.check(format!("{how} {name} harmful"), stopped, &String::from_utf8_lossy(&said));
            }
        }
    }

    /// Sends a file of each kind; it must arrive at `place` whole or not at all.
    fn send(&mut self, how: &str, name: &str, script: &str, place: &str) {
        for kind in ["good", "bad"] {
            let at = self.work.join(place.replace("KIND", kind));
            let _ = fs::remove_file(&at);
            self.pc(&script.replace("KIND", kind));
            // The server writes what it has when the connection ends.
            std::thread::sleep(Duration::from_millis(150));
            let (got, whole) = (fs::read(&at).unwrap_or_default(), self.file(kind, name));
            if kind == "good" {
                self.check(format!("{how} {name} clean"), got == whole, &format!("{} bytes", got.len()));
            } else {
                let stopped = got != whole && !holds_eicar(&got);
                self.check(format!("{how} {name} harmful"), stopped, &format!("{} bytes", got.len()));
            }
        }
    }
}

fn holds_eicar(bytes: &[u8]) -> bool {
    let text = EICAR.concat();
    bytes.starts_with(text.as_bytes())
}

#[test]
fn gw_03_harmful_files_do_not_arrive_and_clean_ones_do() {
    if let Some(missing) = missing() {
        println!("skipped: needs {missing}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut office = build(dir.path());
    http(&mut office);
    ftp(&mut office);
    smb(&mut office);
    smtp(&mut office);
    mailboxes(&mut office);
    scanner_dies(&mut office);
    let log = fs::read_to_string(dir.path().join("mimamori-gateway.log")).unwrap_or_default();
    println!("{} checks", office.tried);
    assert!(office.failed.is_empty(), "{:#?}\n{log}", office.failed);
    let eve = fs::read_to_string(dir.path().join("eve.json")).unwrap();
    for word in ["\"outcome\":\"stopped\"", "\"outcome\":\"neutralised\"", "EICAR-Test-File", "file_unjudged"]
    {
        assert!(eve.contains(word), "{word}");
    }
}

fn build(dir: &Path) -> Office {
    // Servers drop their privileges and still have to come here.
    Command::new("chmod").arg("755").arg(dir).status().unwrap();
    let mut lab = Lab::build("mms", dir).unwrap();
    let work = lab.work().to_path_buf();
    for folder in
        ["files/bad", "files/good", "pc", "up", "ftp/up", "ftp-empty", "smb", "maildir", "spool", "samba"]
    {
        fs::create_dir_all(work.join(folder)).unwrap();
    }
    fs::write(work.join("files/bad/eicar.com"), EICAR.concat()).unwrap();
    fs::write(work.join("files/good/eicar.com"), EICAR.concat().replace("STANDARD", "HARMLESS")).unwrap();
    let wrapped = Command::new("sh").args(["-c", WRAP]).env("WORK", &work).status().unwrap();
    assert!(wrapped.success());
    servers(&mut lab, &work);
    // The starter set's own rule for the test file must not do the scanner's work.
    fs::write(
        work.join("none.rules"),
        "alert tcp any any -> any 9 (msg:\"nothing\"; content:\"nothing-of-the-kind\"; sid:1;)\n",
    )
    .unwrap();
    let config = format!(
        "state_dir = \"{w}/state\"\n\
         [[port]]\ninterface = \"wan0\"\nzone = \"wan\"\n\
         [[port]]\ninterface = \"lan0\"\nzone = \"lan\"\n\
         [[port]]\ninterface = \"lan1\"\nzone = \"lan\"\n\
         [inspection]\nrules = [\"{w}/none.rules\"]\n\
         [eve]\npath = \"{w}/eve.json\"\n",
        w = work.display()
    );
    let path = work.join("gateway.toml");
    fs::write(&path, config).unwrap();
    lab.start("gw", &[GATEWAY, "run", "--config", &path.to_string_lossy()]).unwrap();
    assert!(lab.wait_for_gateway(Duration::from_secs(20)));
    let office = Office { lab, work, failed: Vec::new(), tried: 0 };
    let ready = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        !worker_pids(&office.work).is_empty()
            && [8081, 25, 21, 445, 110, 143].iter().all(|port| {
                office.pc(&format!("curl -s --max-time 2 -o /dev/null telnet://{SERVER}:{port} </dev/null")).0
                    || office.pc(&format!("timeout 2 bash -c '</dev/tcp/{SERVER}/{port}'")).0
            })
    });
    assert!(ready, "servers and scanner stand");
    office
}

fn servers(lab: &mut Lab, work: &Path) {
    let w = work.display();
    let write = |name: &str, text: String| {
        let path = work.join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "cd {w}; cp -r files/bad files/good ftp/; chmod 755 ftp ftp/bad ftp/good; chown ftp ftp/up; chmod 777 up smb spool samba maildir pc; \
             cp -r files/bad files/good smb/; chmod -R a+rX smb files; chown -R Debian-exim spool; \
             for k in bad good; do for f in files/$k/*; do brotli -k -f -o $f.br $f; done; done"
        ))
        .status()
        .unwrap();
    let nginx = write(
        "scan-nginx.conf",
        format!(
            "daemon off; user root; worker_processes 1; pid {w}/n2.pid; error_log {w}/n2-error.log;\n\
             events {{}}\n\
             http {{ access_log off; default_type application/octet-stream; client_body_temp_path {w}/b2;\n\
               proxy_temp_path {w}/p2; fastcgi_temp_path {w}/f2; uwsgi_temp_path {w}/u2; scgi_temp_path {w}/s2;\n\
               client_body_in_file_only off; client_max_body_size 50m;\n\
               server {{ listen {SERVER}:8081; root {w}/files;\n\
                 location /gzip/ {{ alias {w}/files/; gzip on; gzip_types *; gzip_min_length 1; }}\n\
                 location /br/ {{ alias {w}/files/; add_header Content-Encoding br; }}\n\
                 location /slow/ {{ alias {w}/files/; limit_rate 400k; }}\n\
                 location /up/ {{ alias {w}/up/; dav_methods PUT; }} }} }}\n"
        ),
    );
    lab.start("inet", &["nginx", "-c", &nginx]).unwrap();
    let ftp = write(
        "vsftpd.conf",
        format!(
            "listen=YES\nlisten_address={SERVER}\nbackground=NO\nanonymous_enable=YES\nanon_root={w}/ftp\n\
             write_enable=YES\nanon_upload_enable=YES\nanon_other_write_enable=YES\nanon_umask=022\nanon_world_readable_only=NO\nno_anon_password=YES\n\
             secure_chroot_dir={w}/ftp-empty\nseccomp_sandbox=NO\nxferlog_enable=NO\nftp_username=ftp\n\
             pasv_address={SERVER}\nisolate_network=NO\n"
        ),
    );
    lab.start("inet", &["vsftpd", &ftp]).unwrap();
    let smb = write(
        "smb.conf",
        format!(
            "[global]\nworkgroup = T\nmap to guest = Bad User\nguest account = nobody\nserver min protocol = SMB2\n\
             server role = standalone server\nserver signing = disabled\nbind interfaces only = yes\ninterfaces = {SERVER}/32\n\
             private dir = {w}/samba\nlock directory = {w}/samba\nstate directory = {w}/samba\ncache directory = {w}/samba\n\
             pid directory = {w}/samba\nncalrpc dir = {w}/samba/rpc\nlog file = {w}/samba/log\ndisable netbios = yes\nload printers = no\n\
             [share]\npath = {w}/smb\nguest ok = yes\nread only = no\nforce user = root\n"
        ),
    );
    lab.start("inet", &["smbd", "--foreground", "--no-process-group", "-s", &smb]).unwrap();
    let exim = write(
        "exim.conf",
        format!(
            "primary_hostname = mx.example\nspool_directory = {w}/spool\nlog_file_path = {w}/spool/log-%s\n\
             acl_smtp_rcpt = take\nacl_smtp_data = take\nlocal_interfaces = {SERVER}\ndaemon_smtp_ports = 25\n\
             pid_file_path = {w}/spool/pid\nmessage_size_limit = 50M\ntls_advertise_hosts =\n\
             begin acl\ntake:\n  accept\nbegin routers\nall:\n  driver = accept\n  transport = keep\n\
             begin transports\nkeep:\n  driver = appendfile\n  file = {w}/spool/mail\n  user = Debian-exim\n"
        ),
    );
    lab.start("inet", &["exim4", "-C", &exim, "-bdf"]).unwrap();
    let dovecot = write(
        "dovecot.conf",
        format!(
            "protocols = imap pop3\nlisten = {SERVER}\nbase_dir = {w}/dovecot\nlog_path = {w}/dovecot.err\nssl = no\n\
             disable_plaintext_auth = no\nmail_location = maildir:{w}/maildir/%u\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
             passdb {{\n  driver = static\n  args = password=pw\n}}\n\
             userdb {{\n  driver = static\n  args = uid=mail gid=mail home={w}/maildir\n}}\n"
        ),
    );
    lab.start("inet", &["dovecot", "-F", "-c", &dovecot]).unwrap();
}

fn http(office: &mut Office) {
    // Only rules know a file by its beginning.
    let known = |name: &&str| cfg!(feature = "yara") || *name != "large.txt";
    for name in WRAPPED.iter().copied().filter(|n| known(n)) {
        office.fetch("HTTP", name, &format!("curl -s -f -o got http://{SERVER}:8081/KIND/{name}"));
    }
    for name in ["eicar.com", "plain.zip", "large.txt"].into_iter().filter(known) {
        office.fetch(
            "HTTP gzip",
            name,
            &format!("curl -s -f --compressed -o got http://{SERVER}:8081/gzip/KIND/{name}"),
        );
        office.fetch(
            "HTTP brotli",
            name,
            &format!("curl -s -f -o g.br http://{SERVER}:8081/br/KIND/{name}.br && brotli -d -f -o got g.br; [ -e got ]"),
        );
    }
    office.fetch(
        "HTTP ranges",
        "eicar.com",
        &format!(
            "for r in 0-19 20-39 40-67; do curl -s -f -r $r http://{SERVER}:8081/KIND/eicar.com >>got || exit 1; done"
        ),
    );
    office.fetch(
        "HTTP slow",
        "big.zip",
        &format!("curl -s -f -o got http://{SERVER}:8081/slow/KIND/big.zip"),
    );
    for name in ["eicar.com", "nested.zip", "plain.tar.gz"] {
        office.send(
            "HTTP upload",
            name,
            &format!(
                "curl -s -m 8 -T {}/files/KIND/{name} http://{SERVER}:8081/up/KIND-{name}",
                office.work.display()
            ),
            &format!("up/KIND-{name}"),
        );
        office.send(
            "HTTP chunked upload",
            name,
            &format!(
                "curl -s -m 8 -H 'Transfer-Encoding: chunked' -T {}/files/KIND/{name} http://{SERVER}:8081/up/c-KIND-{name}",
                office.work.display()
            ),
            &format!("up/c-KIND-{name}"),
        );
    }
    // The page, where nothing was sent yet; passwords pass by default, and are told.
    let (_, page) = office.pc(&format!("curl -s http://{SERVER}:8081/bad/eicar.com"));
    let page = String::from_utf8_lossy(&page).into_owned();
    office.check("HTTP page".into(), page.contains("危険なファイルを止めました"), &page);
    let (ok, _) = office.pc(&format!("curl -s -f -o got http://{SERVER}:8081/bad/locked.zip"));
    let same = fs::read(office.work.join("pc/got")).unwrap_or_default() == office.file("bad", "locked.zip");
    office.check("HTTP password".into(), ok && same, "passes by policy");
}

fn ftp(office: &mut Office) {
    for name in ["eicar.com", "nested.zip", "plain.7z", "big.zip", "plain.tar.gz"] {
        office.fetch("FTP", name, &format!("curl -s -m 20 -o got ftp://{SERVER}/KIND/{name}"));
        office.send(
            "FTP upload",
            name,
            &format!(
                "curl -s -m 20 -T {}/files/KIND/{name} ftp://{SERVER}/up/KIND-{name}",
                office.work.display()
            ),
            &format!("ftp/up/KIND-{name}"),
        );
    }
}

fn smb(office: &mut Office) {
    let client = format!("smbclient -N -t 10 //{SERVER}/share");
    for name in ["eicar.com", "nested.zip", "plain.7z", "big.zip"] {
        office.fetch("SMB", name, &format!("{client} -c 'get KIND/{name} got'"));
        office.send(
            "SMB upload",
            name,
            &format!("{client} -c 'put {}/files/KIND/{name} KIND-{name}'", office.work.display()),
            &format!("smb/KIND-{name}"),
        );
    }
}

/// Every encoding of an attachment as a whole mail; `%` stands where the next line begins.
fn mail(kind: &str, how: &str, encoding: &str, name: &str, body: &str) -> String {
    format!(
        "From: a@a.example\nTo: b@b.example\nSubject: {kind} {how} {name}\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=\"==b==\"\n\n--==b==\nContent-Type: text/plain\n\nHello\n\
         --==b==\nContent-Type: application/octet-stream; name=\"{name}\"\n\
         Content-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: {encoding}\n\n{body}\n--==b==--\n"
    )
}

fn encoded(work: &Path, kind: &str, how: &str, name: &str) -> String {
    let command = match how {
        "base64" => format!("base64 {name}"),
        "uuencode" => format!("uuencode {name} {name}"),
        "quoted-printable" => format!("sed 's/=/=3D/g; s/\\$/=24/g' {name}"),
        _ => format!("cat {name}"),
    };
    let dir = work.join("files").join(kind);
    let out = Command::new("sh").args(["-c", &command]).current_dir(dir).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

fn mails(office: &Office) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (how, encoding, name) in [
        ("base64", "base64", "eicar.com"),
        ("base64", "base64", "plain.zip"),
        ("base64", "base64", "nested.zip"),
        ("base64", "base64", "plain.7z"),
        ("base64", "base64", "plain.tar.gz"),
        ("base64", "base64", "big.zip"),
        ("quoted-printable", "quoted-printable", "eicar.com"),
        ("uuencode", "x-uuencode", "eicar.com"),
        ("plain", "7bit", "eicar.com"),
    ] {
        for kind in ["good", "bad"] {
            let body = encoded(&office.work, kind, how, name);
            out.push((format!("{kind} {how} {name}"), mail(kind, how, encoding, name, body.trim_end())));
        }
    }
    out
}

/// A mail came as it was sent, or came with its attachment overwritten.
fn came(office: &mut Office, how: &str, what: &str, sent: &str, got: Option<&str>) {
    let squeeze = |t: &str| t.replace("\r\n", "\n").trim_end().to_owned();
    let body = |t: &str| t.find("--==b==").and_then(|at| t.get(at..)).unwrap_or_default().to_owned();
    let sent = body(&squeeze(sent));
    let got = got.map(|g| body(&squeeze(g)));
    let Some(got) = got else {
        office.check(format!("{how} {what}"), false, "no mail came");
        return;
    };
    if what.starts_with("good") {
        office.check(format!("{how} {what}"), got == sent, &format!("{} of {} bytes", got.len(), sent.len()));
        return;
    }
    let fine = got.len() == sent.len() && got != sent && got.ends_with("--==b==--");
    office.check(
        format!("{how} {what}"),
        fine,
        &format!("{} of {} bytes, changed {}", got.len(), sent.len(), got != sent),
    );
}

fn smtp(office: &mut Office) {
    for (what, text) in mails(office) {
        let box_file = office.work.join("spool/mail");
        let _ = fs::remove_file(&box_file);
        fs::write(office.work.join("pc/mail.eml"), &text).unwrap();
        office.pc(&format!(
            "swaks --server {SERVER} --from a@a.example --to b@b.example --data @mail.eml --suppress-data --timeout 20"
        ));
        let got = (0..40).find_map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            fs::read_to_string(&box_file).ok().filter(|t| t.contains("--==b==--"))
        });
        came(office, "SMTP", &what, &text, got.as_deref());
    }
}

fn mailboxes(office: &mut Office) {
    for (number, (what, text)) in mails(office).into_iter().enumerate() {
        let user = format!("u{number}");
        let cur = office.work.join(format!("maildir/{user}/cur"));
        for folder in ["cur", "new", "tmp"] {
            fs::create_dir_all(cur.with_file_name(folder)).unwrap();
        }
        fs::write(cur.join("1.a:2,"), &text).unwrap();
        Command::new("chown").args(["-R", "mail:mail"]).arg(office.work.join("maildir")).status().unwrap();
        let (_, pop) = office.pc(&format!("curl -s -m 20 -u {user}:pw pop3://{SERVER}/1"));
        came(office, "POP3", &what, &text, Some(&String::from_utf8_lossy(&pop)));
        let (_, imap) = office.pc(&format!("curl -s -m 20 -u {user}:pw 'imap://{SERVER}/INBOX;MAILINDEX=1'"));
        came(office, "IMAP", &what, &text, Some(&String::from_utf8_lossy(&imap)));
    }
}

/// Processes of the scan worker of this test's gateway.
fn worker_pids(work: &Path) -> Vec<u32> {
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

fn scanner_dies(office: &mut Office) {
    // Least privilege: nobody, no new privileges, a system-call filter.
    let pid = worker_pids(&office.work)[0];
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for line in ["Uid:\t65534\t65534", "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"] {
        office.check(format!("worker {line}"), status.contains(line), &status);
    }
    // Killed in the middle of a file: policy "pass", so the download goes on.
    let (ok, got) = std::thread::scope(|s| {
        let office: &Office = office;
        let download = s.spawn(|| {
            office.pc(&format!("curl -s -f -o got http://{SERVER}:8081/slow/good/big.zip && cat got"))
        });
        std::thread::sleep(Duration::from_millis(1_500));
        for pid in worker_pids(&office.work) {
            Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        }
        download.join().unwrap()
    });
    let same = got == office.file("good", "big.zip");
    office.check("scanner killed".into(), ok && same, &format!("{} bytes", got.len()));
    let back = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        worker_pids(&office.work).iter().any(|new| *new != pid)
    });
    office.check("scanner comes back".into(), back, "");
    std::thread::sleep(Duration::from_millis(500));
    office.fetch(
        "HTTP afterwards",
        "plain.zip",
        &format!("curl -s -f -o got http://{SERVER}:8081/KIND/plain.zip"),
    );
}
