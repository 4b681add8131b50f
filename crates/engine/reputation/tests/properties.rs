//! The table says what a naive list of all entries would say; no bytes make it panic.

use mimamori_reputation::host::Host;
use mimamori_reputation::path::Target;
use mimamori_reputation::{Indicator, Kind, Reputation, Seen, Several, Table, TableBuilder};
use proptest::prelude::*;

/// Labels few enough that names meet often.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("ab".to_owned()),
        Just("example".to_owned()),
        Just("見守り".to_owned()),
        Just("Co".to_owned()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 2..5).prop_map(|l| l.join("."))
}

fn port() -> impl Strategy<Value = Option<u16>> {
    prop_oneof![Just(None), Just(Some(80)), Just(Some(8080))]
}

fn target() -> impl Strategy<Value = String> {
    let segment = prop_oneof![Just("a"), Just("b"), Just("%61"), Just("."), Just(""), Just("ab")];
    let query = prop_oneof![Just(""), Just("?x=1"), Just("?x=2")];
    (prop::collection::vec(segment, 0..4), query).prop_map(|(s, q)| format!("/{}{q}", s.join("/")))
}

fn address() -> impl Strategy<Value = String> {
    (0u8..3, 0u8..4).prop_map(|(a, b)| format!("192.0.{a}.{b}"))
}

fn entry() -> impl Strategy<Value = String> {
    let tail = |p: Option<u16>| p.map(|p| format!(":{p}")).unwrap_or_default();
    prop_oneof![
        (name(), port()).prop_map(move |(n, p)| format!("{n}{}", tail(p))),
        (name(), port(), target()).prop_map(move |(n, p, t)| format!("http://{n}{}{t}", tail(p))),
        (address(), port()).prop_map(move |(a, p)| format!("{a}{}", tail(p))),
        (address(), 20u8..32).prop_map(|(a, bits)| format!("{a}/{bits}")),
    ]
}

/// One entry compared with one question, straight from the meaning of entries.
fn covers(entry: &Indicator, host: &Host, port: u16, target: Option<&Target>) -> bool {
    let port_fits = |own: &Option<u16>| own.is_none_or(|p| p == port);
    match (entry, host) {
        (Indicator::Domain { name, subdomains, port }, Host::Name(asked)) => {
            let dotted = format!(".{}", name.as_str());
            port_fits(port)
                && (asked == name || (*subdomains && format!(".{}", asked.as_str()).ends_with(&dotted)))
        }
        (Indicator::Address { ip, port }, Host::Address(asked)) => ip == asked && port_fits(port),
        (Indicator::Network { ip, bits }, Host::Address(std::net::IpAddr::V4(asked))) => match ip {
            std::net::IpAddr::V4(ip) => u32::from(*ip) >> (32 - bits) == u32::from(*asked) >> (32 - bits),
            std::net::IpAddr::V6(_) => false,
        },
        (Indicator::Url { host: own, port, target: listed }, _) => {
            let Some(asked) = target else { return false };
            let under = asked.path == listed.path
                || asked.path.strip_prefix(listed.path.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
            own == host
                && port_fits(port)
                && match &listed.query {
                    None => under,
                    Some(query) => asked.path == listed.path && asked.query.as_ref() == Some(query),
                }
        }
        _ => false,
    }
}

fn lists(entries: &[String]) -> (Reputation, Vec<Indicator>) {
    let mut builder = Reputation::builder((3, 4));
    let parsed: Vec<Indicator> = entries.iter().filter_map(|e| Indicator::parse(e).ok()).collect();
    for indicator in &parsed {
        builder.add(indicator.clone(), Kind::Malware, "");
    }
    (builder.build(), parsed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn names_as_a_naive_list_would(
        entries in prop::collection::vec(entry(), 0..12),
        asked in prop_oneof![name(), address()],
        port in prop_oneof![Just(80u16), Just(443), Just(8080)],
        dot in any::<bool>(),
        upper in any::<bool>(),
    ) {
        let (reputation, parsed) = lists(&entries);
        let mut text = if upper { asked.to_ascii_uppercase() } else { asked };
        if dot {
            text.push('.');
        }
        let host = Host::parse(text.as_bytes()).unwrap();
        let naive = parsed.iter().any(|e| covers(e, &host, port, None));
        prop_assert_eq!(reputation.host(text.as_bytes(), Some(port)).is_some(), naive);
        if let Host::Address(ip) = host {
            prop_assert_eq!(reputation.address(ip, Some(port)).is_some(), naive);
        }
    }

    #[test]
    fn requests_as_a_naive_list_would(
        entries in prop::collection::vec(entry(), 0..12),
        asked in prop_oneof![name(), address()],
        port in prop_oneof![Just(80u16), Just(8080)],
        path in target(),
    ) {
        let (reputation, parsed) = lists(&entries);
        let host = Host::parse(asked.as_bytes()).unwrap();
        let target = Target::parse(path.as_bytes());
        let naive = parsed.iter().any(|e| covers(e, &host, port, Some(&target)));
        let found = reputation.request(asked.as_bytes(), Some(port), path.as_bytes()).is_some();
        prop_assert_eq!(found, naive);
    }

    #[test]
    fn categories_join(names in prop::collection::vec((name(), 0u8..4), 1..20)) {
        let mut builder = TableBuilder::new((5, 6));
        for (n, category) in &names {
            let value = builder.value(&format!("c{category}"));
            builder.insert(&Indicator::parse(n).unwrap(), value);
        }
        let table = Table::open(builder.finish(Several::Join)).unwrap();
        for (n, category) in &names {
            let host = Host::parse(n.as_bytes()).unwrap();
            let id = table.host(&host, None, Seen::NameOnly).unwrap();
            let wanted = format!("c{category}");
            prop_assert!(table.value(id).split(',').any(|c| c == wanted));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), at in any::<usize>()) {
        let mut table = TableBuilder::new((1, 2));
        let value = table.value("x");
        table.insert(&Indicator::parse("a.example").unwrap(), value);
        let mut good = table.finish(Several::Join);
        let at = at % good.len();
        for (to, from) in good.iter_mut().skip(at).zip(&bytes) {
            *to = *from;
        }
        for candidate in [good, bytes.clone()] {
            if let Some(table) = Table::open(candidate) {
                if let Some((host, port)) = Host::with_port(&bytes) {
                    let _ = table.host(&host, port, Seen::NameOnly).map(|id| table.value(id).len());
                }
                let host = Host::parse(b"a.example").unwrap();
                let _ = table.host(&host, Some(80), Seen::WithPath).map(|id| table.value(id).len());
                let _ = table.url(&host, Some(80), &bytes);
            }
        }
        let _ = Indicator::parse(&String::from_utf8_lossy(&bytes));
        let _ = Host::with_port(&bytes);
        let _ = Target::parse(&bytes);
    }
}
