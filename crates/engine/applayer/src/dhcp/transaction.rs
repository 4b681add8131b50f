//! One DHCP message as a transaction.

use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use crate::dhcp::message::{Message, Op, option};
use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::text::{hex_colons, printable};
use crate::told::Told;
use crate::transaction::Transaction;

#[derive(Debug)]
pub struct DhcpTx {
    pub id: u64,
    pub message: Message,
}

impl Transaction for DhcpTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn sides(&self) -> Sides {
        match self.message.op {
            Op::Request => Sides::ToServer,
            Op::Reply => Sides::ToClient,
        }
    }

    fn events(&self) -> &[AppEvent] {
        &self.message.events
    }

    fn bytes(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(&[u8])) {}

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        let code = match field {
            Field::DhcpLeaseTime => option::LEASE_TIME,
            Field::DhcpRebindingTime => option::REBINDING_TIME,
            Field::DhcpRenewalTime => option::RENEWAL_TIME,
            _ => return,
        };
        self.message.seconds(code).into_iter().for_each(|s| visit(u64::from(s)));
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("dhcp")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        out.insert("dhcp".into(), Value::Object(object(&self.message)));
    }

    fn tell(&self, told: &mut Told) {
        self.message.option(option::HOST_NAME).into_iter().for_each(|name| told.host(name));
    }
}

fn object(m: &Message) -> Map<String, Value> {
    let mut dhcp = Map::new();
    let mut put = |key: &str, value: Value| {
        dhcp.insert(key.into(), value);
    };
    put("type", json!(if m.op == Op::Request { "request" } else { "reply" }));
    put("id", json!(m.id));
    put("client_mac", json!(hex_colons(&m.client_mac, false)));
    put("assigned_ip", json!(m.assigned_ip.to_string()));
    put("client_ip", json!(m.client_ip.to_string()));
    if m.op == Op::Reply {
        put("relay_ip", json!(m.relay_ip.to_string()));
        put("next_server_ip", json!(m.next_server_ip.to_string()));
    }
    if let Some(kind) = m.message_type() {
        put("dhcp_type", json!(kind));
    }
    if let Some(id) = m.option(option::CLIENT_ID) {
        // A hardware address has its type before it (RFC 2132 9.14).
        put("client_id", json!(hex_colons(id.strip_prefix(&[1]).unwrap_or(id), false)));
    }
    for (key, code) in [("hostname", option::HOST_NAME), ("vendor_class_identifier", option::VENDOR_CLASS)] {
        if let Some(text) = m.option(code) {
            put(key, json!(printable(text)));
        }
    }
    let seconds = [
        ("lease_time", option::LEASE_TIME),
        ("rebinding_time", option::REBINDING_TIME),
        ("renewal_time", option::RENEWAL_TIME),
    ];
    for (key, code) in seconds {
        if let Some(value) = m.seconds(code) {
            put(key, json!(value));
        }
    }
    for (key, code) in [("requested_ip", option::REQUESTED_IP), ("subnet_mask", option::SUBNET_MASK)] {
        if let Some(address) = m.addresses(code).first() {
            put(key, json!(address.to_string()));
        }
    }
    for (key, code) in [("routers", option::ROUTERS), ("dns_servers", option::DNS_SERVERS)] {
        let list: Vec<String> = m.addresses(code).iter().map(ToString::to_string).collect();
        if !list.is_empty() {
            put(key, json!(list));
        }
    }
    if let Some(wanted) = m.option(option::PARAMETERS) {
        let names: Vec<&str> = wanted.iter().filter_map(|code| parameter_name(*code)).collect();
        put("params", json!(names));
    }
    dhcp
}

fn parameter_name(code: u8) -> Option<&'static str> {
    Some(match code {
        option::SUBNET_MASK => "subnet_mask",
        option::ROUTERS => "router",
        option::DNS_SERVERS => "dns_server",
        option::HOST_NAME => "hostname",
        15 => "domain",
        35 => "arp_timeout",
        42 => "ntp_server",
        66 => "tftp_server_name",
        67 => "bootfile_name",
        120 => "sip_server",
        _ => return None,
    })
}
