//! Lines of nDPI's results: one flow each.

use std::net::{IpAddr, SocketAddr};

/// What somebody else says of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub protocol: u8,
    /// Both ends, the lower one first.
    pub ends: (SocketAddr, SocketAddr),
    /// `TLS.Google`: the protocol, then the application.
    pub name: String,
    pub host: Option<String>,
    pub ja4: Option<String>,
    /// The label rests on the port or address alone.
    pub guessed: bool,
}

/// Reads the flows of a result file; lines that are none are passed over.
#[must_use]
pub fn read_labels(text: &str) -> Vec<Label> {
    text.lines().filter_map(read_line).collect()
}

fn read_line(line: &str) -> Option<Label> {
    let mut words = line.strip_prefix('\t')?.splitn(3, ['\t', ' ']);
    words.next()?.parse::<u32>().ok()?;
    let protocol = protocol(words.next()?)?;
    let rest = words.next()?;
    let (ends, _) = rest.split_once(" [proto: ").or_else(|| rest.split_once("[proto: "))?;
    let ends = ends.split_once("[VLAN").map_or(ends, |(e, _)| e).trim_end();
    let (left, right) = ends.split_once(" <-> ").or_else(|| ends.split_once(" -> "))?;
    let (left, right) = (end(left)?, end(right)?);
    let proto = field(line, "proto: ")?;
    // A tunnel is named before a colon.
    let proto = proto.rsplit(':').next().unwrap_or(proto);
    Some(Label {
        protocol,
        ends: (left.min(right), left.max(right)),
        name: proto.split_once('/')?.1.to_owned(),
        host: field(line, "Hostname/SNI: ").map(str::to_ascii_lowercase),
        ja4: field(line, "JA4: ").map(str::to_owned),
        guessed: line.contains("[Confidence: Match by port]") || line.contains("[Confidence: Match by IP]"),
    })
}

/// The value of `[NAME…]`; brackets within are part of it.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let at = line.find(&format!("[{name}"))? + 1 + name.len();
    let rest = line.get(at..)?;
    let mut depth = 1;
    for (n, c) in rest.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest.get(..n);
        }
    }
    None
}

fn protocol(word: &str) -> Option<u8> {
    Some(match word {
        "TCP" => 6,
        "UDP" => 17,
        "ICMP" => 1,
        "ICMPV6" => 58,
        "IGMP" => 2,
        "ESP" => 50,
        "AH" => 51,
        "GRE" => 47,
        "SCTP" => 132,
        "OSPF" => 89,
        "PIM" => 103,
        other => other.parse().ok()?,
    })
}

fn end(text: &str) -> Option<SocketAddr> {
    if let Ok(whole) = text.parse::<SocketAddr>() {
        return Some(whole);
    }
    let ip: IpAddr = text.trim_matches(['[', ']']).parse().ok()?;
    Some(SocketAddr::new(ip, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_ends_name_host_and_fingerprint() {
        let line = "\t1\tTCP [2001:db8::1]:4000 <-> [2001:db8::2]:443 [VLAN: 5][proto: GTP:91.126/TLS.Google][IP: 0/Unknown]\
            [Confidence: DPI][Hostname/SNI: WWW.example.jp][JA4: t13d1516h2_8daaf6152771_e5627efa2ab1]";
        let label = read_labels(line).pop().expect("a label");
        assert_eq!((label.protocol, label.name.as_str()), (6, "TLS.Google"));
        assert_eq!(label.host.as_deref(), Some("www.example.jp"));
        assert!(label.ja4.is_some_and(|j| j.starts_with("t13d")));
        let ssdp = "\t2\tUDP 10.0.0.1:1 -> 10.0.0.2:1900 [proto: 12/SSDP][Hostname/SNI: [ff02::c]:1900]";
        assert_eq!(read_labels(ssdp).pop().and_then(|l| l.host).as_deref(), Some("[ff02::c]:1900"));
        assert_eq!(read_labels("TLS\t22\t7204\t1\n\n\t\n"), []);
    }
}
