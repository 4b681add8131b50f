//! Records of use, from what a gateway says to what the cloud keeps.

use std::net::IpAddr;

use mimamori_domain as domain;
use mimamori_domain::Line;
use mimamori_domain::usage::LINES_MAX;
use mimamori_report as report;

pub fn device_use(u: &report::UsageRecord) -> domain::usage::DeviceUse {
    let line = |l: &report::UseLine| domain::usage::UseLine {
        subject: match l.of {
            report::UseOf::WebCategory => domain::usage::UseSubject::WebCategory,
            report::UseOf::Application => domain::usage::UseSubject::Application,
        },
        item: Line::clip(l.id.as_str()),
        title: Line::clip(l.name.as_str()),
        kind: Line::clip(l.kind.as_str()),
        flows: l.flows,
        bytes_up: l.bytes_up,
        bytes_down: l.bytes_down,
    };
    domain::usage::DeviceUse {
        hour: u.at,
        device: device(u.mac, u.device),
        lines: u.lines.iter().take(LINES_MAX).map(line).collect(),
    }
}

pub fn device_inspection(i: &report::InspectionRecord) -> domain::usage::DeviceInspection {
    let line = |l: &report::InspectionLine| domain::usage::InspectionLine {
        how: how(l.how),
        flows: l.flows,
        bytes: l.bytes,
    };
    domain::usage::DeviceInspection {
        hour: i.at,
        device: device(i.mac, i.device),
        lines: i.lines.iter().take(LINES_MAX).map(line).collect(),
    }
}

fn device(mac: Option<report::MacAddr>, ip: Option<IpAddr>) -> domain::Device {
    let mac = mac.map(|m| domain::detection::MacAddress(m.0));
    domain::Device { mac, ip, ..domain::Device::default() }
}

/// Both sides use the same words; a word of a newer gateway is something else.
fn how(how: report::Inspected) -> domain::usage::Inspected {
    domain::usage::Inspected::from_code(how.as_str()).unwrap_or(domain::usage::Inspected::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_gateway_is_known_here_with_the_same_depth() {
        for word in report::Inspected::ALL {
            let ours = how(*word);
            assert_eq!(ours.code(), word.as_str());
            let depth = match word.depth() {
                report::Depth::Fully => domain::usage::Depth::Fully,
                report::Depth::NameOnly => domain::usage::Depth::NameOnly,
                report::Depth::NotAtAll => domain::usage::Depth::NotAtAll,
            };
            assert_eq!(ours.depth(), depth, "{word:?}");
        }
    }
}
