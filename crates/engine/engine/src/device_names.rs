//! What a device says of its own name to its neighbours: NetBIOS, mDNS, LLMNR (GW-14).
//!
//! Holds always: only what names the sender counts, never what it asks for; a name is printable
//! text of at most 63 bytes. Deliberately not here: DHCP, which the gateway reads from the frame.

use mimamori_applayer::dns::message::{Message, read_message};
use mimamori_applayer::netbios;

const MAX_NAME_BYTES: usize = 63;
const NETBIOS_NAMES: u16 = 137;
const NETBIOS_DATAGRAMS: u16 = 138;
const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

/// The name of the sender of a UDP datagram, where the datagram says it.
#[must_use]
pub fn device_name(src_port: u16, dst_port: u16, payload: &[u8]) -> Option<String> {
    let name = match (src_port, dst_port) {
        (NETBIOS_NAMES, _) => netbios::own_name(payload)?.host,
        (NETBIOS_DATAGRAMS, _) => netbios::sender_name(payload)?.host,
        (MDNS, _) => mdns(&response(payload)?)?,
        (LLMNR, _) => response(payload)?.questions.first()?.name.bytes.clone(),
        _ => return None,
    };
    let text = String::from_utf8(name).ok()?;
    let fine = !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.chars().all(|c| !c.is_control());
    fine.then_some(text)
}

fn response(payload: &[u8]) -> Option<Message> {
    read_message(payload).filter(|m| m.header.is_response() && m.header.rcode() == 0)
}

/// The name that the sender's own addresses belong to.
fn mdns(message: &Message) -> Option<Vec<u8>> {
    let record = message
        .answers
        .iter()
        .chain(&message.additionals)
        .find(|r| matches!(r.rrtype, TYPE_A | TYPE_AAAA) && r.name.bytes.ends_with(b".local"))?;
    record.name.bytes.strip_suffix(b".local").map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dns(flags: u16, answers: u16, name: &[u8]) -> Vec<u8> {
        let mut m = vec![0, 0];
        m.extend(flags.to_be_bytes());
        m.extend([0, u8::from(answers == 0)]);
        m.extend(answers.to_be_bytes());
        m.extend([0; 4]);
        for label in name.split(|b| *b == b'.') {
            m.push(u8::try_from(label.len()).unwrap());
            m.extend(label);
        }
        m.push(0);
        m.extend([0, 1, 0, 1]);
        if answers > 0 {
            m.extend([0, 0, 0, 60, 0, 4, 192, 168, 1, 9]);
        }
        m
    }

    #[test]
    fn gw_14_only_what_names_the_sender_counts() {
        let answer = dns(0x8400, 1, b"Soumu-iPad.local");
        assert_eq!(device_name(5353, 5353, &answer).as_deref(), Some("Soumu-iPad"));
        assert_eq!(device_name(40_000, 5353, &answer), None);
        assert_eq!(device_name(5353, 5353, &dns(0, 0, b"printer.local")), None, "a question");
        assert_eq!(device_name(5355, 50_000, &dns(0x8000, 0, b"EIGYO-PC")).as_deref(), Some("EIGYO-PC"));
        assert_eq!(device_name(50_000, 5355, &dns(0, 0, b"wpad")), None);
        let mut registration = vec![1, 2, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 0x20];
        registration.extend(b"ELEFEJFCEJCNFAEDCACACACACACACAAA");
        assert_eq!(device_name(137, 137, &registration).as_deref(), Some("KEIRI-PC"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            port in prop::sample::select(vec![137u16, 138, 5353, 5355]),
            bytes in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            let _ = device_name(port, port, &bytes);
        }
    }
}
