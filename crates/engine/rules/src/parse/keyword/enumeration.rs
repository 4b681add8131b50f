//! Names for the values of number fields.

use crate::ast::NumberCmp;
use crate::error::{Result, RuleError};

/// The value that `name` has for the field of `keyword`.
pub fn value(keyword: &str, name: &str) -> Option<u64> {
    let lower = name.trim().to_ascii_lowercase();
    table(keyword)?.iter().find(|(n, _)| *n == lower).map(|(_, v)| *v)
}

fn table(keyword: &str) -> Option<&'static [(&'static str, u64)]> {
    Some(match keyword {
        "dns.rcode" => &[
            ("noerror", 0),
            ("formerr", 1),
            ("servfail", 2),
            ("nxdomain", 3),
            ("notimp", 4),
            ("refused", 5),
            ("yxdomain", 6),
            ("yxrrset", 7),
            ("nxrrset", 8),
            ("notauth", 9),
            ("notzone", 10),
            ("badvers", 16),
            ("badsig", 16),
            ("badkey", 17),
            ("badtime", 18),
            ("badmode", 19),
            ("badname", 20),
            ("badalg", 21),
            ("badtrunc", 22),
        ],
        "dns.rrtype" => &[
            ("a", 1),
            ("ns", 2),
            ("cname", 5),
            ("soa", 6),
            ("ptr", 12),
            ("hinfo", 13),
            ("mx", 15),
            ("txt", 16),
            ("aaaa", 28),
            ("srv", 33),
            ("naptr", 35),
            ("opt", 41),
            ("ds", 43),
            ("sshfp", 44),
            ("rrsig", 46),
            ("nsec", 47),
            ("dnskey", 48),
            ("tlsa", 52),
            ("svcb", 64),
            ("https", 65),
            ("any", 255),
        ],
        "websocket.opcode" => {
            &[("continuation", 0), ("text", 1), ("binary", 2), ("close", 8), ("ping", 9), ("pong", 10)]
        }
        "mqtt.connack.session_present" => &[("yes", 1), ("true", 1), ("no", 0), ("false", 0)],
        "http2.frametype" => &[
            ("data", 0),
            ("headers", 1),
            ("priority", 2),
            ("rst_stream", 3),
            ("rststream", 3),
            ("settings", 4),
            ("push_promise", 5),
            ("pushpromise", 5),
            ("ping", 6),
            ("goaway", 7),
            ("window_update", 8),
            ("windowupdate", 8),
            ("continuation", 9),
        ],
        "http2.errorcode" => &[
            ("no_error", 0),
            ("protocol_error", 1),
            ("internal_error", 2),
            ("flow_control_error", 3),
            ("settings_timeout", 4),
            ("stream_closed", 5),
            ("frame_size_error", 6),
            ("refused_stream", 7),
            ("cancel", 8),
            ("compression_error", 9),
            ("connect_error", 10),
            ("enhance_your_calm", 11),
            ("inadequate_security", 12),
            ("http_1_1_required", 13),
        ],
        "http2.settings" => &[
            ("settings_header_table_size", 1),
            ("settings_enable_push", 2),
            ("settings_max_concurrent_streams", 3),
            ("settings_initial_window_size", 4),
            ("settings_max_frame_size", 5),
            ("settings_max_header_list_size", 6),
        ],
        "rfb.secresult" => &[("ok", 0), ("fail", 1), ("toomany", 2)],
        "mqtt.type" => &[
            ("connect", 1),
            ("connack", 2),
            ("publish", 3),
            ("puback", 4),
            ("pubrec", 5),
            ("pubrel", 6),
            ("pubcomp", 7),
            ("subscribe", 8),
            ("suback", 9),
            ("unsubscribe", 10),
            ("unsuback", 11),
            ("pingreq", 12),
            ("pingresp", 13),
            ("disconnect", 14),
            ("auth", 15),
        ],
        "ldap.request.operation" | "ldap.responses.operation" => &[
            ("bind_request", 0),
            ("bind_response", 1),
            ("unbind_request", 2),
            ("search_request", 3),
            ("search_result_entry", 4),
            ("search_result_done", 5),
            ("modify_request", 6),
            ("modify_response", 7),
            ("add_request", 8),
            ("add_response", 9),
            ("del_request", 10),
            ("del_response", 11),
            ("mod_dn_request", 12),
            ("mod_dn_response", 13),
            ("compare_request", 14),
            ("compare_response", 15),
            ("abandon_request", 16),
            ("search_result_reference", 19),
            ("extended_request", 23),
            ("extended_response", 24),
            ("intermediate_response", 25),
        ],
        "ldap.responses.result_code" => &[
            ("success", 0),
            ("operations_error", 1),
            ("protocol_error", 2),
            ("time_limit_exceeded", 3),
            ("size_limit_exceeded", 4),
            ("compare_false", 5),
            ("compare_true", 6),
            ("auth_method_not_supported", 7),
            ("stronger_auth_required", 8),
            ("referral", 10),
            ("admin_limit_exceeded", 11),
            ("unavailable_critical_extension", 12),
            ("confidentiality_required", 13),
            ("sasl_bind_in_progress", 14),
            ("no_such_attribute", 16),
            ("undefined_attribute_type", 17),
            ("inappropriate_matching", 18),
            ("constraint_violation", 19),
            ("attribute_or_value_exists", 20),
            ("invalid_attribute_syntax", 21),
            ("no_such_object", 32),
            ("alias_problem", 33),
            ("invalid_dns_syntax", 34),
            ("invalid_dn_syntax", 34),
            ("is_leaf", 35),
            ("alias_dereferencing_problem", 36),
            ("inappropriate_authentication", 48),
            ("invalid_credentials", 49),
            ("insufficient_access_rights", 50),
            ("busy", 51),
            ("unavailable", 52),
            ("unwilling_to_perform", 53),
            ("loop_detect", 54),
            ("naming_violation", 64),
            ("object_class_violation", 65),
            ("not_allowed_on_non_leaf", 66),
            ("not_allowed_on_rdn", 67),
            ("entry_already_exists", 68),
            ("object_class_mods_prohibited", 69),
            ("affects_multiple_dsas", 71),
            ("other", 80),
        ],
        // Names of version 3, and those that only version 2 has.
        "nfs_procedure" => &[
            ("null", 0),
            ("getattr", 1),
            ("setattr", 2),
            ("lookup", 3),
            ("access", 4),
            ("readlink", 5),
            ("read", 6),
            ("write", 7),
            ("create", 8),
            ("mkdir", 9),
            ("symlink", 10),
            ("mknod", 11),
            ("remove", 12),
            ("rmdir", 13),
            ("rename", 14),
            ("link", 15),
            ("readdir", 16),
            ("readdirplus", 17),
            ("fsstat", 18),
            ("fsinfo", 19),
            ("pathconf", 20),
            ("commit", 21),
            ("statfs", 17),
            ("root", 3),
            ("writecache", 7),
        ],
        _ => return None,
    })
}

/// Names of bits, comma-separated, each perhaps negated: `username,!retain`.
pub fn flags(keyword: &str, text: &str) -> Option<Result<NumberCmp>> {
    let table: &[(&str, u64)] = match keyword {
        "mqtt.flags" => &[("dup", 1 << 3), ("retain", 1)],
        "mqtt.connect.flags" => &[
            ("username", 0x80),
            ("password", 0x40),
            ("will_retain", 0x20),
            ("will", 4),
            ("clean_session", 2),
        ],
        "websocket.flags" => &[("fin", 0x80), ("comp", 0x40)],
        _ => return None,
    };
    if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '&' | '<' | '>' | '=')) {
        return None;
    }
    let (mut mask, mut set) = (0u64, 0u64);
    for part in text.split(',').map(str::trim) {
        let (name, wanted) = match part.strip_prefix('!') {
            Some(n) => (n.trim(), false),
            None => (part, true),
        };
        let Some((_, bit)) = table.iter().find(|(n, _)| *n == name.to_ascii_lowercase()) else {
            return Some(Err(RuleError::invalid(format!("`{name}` is no flag of {keyword}"))));
        };
        mask |= bit;
        if wanted {
            set |= bit;
        }
    }
    Some(Ok(NumberCmp::MaskEq(mask, set)))
}
