//! SMB in EVE's shape.

use serde_json::{Map, Value, json};

use crate::smb::ntlmssp::Ntlmssp;
use crate::smb::text::{
    dialect_text, disposition_name, file_id_text, smb1_command_name, smb2_command_name, status_name,
};
use crate::smb::transaction::{Create, Native, SmbTx, Status, Subject};
use crate::text::printable;

/// The `smb` object.
pub fn smb(tx: &SmbTx) -> Map<String, Value> {
    let mut o = Map::new();
    o.insert("id".into(), json!(tx.id + 1));
    o.insert("dialect".into(), json!(tx.dialect));
    let command = if tx.version == 1 { smb1_command_name(tx.command) } else { smb2_command_name(tx.command) };
    o.insert("command".into(), json!(command));
    if let Some(status) = tx.status {
        put_status(&mut o, status);
    }
    o.insert("session_id".into(), json!(tx.session_id));
    o.insert("tree_id".into(), json!(tx.tree_id));
    put_subject(&mut o, &tx.subject);
    o
}

fn put_status(o: &mut Map<String, Value>, status: Status) {
    match status {
        Status::Nt(code) => {
            o.insert(
                "status".into(),
                json!(status_name(code).map_or_else(|| format!("0x{code:x}"), str::to_owned)),
            );
            o.insert("status_code".into(), json!(format!("0x{code:x}")));
        }
        Status::Dos(class, code) => {
            let name = match (class, code) {
                (0, 0) => "SUCCESS",
                (2, 1) => "SRV_ERROR",
                (2, 2) => "SRV_BADPW",
                (2, 4) => "SRV_ACCESS",
                (2, 5) => "SRV_BADTID",
                (2, 6) => "SRV_BADNETNAME",
                (2, 91) => "SRV_BADUID",
                _ => "UNKNOWN",
            };
            o.insert("status".into(), json!(name));
            o.insert("status_code".into(), json!(format!("0x{code:04x}")));
        }
    }
}

fn put_subject(o: &mut Map<String, Value>, subject: &Subject) {
    match subject {
        Subject::Plain => {}
        Subject::Negotiate { dialects, client_guid, server_guid } => {
            if !dialects.is_empty() {
                o.insert("client_dialects".into(), json!(dialects));
            }
            for (key, guid) in [("client_guid", client_guid), ("server_guid", server_guid)] {
                if let Some(guid) = guid {
                    o.insert(key.into(), json!(file_id_text(guid)));
                }
            }
        }
        Subject::SessionSetup { ntlmssp, request_native, response_native } => {
            if let Some(n) = ntlmssp {
                o.insert("ntlmssp".into(), ntlmssp_json(n));
            }
            for (key, native) in [("request", request_native), ("response", response_native)] {
                if let Some(native) = native {
                    o.insert(key.into(), native_json(native));
                }
            }
        }
        Subject::TreeConnect { share, pipe, share_type } => {
            let key = if *pipe { "named_pipe" } else { "share" };
            o.insert(key.into(), json!(printable(share)));
            if let Some(kind) = share_type {
                o.insert("share_type".into(), json!(kind));
            }
        }
        Subject::Create(create) => put_create(o, create),
        Subject::Ioctl { function } => {
            o.insert("function".into(), json!(ioctl_name(*function)));
        }
        Subject::Rename { from, to, file_id } => {
            o.insert("rename".into(), json!({"from": printable(from), "to": printable(to)}));
            put_file_id(o, file_id.as_ref());
        }
        Subject::Delete { name, file_id } => {
            o.insert("filename".into(), json!(printable(name)));
            o.insert("access".into(), json!("delete on close"));
            put_file_id(o, file_id.as_ref());
        }
        Subject::DceRpc(call) => {
            o.insert("dcerpc".into(), Value::Object(call.log(true)));
        }
        Subject::File(file) => {
            o.insert("filename".into(), json!(printable(&file.name)));
            if !file.share.is_empty() {
                o.insert("share".into(), json!(printable(&file.share)));
            }
            put_file_id(o, Some(&file.file_id));
        }
    }
}

fn put_file_id(o: &mut Map<String, Value>, id: Option<&[u8; 16]>) {
    if let Some(id) = id {
        o.insert("fuid".into(), json!(file_id_text(id)));
    }
}

fn put_create(o: &mut Map<String, Value>, create: &Create) {
    match (create.name.is_empty(), create.directory) {
        (true, _) => o.insert("filename".into(), json!("<share_root>")),
        (false, true) => o.insert("directory".into(), json!(printable(&create.name))),
        (false, false) => o.insert("filename".into(), json!(printable(&create.name))),
    };
    o.insert("disposition".into(), json!(disposition_name(create.disposition)));
    o.insert("access".into(), json!(if create.delete_on_close { "delete on close" } else { "normal" }));
    if let Some(times) = create.times {
        for (key, time) in ["created", "accessed", "modified", "changed"].into_iter().zip(times) {
            o.insert(key.into(), json!(time));
        }
        o.insert("size".into(), json!(create.size));
    }
    put_file_id(o, create.file_id.as_ref());
}

fn ntlmssp_json(n: &Ntlmssp) -> Value {
    let mut o = Map::new();
    o.insert("domain".into(), json!(printable(&n.domain)));
    o.insert("user".into(), json!(printable(&n.user)));
    o.insert("host".into(), json!(printable(&n.host)));
    if let Some(version) = &n.version {
        o.insert("version".into(), json!(version));
    }
    Value::Object(o)
}

fn native_json(native: &Native) -> Value {
    json!({"native_os": printable(&native.os), "native_lm": printable(&native.lan_manager)})
}

fn ioctl_name(function: u32) -> String {
    match function {
        0x0006_0194 => "FSCTL_DFS_GET_REFERRALS".into(),
        0x0011_c017 => "FSCTL_PIPE_TRANSCEIVE".into(),
        0x0011_0018 => "FSCTL_PIPE_WAIT".into(),
        0x0014_0204 => "FSCTL_VALIDATE_NEGOTIATE_INFO".into(),
        0x0014_01fc => "FSCTL_QUERY_NETWORK_INTERFACE_INFO".into(),
        0x0014_4064 => "FSCTL_SRV_ENUMERATE_SNAPSHOTS".into(),
        other => format!("0x{other:08x}"),
    }
}

/// The dialect that logs name before one was agreed.
#[must_use]
pub fn dialect_of(dialect: Option<u16>, smb1: Option<&str>) -> String {
    match (dialect, smb1) {
        (Some(d), _) => dialect_text(d),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "unknown".to_owned(),
    }
}
