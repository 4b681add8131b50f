//! RDP in EVE's words.

use serde_json::{Map, Value, json};

use super::Item;
use super::message::{Client, Message, Negotiation};
use crate::text::printable;

/// Writes the `rdp` object of one transaction.
pub(super) fn object(id: u64, item: &Item) -> Value {
    let mut out = Map::new();
    out.insert("tx_id".into(), json!(id));
    let mut kind = |name: &str| {
        out.insert("event_type".into(), json!(name));
    };
    match item {
        Item::Certificates(serials) => {
            kind("tls_handshake");
            out.insert("x509_serials".into(), json!(serials));
        }
        Item::Message(Message::Request { cookie }) => {
            kind("initial_request");
            if let Some(cookie) = cookie {
                out.insert("cookie".into(), json!(printable(cookie)));
            }
        }
        Item::Message(Message::Confirm(negotiation)) => {
            kind("initial_response");
            if let Some(negotiation) = negotiation {
                confirm(*negotiation, &mut out);
            }
        }
        Item::Message(Message::Connect(client)) => {
            kind("connect_request");
            out.insert("client".into(), Value::Object(settings(client)));
            if !client.channels.is_empty() {
                out.insert("channels".into(), json!(client.channels));
            }
        }
        Item::Message(Message::Connected) => kind("connect_response"),
        Item::Message(Message::Other) => {}
    }
    Value::Object(out)
}

fn confirm(negotiation: Negotiation, out: &mut Map<String, Value>) {
    match negotiation {
        Negotiation::Selected { flags, protocol } => {
            let names = [
                (1, "extended_client_data"),
                (2, "dynvc_gfx"),
                (8, "restricted_admin"),
                (16, "restricted_authentication"),
            ];
            let supports: Vec<&str> =
                names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, n)| *n).collect();
            if !supports.is_empty() {
                out.insert("server_supports".into(), json!(supports));
            }
            let name = match protocol {
                0 => "rdp".to_owned(),
                1 => "ssl".to_owned(),
                2 => "hybrid".to_owned(),
                4 => "rds_tls".to_owned(),
                8 => "hybrid_ex".to_owned(),
                n => n.to_string(),
            };
            out.insert("protocol".into(), json!(name));
        }
        Negotiation::Refused { code } => {
            out.insert("error_code".into(), json!(code));
            let reason = match code {
                1 => "ssl required by server",
                2 => "ssl not allowed by server",
                3 => "ssl cert not on server",
                4 => "inconsistent flags",
                5 => "hybrid required by server",
                6 => "ssl with user auth required by server",
                _ => return,
            };
            out.insert("reason".into(), json!(reason));
        }
    }
}

fn settings(c: &Client) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), value);
        }
    };
    let text = |s: &str| Some(json!(s)).filter(|_| !s.is_empty());
    put("version", c.version.map(|v| json!(version(v))));
    put("desktop_width", c.width.map(|n| json!(n)));
    put("desktop_height", c.height.map(|n| json!(n)));
    put("color_depth", c.color_depth.map(|n| json!(n)));
    put("keyboard_layout", c.keyboard_layout.and_then(layout).map(|l| json!(l)));
    put("build", c.build.and_then(build).map(|b| json!(b)));
    put("client_name", text(&c.name));
    put("keyboard_type", c.keyboard_type.and_then(keyboard).map(|k| json!(k)));
    put("keyboard_subtype", c.keyboard_subtype.filter(|n| *n != 0).map(|n| json!(n)));
    put("function_keys", c.function_keys.filter(|n| *n != 0).map(|n| json!(n)));
    put("ime", text(&c.ime));
    put("product_id", c.product_id.filter(|n| *n != 0).map(|n| json!(n)));
    put("serial_number", c.serial.filter(|n| *n != 0).map(|n| json!(n)));
    put("capabilities", c.capabilities.map(capabilities).filter(|l| !l.is_empty()).map(|l| json!(l)));
    put("id", text(&c.id));
    out
}

fn version(number: u32) -> String {
    match number {
        0x8_0001 => "4".to_owned(),
        0x8_0004 => "5".to_owned(),
        n @ 0x8_0005..=0x8_0012 => format!("10.{}", n - 0x8_0005),
        _ => "unknown".to_owned(),
    }
}

/// Keyboard layouts by their language number: those of the offices that are to be expected.
fn layout(number: u32) -> Option<&'static str> {
    Some(match number & 0xffff {
        0x0404 => "zh-TW",
        0x0407 => "de-DE",
        0x0409 => "en-US",
        0x040a => "es-ES_tradnl",
        0x040b => "fi-FI",
        0x040c => "fr-FR",
        0x0410 => "it-IT",
        0x0411 => "ja-JP",
        0x0412 => "ko-KR",
        0x0413 => "nl-NL",
        0x0414 => "nb-NO",
        0x0415 => "pl-PL",
        0x0416 => "pt-BR",
        0x0419 => "ru-RU",
        0x041d => "sv-SE",
        0x041e => "th-TH",
        0x041f => "tr-TR",
        0x0421 => "id-ID",
        0x0422 => "uk-UA",
        0x042a => "vi-VN",
        0x0804 => "zh-CN",
        0x0807 => "de-CH",
        0x0809 => "en-GB",
        0x0816 => "pt-PT",
        0x0c04 => "zh-HK",
        0x0c09 => "en-AU",
        0x0c0a => "es-ES",
        0x1009 => "en-CA",
        _ => return None,
    })
}

/// The system behind a build number.
fn build(number: u32) -> Option<&'static str> {
    Some(match number {
        2195 => "Windows 2000",
        2600 => "Windows XP",
        3790 => "Windows Server 2003",
        6000..=6002 => "Windows Vista",
        7600 | 7601 => "Windows 7",
        9200 => "Windows 8",
        9600 => "Windows 8.1",
        10240 => "Windows 10 RTM (1507)",
        10586 => "Windows 10 (1511)",
        14393 => "Windows 10 (1607)",
        15063 => "Windows 10 (1703)",
        16299 => "Windows 10 (1709)",
        17134 => "Windows 10 (1803)",
        17763 => "Windows 10 (1809)",
        18362 => "Windows 10 (1903)",
        18363 => "Windows 10 (1909)",
        19041..=19045 => "Windows 10",
        22000.. => "Windows 11",
        _ => return None,
    })
}

fn keyboard(number: u32) -> Option<&'static str> {
    Some(match number {
        1 => "xt",
        2 => "ico",
        3 => "at",
        4 => "enhanced",
        5 => "1050",
        6 => "9140",
        7 => "jp",
        _ => return None,
    })
}

/// Early capability flags (2.2.1.3.2).
fn capabilities(flags: u16) -> Vec<&'static str> {
    [
        (0x0001, "support_errinfo_pdf"),
        (0x0002, "want_32bpp_session"),
        (0x0004, "support_statusinfo_pdu"),
        (0x0008, "strong_asymmetric_keys"),
        (0x0020, "valid_connection_type"),
        (0x0040, "support_monitor_layout_pdu"),
        (0x0080, "support_netchar_autodetect"),
        (0x0100, "support_dynvc_gfx_protocol"),
        (0x0200, "support_dynamic_time_zone"),
        (0x0400, "support_heartbeat_pdu"),
    ]
    .into_iter()
    .filter(|(bit, _)| flags & bit != 0)
    .map(|(_, name)| name)
    .collect()
}
