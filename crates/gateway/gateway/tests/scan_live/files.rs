//! Files over FTP and SMB, both ways.

use crate::office::{Office, SERVER};
use crate::wrap::known;

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
