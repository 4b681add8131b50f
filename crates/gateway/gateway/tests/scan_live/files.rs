//! Files over FTP and SMB, both ways.

use crate::office::{Office, SERVER};

pub fn ftp(office: &mut Office) {
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

pub fn smb(office: &mut Office) {
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
