//! Which records of SMB are written: `smb.types` of EVE.
//!
//! Holds always: a record is of one kind; with no choice made all are written.

use serde_json::{Map, Value};

/// The kinds by their names in the option.
pub const SMB_KINDS: [&str; 10] = [
    "file",
    "tree_connect",
    "negotiate",
    "dcerpc",
    "create",
    "session_setup",
    "ioctl",
    "rename",
    "set_file_path_info",
    "generic",
];

/// Kinds of SMB records that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmbKinds(u16);

impl Default for SmbKinds {
    fn default() -> Self {
        SmbKinds(u16::MAX)
    }
}

impl SmbKinds {
    /// The kinds that `names` say; none said are all. `None`: one does not exist.
    #[must_use]
    pub fn of(names: &[String]) -> Option<SmbKinds> {
        if names.is_empty() || names.iter().any(|n| n == "all") {
            return Some(SmbKinds::default());
        }
        names.iter().try_fold(SmbKinds(0), |all, name| Some(SmbKinds(all.0 | bit(name)?)))
    }

    /// Whether the record with this `smb` object is written.
    #[must_use]
    pub(crate) fn hold(self, smb: &Map<String, Value>) -> bool {
        bit(smb_kind(smb)).is_some_and(|bit| self.0 & bit != 0)
    }
}

fn bit(name: &str) -> Option<u16> {
    SMB_KINDS.iter().zip(0..).find(|(kind, _)| **kind == name).map(|(_, n)| 1 << n)
}

/// The kind of the record with this `smb` object.
#[must_use]
pub fn smb_kind(smb: &Map<String, Value>) -> &'static str {
    let command = smb.get("command").and_then(Value::as_str).unwrap_or("");
    let is = |names: &[&str]| names.iter().any(|name| command.ends_with(name));
    if smb.contains_key("dcerpc") {
        "dcerpc"
    } else if smb.contains_key("rename") {
        "rename"
    } else if is(&["_NEGOTIATE_PROTOCOL", "_NEGOTIATE"]) {
        "negotiate"
    } else if is(&["_SESSION_SETUP", "_SESSION_SETUP_ANDX"]) {
        "session_setup"
    } else if is(&["_TREE_CONNECT", "_TREE_CONNECT_ANDX"]) {
        "tree_connect"
    } else if is(&["_CREATE", "_CREATE_ANDX", "_OPEN_ANDX"]) {
        "create"
    } else if is(&["_IOCTL"]) {
        "ioctl"
    } else if is(&["_SET_INFO"]) {
        "set_file_path_info"
    } else if is(&["_READ", "_WRITE", "_READ_ANDX", "_WRITE_ANDX"]) && smb.contains_key("filename") {
        "file"
    } else {
        "generic"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_record_is_of_one_kind() {
        let of = |smb: Value| smb_kind(smb.as_object().expect("an object"));
        assert_eq!(of(json!({"command": "SMB2_COMMAND_CREATE", "filename": "a"})), "create");
        assert_eq!(of(json!({"command": "SMB2_COMMAND_READ", "filename": "a"})), "file");
        assert_eq!(of(json!({"command": "SMB2_COMMAND_READ", "dcerpc": {}})), "dcerpc");
        assert_eq!(of(json!({"command": "SMB1_COMMAND_NEGOTIATE_PROTOCOL"})), "negotiate");
        assert_eq!(of(json!({"command": "SMB2_COMMAND_CLOSE"})), "generic");
        let some = SmbKinds::of(&["file".to_owned(), "create".to_owned()]).expect("kinds");
        let holds = |smb: Value| some.hold(smb.as_object().expect("an object"));
        assert!(holds(json!({"command": "SMB2_COMMAND_WRITE", "filename": "a"})));
        assert!(!holds(json!({"command": "SMB2_COMMAND_CLOSE"})));
        assert_eq!(SmbKinds::of(&["nothing".to_owned()]), None);
    }
}
