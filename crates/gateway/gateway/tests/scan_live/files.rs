//! Files over FTP and SMB, both ways.

use crate::office::{Office, SERVER};
use crate::wrap::{is_harmful, known};

pub fn ftp(office: &mut Office) {
    for name in known() {
        office.fetch("FTP", name, &format!("curl -s -m 20 -o got ftp://{SERVER}/KIND/{name}"));
    }
    // The server connects to the client.
    for name in ["eicar.com", "nested.zip", "big.zip"] {
        office.fetch("FTP active", name, &format!("curl -s -m 20 -P - -o got ftp://{SERVER}/KIND/{name}"));
    }
    for name in ["eicar.com", "nested.zip", "big.zip"] {
        let from = format!("{}/files/KIND/{name}", office.work.display());
        let upload = format!("curl -s -m 20 -P - -T {from} ftp://{SERVER}/up/a-KIND-{name}");
        office.send("FTP active upload", name, &upload, &format!("ftp/up/a-KIND-{name}"));
    }
    for name in ["eicar.com", "nested.zip", "plain.7z", "big.zip", "plain.tar.gz"] {
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

/// After AUTH TLS neither commands nor files can be seen: the file passes.
pub fn ftp_over_tls(office: &mut Office) {
    let (ok, got) = office.pc(&format!("curl -s -k -m 20 --ssl-reqd ftp://{SERVER}/bad/eicar.com"));
    let detail = format!("{} bytes", got.len());
    office.check("FTP after AUTH TLS passes".into(), ok && is_harmful(&got), &detail);
}

pub fn smb(office: &mut Office) {
    let client = format!("smbclient -N -t 10 //{SERVER}/share");
    for name in known() {
        office.fetch("SMB", name, &format!("{client} -c 'get KIND/{name} got'"));
    }
    for name in ["eicar.com", "nested.zip", "plain.7z", "big.zip"] {
        office.send(
            "SMB upload",
            name,
            &format!("{client} -c 'put {}/files/KIND/{name} KIND-{name}'", office.work.display()),
            &format!("smb/KIND-{name}"),
        );
    }
}
