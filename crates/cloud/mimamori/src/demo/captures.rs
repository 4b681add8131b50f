//! The recorded traffic that the gateways of the demonstration inspect, compiled in, so that
//! the program works wherever it lies.

use std::borrow::Cow;

use mimamori_gateway::demo::ReplayCase;

/// One recorded case: its folder in `corpus/`, what it is in Japanese, and the capture.
struct Case {
    name: &'static str,
    title: &'static str,
    capture: &'static [u8],
}

macro_rules! case {
    ($name:literal, $title:literal) => {
        Case {
            name: $name,
            title: $title,
            capture: include_bytes!(concat!("../../../../../corpus/", $name, "/capture.pcap")),
        }
    };
}

/// What passes each of the three gateways, in this order.
const PLAN: [&[Case]; 3] = [
    &[
        case!("office-web", "いつもの仕事（ウェブ）"),
        case!("infected-pc", "感染したパソコンの通信"),
        case!("eicar-mail", "ウイルスの付いたメール"),
    ],
    &[
        case!("office-mail", "いつもの仕事（メール）"),
        case!("phishing-names", "偽サイトへの誘い"),
        case!("dns-tunnel", "DNSを使った持ち出し"),
    ],
    &[
        case!("web-attack", "外からの攻撃"),
        case!("port-scan", "外からの下調べ"),
        case!("eicar-download", "ウイルスのダウンロード"),
    ],
];

/// The cases of the gateway with this place in the list.
pub fn of(gateway: usize) -> Vec<ReplayCase> {
    let cases = PLAN.get(gateway).copied().unwrap_or_default();
    cases.iter().map(|c| ReplayCase { name: c.name.to_owned(), capture: Cow::Borrowed(c.capture) }).collect()
}

/// What a case is called on the screen.
pub fn title(name: &str) -> &str {
    PLAN.iter().copied().flatten().find(|c| c.name == name).map_or(name, |c| c.title)
}
