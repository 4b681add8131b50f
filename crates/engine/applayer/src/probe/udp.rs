//! How protocols over UDP begin.

use mimamori_base::Direction;

use crate::config::AppLayerConfig;
use crate::dns::message::{is_plain_query, looks_like};
use crate::probe::{Answer, Ask, Probe, tcp};
use crate::proto::AppProto;

/// In the order in which they are asked.
pub(super) const CANDIDATES: &[(AppProto, Ask)] = &[
    (AppProto::Dns, dns),
    (AppProto::Mdns, mdns),
    (AppProto::Llmnr, llmnr),
    (AppProto::Dhcp, dhcp),
    (AppProto::Sip, tcp::sip),
    (AppProto::Quic, quic),
    (AppProto::Ntp, ntp),
    (AppProto::Tftp, tftp),
    (AppProto::Snmp, snmp),
    (AppProto::Ike, ike),
    (AppProto::Krb5, krb5),
    (AppProto::Ldap, ldap),
    (AppProto::BitTorrentDht, bittorrent_dht),
    (AppProto::Nfs, nfs),
    (AppProto::DceRpc, dcerpc),
];

fn yes(it: bool) -> Answer {
    if it { Answer::Yes } else { Answer::No }
}

fn either_port(p: &Probe<'_>, ports: &[u16]) -> bool {
    ports.contains(&p.server_port) || ports.contains(&p.client_port)
}

fn dns(p: &Probe<'_>, config: &AppLayerConfig) -> Answer {
    if !config.dns.udp {
        return Answer::No;
    }
    if !either_port(p, &[53]) && !either_port(p, &config.dns.ports) {
        let at_home_elsewhere = either_port(p, &[137, 5353, 5355]);
        return yes(p.dir == Direction::ToServer && !at_home_elsewhere && is_plain_query(p.bytes));
    }
    match looks_like(p.bytes) {
        None => Answer::No,
        Some(response) => {
            let known = |port: u16| port == 53 || config.dns.ports.contains(&port);
            let as_flow_says = response == (p.dir == Direction::ToClient);
            // A response towards a port that is not DNS's, or a query from one to another.
            let swapped = !as_flow_says && !known(p.server_port) && (response || known(p.client_port));
            if swapped { Answer::Reversed } else { Answer::Yes }
        }
    }
}

fn mdns(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    yes(either_port(p, &[5353]) && looks_like(p.bytes).is_some())
}

fn llmnr(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    if !either_port(p, &[5355]) {
        return Answer::No;
    }
    match looks_like(p.bytes) {
        None => Answer::No,
        Some(true) if p.dir == Direction::ToServer && p.client_port == 5355 => Answer::Reversed,
        Some(_) => Answer::Yes,
    }
}

fn dhcp(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let magic = p.bytes.get(236..240) == Some(&[0x63, 0x82, 0x53, 0x63]);
    yes(either_port(p, &[67, 68]) && magic && matches!(p.bytes.first(), Some(1 | 2)))
}

fn quic(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let Some(first) = p.bytes.first() else { return Answer::No };
    let version = p.bytes.get(1..5);
    let known = matches!(
        version,
        Some(
            [0, 0, 0, 1]
                | [0x6b, 0x33, 0x43, 0xcf]
                | [b'Q', b'0', ..]
                | [0xff, 0, 0, 29..=34]
                | [0xfa, 0xce, 0xb0, _]
        )
    );
    let long_header = first & 0xc0 == 0xc0 && known;
    // Google QUIC before Q046: public header with version, connection id first.
    let google =
        first & 0x09 == 0x09 && first & 0xc0 == 0 && matches!(p.bytes.get(9..11), Some([b'Q', b'0']));
    let v2 = first & 0xc0 == 0xc0 && version == Some(&[0x6b, 0x33, 0x43, 0xcf]);
    yes((long_header || google || v2) && p.bytes.len() >= 21)
}

fn ntp(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let Some(first) = p.bytes.first() else { return Answer::No };
    let (version, mode) = ((first >> 3) & 7, first & 7);
    let size_ok = match mode {
        1..=5 => p.bytes.len() >= 48,
        6 | 7 => p.bytes.len() >= 8,
        _ => false,
    };
    yes(either_port(p, &[123]) && matches!(version, 1..=4) && size_ok)
}

fn tftp(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let request = matches!(p.bytes, [0, 1 | 2, ..]);
    let text = p.bytes.get(2..).is_some_and(|t| t.iter().filter(|b| **b == 0).count() >= 2);
    yes(p.server_port == 69 && request && text)
}

fn snmp(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    if !either_port(p, &[161, 162]) {
        return Answer::No;
    }
    yes(crate::ber::Element::read(p.bytes).is_some_and(|(e, _)| {
        e.tag == 0x30
            && crate::ber::Element::read(e.content)
                .is_some_and(|(version, _)| version.tag == 2 && matches!(version.content, [0 | 1 | 3]))
    }))
}

fn ike(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    if !either_port(p, &[500, 4500]) {
        return Answer::No;
    }
    let bytes = p.bytes.strip_prefix(&[0, 0, 0, 0]).filter(|_| either_port(p, &[4500])).unwrap_or(p.bytes);
    let version = bytes.get(17).copied();
    let length = bytes.get(24..28).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    let fits = length.and_then(|l| usize::try_from(l).ok()).is_some_and(|l| l == bytes.len());
    yes(matches!(version, Some(0x10 | 0x20)) && fits)
}

fn krb5(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    yes(either_port(p, &[88]) && matches!(p.bytes.first(), Some(0x6a..=0x7e)))
}

/// An LDAPMessage: a sequence of a message id and an operation.
pub(super) fn ldap_message(bytes: &[u8]) -> Answer {
    let Some(header) = crate::ber::header(bytes) else {
        return if bytes.len() < 6 { Answer::Maybe } else { Answer::No };
    };
    if header.tag != 0x30 {
        return Answer::No;
    }
    let inside = bytes.get(header.header_bytes..).unwrap_or_default();
    let Some((id, rest)) = crate::ber::Element::read(inside) else {
        return if inside.len() < 6 { Answer::Maybe } else { Answer::No };
    };
    match rest.first() {
        None => Answer::Maybe,
        Some(tag) => yes(id.tag == 2 && id.content.len() <= 4 && matches!(tag, 0x40..=0x7f)),
    }
}

fn ldap(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    yes(either_port(p, &[389]) && ldap_message(p.bytes) == Answer::Yes)
}

fn bittorrent_dht(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    yes([&b"d1:ad2:id20:"[..], b"d1:rd2:id20:", b"d2:ip6:", b"d1:el"].iter().any(|s| p.bytes.starts_with(s)))
}

fn nfs(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    yes(p.bytes.get(4..12) == Some(&[0, 0, 0, 0, 0, 0, 0, 2])
        && p.bytes.get(12..16) == Some(&[0, 1, 0x86, 0xa3]))
}

fn dcerpc(p: &Probe<'_>, _: &AppLayerConfig) -> Answer {
    let ok = matches!(p.bytes, [4, 0..=10, _, _, 0x00 | 0x10, 0..=3, ..]) && p.bytes.len() >= 80;
    let length = p.bytes.get(74..76).map(|b| match (p.bytes.get(4), b) {
        (Some(0x10), [a, b]) => u16::from_le_bytes([*a, *b]),
        (_, [a, b]) => u16::from_be_bytes([*a, *b]),
        _ => 0,
    });
    yes(ok && length.is_some_and(|l| usize::from(l) + 80 <= p.bytes.len()))
}
