//! Options of the IPv4 header and of IPv6 hop-by-hop and destination headers.

use crate::event::{DecodeEvent as Event, DecodeEvents};
use crate::ipv4::Ipv4Options;

/// Walks IPv4 options; anomalies become events, hosts differ too much to refuse the packet.
pub(super) fn ipv4(mut rest: &[u8], events: &mut DecodeEvents) -> Ipv4Options {
    let mut found = Ipv4Options::default();
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            0 => {
                found.insert(Ipv4Options::EOL);
                break;
            }
            1 => {
                found.insert(Ipv4Options::NOP);
                rest = after;
                continue;
            }
            _ => {}
        }
        let Some(len) = after.first().map(|l| usize::from(*l)) else {
            events.insert(Event::Ipv4OptEolRequired);
            break;
        };
        if len < 2 {
            events.insert(Event::Ipv4OptInvalidLen);
            break;
        }
        let Some((option, next)) = rest.split_at_checked(len) else {
            events.insert(Event::Ipv4OptInvalidLen);
            break;
        };
        ipv4_option(kind, option, &mut found, events);
        rest = next;
    }
    found
}

fn ipv4_option(kind: u8, option: &[u8], found: &mut Ipv4Options, events: &mut DecodeEvents) {
    let flag = match kind {
        7 => Ipv4Options::RECORD_ROUTE,
        68 => Ipv4Options::TIMESTAMP,
        130 => Ipv4Options::SECURITY,
        131 => Ipv4Options::LOOSE_SOURCE_ROUTE,
        133 => Ipv4Options::EXTENDED_SECURITY,
        134 => Ipv4Options::CIPSO,
        136 => Ipv4Options::STREAM_ID,
        137 => Ipv4Options::STRICT_SOURCE_ROUTE,
        148 => Ipv4Options::ROUTER_ALERT,
        25 => Ipv4Options::default(), // Quick-Start, RFC 4782
        _ => {
            events.insert(Event::Ipv4OptUnknown);
            return;
        }
    };
    if let Err(event) = check_ipv4_option(kind, option) {
        events.insert(event);
        return;
    }
    if !flag.is_empty() && found.contains(flag) {
        events.insert(Event::Ipv4OptDuplicate);
    }
    found.insert(flag);
}

fn check_ipv4_option(kind: u8, option: &[u8]) -> Result<(), Event> {
    let len = option.len();
    let pointer = option.get(2).copied().unwrap_or(0);
    let right_len = match kind {
        7 | 131 | 137 => len >= 3 && (len - 3).is_multiple_of(4),
        68 => len >= 5,
        130 | 133 => len >= 3,
        134 => len >= 8,
        136 | 148 => len == 4,
        25 => len == 8,
        _ => true,
    };
    if !right_len {
        return Err(Event::Ipv4OptInvalidLen);
    }
    match kind {
        // Route options: the pointer stands on an address or just after the last.
        7 | 131 | 137 if pointer < 4 || !pointer.is_multiple_of(4) => Err(Event::Ipv4OptMalformed),
        68 if pointer < 5 => Err(Event::Ipv4OptMalformed),
        _ => Ok(()),
    }
}

/// Walks the options of a hop-by-hop or destination header.
pub(super) fn ipv6(hop_by_hop: bool, mut rest: &[u8], events: &mut DecodeEvents) {
    let mut only_padding = true;
    while let Some((&kind, after)) = rest.split_first() {
        if kind == 0 {
            rest = after;
            continue;
        }
        let Some((&len, body)) = after.split_first() else {
            events.insert(Event::Ipv6ExthdrInvalidOptlen);
            return;
        };
        let Some((option, next)) = body.split_at_checked(usize::from(len)) else {
            events.insert(Event::Ipv6ExthdrInvalidOptlen);
            return;
        };
        match kind {
            1 if option.is_empty() => events.insert(Event::Ipv6ZeroLenPadn),
            1 => {}
            // Router alert, jumbogram, home address: lengths are fixed.
            0x05 | 0xc2 | 0xc9 => {
                only_padding = false;
                let right = match kind {
                    0x05 => 2,
                    0xc2 => 4,
                    _ => 16,
                };
                if option.len() != right {
                    events.insert(Event::Ipv6ExthdrInvalidOptlen);
                    return;
                }
            }
            _ => {
                only_padding = false;
                events.insert(if hop_by_hop {
                    Event::Ipv6HopoptsUnknownOpt
                } else {
                    Event::Ipv6DstoptsUnknownOpt
                });
            }
        }
        rest = next;
    }
    if only_padding {
        events.insert(if hop_by_hop { Event::Ipv6HopoptsOnlyPadding } else { Event::Ipv6DstoptsOnlyPadding });
    }
}
