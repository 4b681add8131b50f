//! The servers outside: web, FTP, SMB, mail; and clamd beside the gateway.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mimamori_gateway::lab::Lab;

use crate::office::SERVER;
use crate::wrap::CLAMD;

pub fn start(lab: &mut Lab, work: &Path) {
    let w = work.display();
    let write = |name: &str, text: String| {
        let path = work.join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "cd {w}; cp -r files/bad files/good files/clean ftp/; chmod 755 ftp ftp/bad ftp/good ftp/clean; chown ftp ftp/up; chmod 777 up smb spool samba maildir pc; \
             cp -r files/bad files/good files/clean smb/; cp site.pem site.key spool/; chmod -R a+rX smb files; chown -R Debian-exim spool; \
             for k in bad good; do for f in files/$k/*; do [ -f $f ] && brotli -k -f -o $f.br $f; done; done"
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
               server {{ listen {SERVER}:8081; listen {SERVER}:8082 http2; listen {SERVER}:40123; root {w}/files;\n\
                 location /gzip/ {{ alias {w}/files/; gzip on; gzip_types *; gzip_min_length 1; }}\n\
                 location /br/ {{ alias {w}/files/; add_header Content-Encoding br; }}\n\
                 location /deflate/ {{ alias {w}/files/; add_header Content-Encoding deflate; }}\n\
                 location /chunked/ {{ alias {w}/files/; ssi on; ssi_types *; }}\n\
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
             pasv_address={SERVER}\nisolate_network=NO\n\
             ssl_enable=YES\nallow_anon_ssl=YES\nforce_local_logins_ssl=NO\nforce_local_data_ssl=NO\nrequire_ssl_reuse=NO\n\
             rsa_cert_file={w}/site.pem\nrsa_private_key_file={w}/site.key\n"
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
             pid_file_path = {w}/spool/pid\nmessage_size_limit = 50M\ntls_advertise_hosts = *\n\
             tls_certificate = {w}/spool/site.pem\ntls_privatekey = {w}/spool/site.key\n\
             begin acl\ntake:\n  accept\nbegin routers\nall:\n  driver = accept\n  transport = keep\n\
             begin transports\nkeep:\n  driver = appendfile\n  file = {w}/spool/mail\n  user = Debian-exim\n"
        ),
    );
    lab.start("inet", &["exim4", "-C", &exim, "-bdf"]).unwrap();
    let dovecot = write(
        "dovecot.conf",
        format!(
            "protocols = imap pop3\nlisten = {SERVER}\nbase_dir = {w}/dovecot\nlog_path = {w}/dovecot.err\nssl = yes\n\
             ssl_cert = <{w}/site.pem\nssl_key = <{w}/site.key\n\
             disable_plaintext_auth = no\nmail_location = maildir:{w}/maildir/%u\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
             passdb {{\n  driver = static\n  args = password=pw\n}}\n\
             userdb {{\n  driver = static\n  args = uid=mail gid=mail home={w}/maildir\n}}\n"
        ),
    );
    lab.start("inet", &["dovecot", "-F", "-c", &dovecot]).unwrap();
}

/// clamd with a database of one signature, which nothing else knows; its process. `None`: it is
/// not installed.
pub fn clamd(lab: &mut Lab, work: &Path) -> Option<u32> {
    if !Path::new("/usr/sbin/clamd").exists() {
        println!("clamd is left out: needs clamav-daemon");
        return None;
    }
    let w = work.display();
    let marker: String = CLAMD.bytes().map(|b| format!("{b:02x}")).collect();
    fs::create_dir_all(work.join("clamdb")).unwrap();
    fs::write(work.join("clamdb/own.ndb"), format!("Own.Clamd-Test:0:*:{marker}\n")).unwrap();
    let config = work.join("clamd.conf");
    fs::write(
        &config,
        format!("Foreground yes\nLocalSocket {w}/clamd.sock\nDatabaseDirectory {w}/clamdb\nMaxThreads 4\n"),
    )
    .unwrap();
    let pid = lab.start("gw", &["clamd", "--config-file", &config.to_string_lossy()]).unwrap();
    let up = (0..150).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        std::os::unix::net::UnixStream::connect(work.join("clamd.sock")).is_ok()
    });
    let log = fs::read_to_string(work.join("clamd.log")).unwrap_or_default();
    assert!(up, "clamd runs: {log}");
    Some(pid)
}
