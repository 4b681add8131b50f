//! LDAP messages (RFC 4511), as far as rules and logs look at them.

use serde_json::{Map, Value, json};

use crate::ber::Element;
use crate::text::printable;

/// One LDAPMessage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    pub id: u64,
    /// Application tag: 0 bind request, 3 search request, 4 search entry…
    pub operation: u8,
    /// The object that the operation is about.
    pub dn: Option<Vec<u8>>,
    pub attributes: Vec<Vec<u8>>,
    pub result_code: Option<u64>,
    pub diagnostic: Option<Vec<u8>>,
    /// Name of an extended operation, dotted.
    pub name: Option<Vec<u8>>,
}

pub mod operation {
    pub const BIND_REQUEST: u8 = 0;
    pub const UNBIND_REQUEST: u8 = 2;
    pub const SEARCH_REQUEST: u8 = 3;
    pub const SEARCH_ENTRY: u8 = 4;
    pub const SEARCH_REFERENCE: u8 = 19;
    pub const ABANDON_REQUEST: u8 = 16;
    pub const INTERMEDIATE: u8 = 25;
}

const MAX_ATTRIBUTES: usize = 256;

impl Message {
    /// Reads a whole message's content (the outer sequence).
    #[must_use]
    pub fn read(outer: Element<'_>) -> Option<Message> {
        let mut parts = outer.children();
        let id = parts.next().filter(|e| e.tag == 2)?.number()?;
        let op = parts.next()?;
        let mut message = Message { id, operation: op.tag & 0x1f, ..Message::default() };
        let parts: Vec<Element<'_>> = op.children().take(MAX_ATTRIBUTES).collect();
        match (message.operation, parts.as_slice()) {
            // Unbind, delete and abandon are primitive: their content is the value itself.
            (10, _) => message.dn = Some(op.content.to_vec()),
            (operation::BIND_REQUEST, [_version, name, ..]) => message.dn = Some(name.content.to_vec()),
            (operation::SEARCH_REQUEST, [base, .., wanted]) => {
                message.dn = Some(base.content.to_vec());
                message.attributes =
                    wanted.children().take(MAX_ATTRIBUTES).map(|a| a.content.to_vec()).collect();
            }
            (operation::SEARCH_ENTRY | 8, [dn, list, ..]) => {
                message.dn = Some(dn.content.to_vec());
                message.attributes = named(list, 0);
            }
            (6, [dn, changes, ..]) => {
                message.dn = Some(dn.content.to_vec());
                message.attributes = named(changes, 1);
            }
            (14, [dn, assertion, ..]) => {
                message.dn = Some(dn.content.to_vec());
                message.attributes = assertion.children().take(1).map(|a| a.content.to_vec()).collect();
            }
            (12, [dn, ..]) => message.dn = Some(dn.content.to_vec()),
            (23, [name, ..]) => message.name = Some(name.content.to_vec()),
            (1 | 5 | 7 | 9 | 11 | 13 | 15 | 24, [code, dn, diagnostic, ..]) => {
                message.result_code = code.number();
                message.dn = Some(dn.content.to_vec());
                message.diagnostic = Some(diagnostic.content.to_vec());
                let named = parts.iter().find(|e| e.tag == 0x8a);
                message.name = named.map(|e| e.content.to_vec());
            }
            _ => {}
        }
        Some(message)
    }

    /// A request, by its operation.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self.operation, 0 | 2 | 3 | 6 | 8 | 10 | 12 | 14 | 16 | 23)
    }

    /// Another response to the same request follows.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        matches!(
            self.operation,
            operation::SEARCH_ENTRY | operation::SEARCH_REFERENCE | operation::INTERMEDIATE
        )
    }

    #[must_use]
    pub fn expects_answer(&self) -> bool {
        !matches!(self.operation, operation::UNBIND_REQUEST | operation::ABANDON_REQUEST)
    }

    #[must_use]
    pub fn log(&self) -> Value {
        let name = operation_name(self.operation);
        let mut inside = Map::new();
        if let Some(dn) = &self.dn {
            let key = match self.operation {
                operation::SEARCH_REQUEST | operation::SEARCH_ENTRY => "base_object",
                operation::BIND_REQUEST => "name",
                1 | 5 | 7 | 9 | 11 | 13 | 15 | 24 => "matched_dn",
                6 => "object",
                _ => "entry",
            };
            inside.insert(key.into(), json!(printable(dn)));
        }
        if let Some(code) = self.result_code {
            inside.insert("result_code".into(), json!(result_name(code)));
        }
        if let Some(text) = &self.diagnostic {
            inside.insert("message".into(), json!(printable(text)));
        }
        if let Some(name) = &self.name {
            inside.insert("name".into(), json!(printable(name)));
        }
        if !self.attributes.is_empty() {
            let texts = self.attributes.iter().map(|a| printable(a));
            let list: Vec<Value> = if self.operation == operation::SEARCH_REQUEST {
                texts.map(Value::String).collect()
            } else {
                texts.map(|t| json!({ "type": t })).collect()
            };
            inside.insert("attributes".into(), Value::Array(list));
        }
        let mut out = Map::new();
        out.insert("operation".into(), json!(name));
        if !inside.is_empty() {
            out.insert(name.into(), Value::Object(inside));
        }
        Value::Object(out)
    }
}

/// The first string inside each of `list`'s elements, `deeper` levels down.
fn named(list: &Element<'_>, deeper: usize) -> Vec<Vec<u8>> {
    let name = |e: Element<'_>| -> Option<Vec<u8>> {
        let e = if deeper == 0 { e } else { e.children().nth(1)? };
        e.children().next().map(|n| n.content.to_vec())
    };
    list.children().take(MAX_ATTRIBUTES).filter_map(name).collect()
}

fn operation_name(number: u8) -> &'static str {
    match number {
        0 => "bind_request",
        1 => "bind_response",
        2 => "unbind_request",
        3 => "search_request",
        4 => "search_result_entry",
        5 => "search_result_done",
        6 => "modify_request",
        7 => "modify_response",
        8 => "add_request",
        9 => "add_response",
        10 => "del_request",
        11 => "del_response",
        12 => "mod_dn_request",
        13 => "mod_dn_response",
        14 => "compare_request",
        15 => "compare_response",
        16 => "abandon_request",
        19 => "search_result_reference",
        23 => "extended_request",
        24 => "extended_response",
        25 => "intermediate_response",
        _ => "unknown",
    }
}

/// Result codes of RFC 4511 4.1.9 and its appendix A.
fn result_name(code: u64) -> String {
    let name = match code {
        0 => "success",
        1 => "operations_error",
        2 => "protocol_error",
        3 => "time_limit_exceeded",
        4 => "size_limit_exceeded",
        5 => "compare_false",
        6 => "compare_true",
        7 => "auth_method_not_supported",
        8 => "stronger_auth_required",
        10 => "referral",
        11 => "admin_limit_exceeded",
        12 => "unavailable_critical_extension",
        13 => "confidentiality_required",
        14 => "sasl_bind_in_progress",
        16 => "no_such_attribute",
        17 => "undefined_attribute_type",
        18 => "inappropriate_matching",
        19 => "constraint_violation",
        20 => "attribute_or_value_exists",
        21 => "invalid_attribute_syntax",
        32 => "no_such_object",
        33 => "alias_problem",
        34 => "invalid_dns_syntax",
        36 => "alias_dereferencing_problem",
        48 => "inappropriate_authentication",
        49 => "invalid_credentials",
        50 => "insufficient_access_rights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwilling_to_perform",
        54 => "loop_detect",
        64 => "naming_violation",
        65 => "object_class_violation",
        66 => "not_allowed_on_non_leaf",
        67 => "not_allowed_on_rdn",
        68 => "entry_already_exists",
        69 => "object_class_mods_prohibited",
        71 => "affects_multiple_dsas",
        80 => "other",
        other => return other.to_string(),
    };
    name.to_owned()
}
