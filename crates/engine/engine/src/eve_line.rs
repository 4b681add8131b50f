//! An event as a line of EVE JSON, written straight into a buffer.
//!
//! Holds always: the line parses to the same object as [`Event::to_eve`] gives. Deliberately
//! not here: where lines go.

use std::io::Write;
use std::net::IpAddr;

use serde_json::Map;

use crate::event::{Event, direction_text};
use crate::time_text::write_time;

/// Keys that an event has of itself: from `more`, too, they would come twice.
const OWN: [&str; 11] = [
    "timestamp",
    "flow_id",
    "pcap_cnt",
    "event_type",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "ip_v",
    "proto",
    "direction",
];

impl Event {
    /// Appends the event as one line of JSON, with its end of line.
    pub fn write_eve_line(&self, out: &mut Vec<u8>) {
        if self.overlaps() {
            // Objects of the same name are merged.
            let _ = serde_json::to_writer(&mut *out, &self.to_eve());
        } else {
            self.write_direct(out);
        }
        out.push(b'\n');
    }

    fn overlaps(&self) -> bool {
        self.more.keys().any(|key| match key.as_str() {
            "alert" => self.alert.is_some(),
            "reputation" => self.reputation.is_some(),
            "malware" => self.malware.is_some(),
            "app_proto" => self.app_proto.is_some(),
            other => OWN.contains(&other),
        })
    }

    // Writing into a vector cannot fail.
    fn write_direct(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"timestamp\":\"");
        write_time(self.at, out);
        out.push(b'"');
        if let Some(id) = self.flow_id {
            let _ = write!(out, ",\"flow_id\":{id}");
        }
        if let Some(n) = self.packet_number {
            let _ = write!(out, ",\"pcap_cnt\":{n}");
        }
        text(out, "event_type", self.kind.name());
        let has_ports = matches!(self.proto.as_deref(), Some("TCP" | "UDP" | "SCTP"));
        for (end, ip, port) in [(&self.src, "src_ip", "src_port"), (&self.dst, "dest_ip", "dest_port")] {
            let Some(end) = end else { continue };
            key(out, ip);
            address(out, end.ip);
            if has_ports {
                key(out, port);
                let _ = write!(out, "{}", end.port);
            }
        }
        if let Some(src) = &self.src {
            key(out, "ip_v");
            out.push(if src.ip.is_ipv4() { b'4' } else { b'6' });
        }
        if let Some(proto) = &self.proto {
            text(out, "proto", proto);
        }
        self.write_facts(out);
        if let Some(app) = self.app_proto {
            text(out, "app_proto", app);
        }
        if let Some(dir) = self.direction {
            text(out, "direction", direction_text(dir));
        }
        for (name, value) in &self.more {
            key(out, name);
            let _ = serde_json::to_writer(&mut *out, value);
        }
        out.push(b'}');
    }

    fn write_facts(&self, out: &mut Vec<u8>) {
        if self.alert.is_none() && self.reputation.is_none() && self.malware.is_none() {
            return;
        }
        let mut facts = Map::new();
        self.facts_json(&mut facts);
        for (name, value) in &facts {
            key(out, name);
            let _ = serde_json::to_writer(&mut *out, value);
        }
    }
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.push(b',');
    let _ = serde_json::to_writer(&mut *out, name);
    out.push(b':');
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    let _ = serde_json::to_writer(&mut *out, value);
}

/// As [`crate::event::address_text`], quoted.
fn address(out: &mut Vec<u8>, ip: IpAddr) {
    out.push(b'"');
    match ip {
        IpAddr::V4(a) => {
            let _ = write!(out, "{a}");
        }
        IpAddr::V6(a) => {
            let [first, rest @ ..] = a.segments();
            let _ = write!(out, "{first:04x}");
            for part in rest {
                let _ = write!(out, ":{part:04x}");
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use mimamori_base::{Direction, Timestamp};
    use serde_json::{Value, json};

    use super::*;
    use crate::event::{AlertFacts, Endpoint, EventKind};

    fn same(event: &Event) {
        let mut line = Vec::new();
        event.write_eve_line(&mut line);
        assert_eq!(line.pop(), Some(b'\n'));
        let parsed: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(parsed, event.to_eve(), "{}", String::from_utf8_lossy(&line));
        assert!(!line.contains(&b'\n'));
    }

    #[test]
    fn a_line_says_what_the_record_says() {
        let mut event = Event::new(Timestamp(1_795_529_100_000_001), EventKind::App("http"));
        same(&event);
        event.flow_id = Some(7);
        event.packet_number = Some(3);
        event.src = Some(Endpoint { ip: "192.0.2.1".parse().unwrap(), port: 40_000 });
        event.dst = Some(Endpoint { ip: "2001:db8::1".parse().unwrap(), port: 80 });
        event.proto = Some("TCP".to_owned());
        event.app_proto = Some("http");
        event.direction = Some(Direction::ToClient);
        event.more.insert("http".to_owned(), json!({"url": "/\"\n\u{1}é", "status": 200}));
        same(&event);
        event.proto = Some("ICMP".to_owned());
        same(&event);
    }

    #[test]
    fn objects_of_the_same_name_are_merged() {
        let mut event = Event::new(Timestamp(0), EventKind::Alert);
        event.alert = Some(Box::new(AlertFacts {
            gid: 1,
            sid: 2,
            rev: 3,
            msg: "m \\ \"q\"".to_owned(),
            class_type: String::new(),
            category: "c".to_owned(),
            severity: 1,
            blocked: true,
            metadata: vec![("a".to_owned(), "b".to_owned())],
        }));
        same(&event);
        event.more.insert("alert".to_owned(), json!({"references": ["x"]}));
        same(&event);
        event.more.insert("proto".to_owned(), json!("Z"));
        same(&event);
    }
}
