//! The devices behind the gateway: MAC, address, name, maker, zone (GW-14).
//!
//! Holds always: only senders of inner zones are devices; at most [`MAX_DEVICES`]; when full,
//! the one not seen for the longest gives way, and that is counted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use mimamori_base::{Timestamp, Zone};
use mimamori_report::{DeviceSeen, List, MacAddr, Text};

use super::maker::maker;

const MAX_DEVICES: usize = 1_024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub ip: Option<IpAddr>,
    pub host_name: Option<String>,
    pub maker: Option<&'static str>,
    pub zone: Zone,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
}

#[derive(Debug, Default)]
pub struct Devices {
    by_mac: HashMap<[u8; 6], Device>,
    pub pushed_out: u64,
}

impl Devices {
    /// Notes the sender of a frame of an inner zone.
    pub fn see(&mut self, now: Timestamp, zone: Zone, frame: &[u8]) {
        if zone == Zone::Wan {
            return;
        }
        let Some(mac) = frame.get(6..12).and_then(|m| <[u8; 6]>::try_from(m).ok()) else { return };
        if mac[0] & 1 == 1 {
            return;
        }
        let ip = sender_address(frame);
        if let Some(device) = self.by_mac.get_mut(&mac) {
            device.last_seen = now;
            device.zone = zone;
            // A device keeps its IPv4 address in this table; IPv6 only stands in for none.
            if let Some(ip) = ip
                && (ip.is_ipv4() || device.ip.is_none_or(|old| old.is_ipv6()))
            {
                device.ip = Some(ip);
            }
        } else {
            self.make_room();
            let device =
                Device { ip, host_name: None, maker: maker(mac), zone, first_seen: now, last_seen: now };
            self.by_mac.insert(mac, device);
        }
        if let Some(name) = super::names::host_name(frame)
            && let Some(device) = self.by_mac.get_mut(&mac)
        {
            device.host_name = Some(name);
        }
    }

    fn make_room(&mut self) {
        if self.by_mac.len() < MAX_DEVICES {
            return;
        }
        let oldest = self.by_mac.iter().min_by_key(|(_, d)| d.last_seen).map(|(mac, _)| *mac);
        if let Some(mac) = oldest {
            self.by_mac.remove(&mac);
            self.pushed_out += 1;
        }
    }

    #[must_use]
    pub fn get(&self, mac: [u8; 6]) -> Option<&Device> {
        self.by_mac.get(&mac)
    }

    #[must_use]
    pub fn by_ip(&self, ip: IpAddr) -> Option<([u8; 6], &Device)> {
        self.by_mac
            .iter()
            .filter(|(_, d)| d.ip == Some(ip))
            .max_by_key(|(_, d)| d.last_seen)
            .map(|(m, d)| (*m, d))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.by_mac.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_mac.is_empty()
    }

    /// For a heartbeat, most recently seen first; and how many did not fit.
    #[must_use]
    pub fn report(&self) -> (List<DeviceSeen, 256>, u32) {
        let mut all: Vec<_> = self.by_mac.iter().collect();
        all.sort_by_key(|(mac, d)| (std::cmp::Reverse(d.last_seen), **mac));
        let omitted = u32::try_from(all.len().saturating_sub(256)).unwrap_or(u32::MAX);
        let seen = all.into_iter().map(|(mac, d)| DeviceSeen {
            mac: MacAddr(*mac),
            ip: d.ip,
            host_name: d.host_name.as_deref().map(Text::new),
            maker: d.maker.map(Text::new),
            zone: d.zone,
            first_seen: d.first_seen,
            last_seen: d.last_seen,
        });
        (List::new(seen), omitted)
    }
}

/// The sender's address by ARP, IPv4 or IPv6; behind one VLAN tag at most.
fn sender_address(frame: &[u8]) -> Option<IpAddr> {
    let (ether_type, at) = match frame.get(12..14)? {
        [0x81, 0x00] => (frame.get(16..18)?, 18),
        plain => (plain, 14),
    };
    let v4 = |at: usize| {
        let ip = Ipv4Addr::from(<[u8; 4]>::try_from(frame.get(at..at + 4)?).ok()?);
        (!ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast()).then_some(IpAddr::V4(ip))
    };
    match ether_type {
        [0x08, 0x00] => v4(at + 12),
        [0x08, 0x06] => v4(at + 14),
        [0x86, 0xdd] => {
            let ip = IpAddr::from(<[u8; 16]>::try_from(frame.get(at + 8..at + 24)?).ok()?);
            (!ip.is_unspecified() && !ip.is_multicast()).then_some(ip)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(mac: u32, ip: [u8; 4]) -> Vec<u8> {
        let [a, b, c, d] = mac.to_be_bytes();
        let mut f = vec![0xff; 6];
        f.extend([0, 0x0b, a, b, c, d, 0x08, 0x00, 0x45]);
        f.extend([0; 11]);
        f.extend(ip);
        f
    }

    #[test]
    fn gw_14_senders_of_inner_zones_are_devices() {
        let mut devices = Devices::default();
        let now = Timestamp::from_secs(5);
        devices.see(now, Zone::Lan, &frame(1, [192, 168, 1, 9]));
        devices.see(now, Zone::Wan, &frame(2, [203, 0, 113, 9]));
        devices.see(now, Zone::Lan, &frame(3, [0, 0, 0, 0]));
        devices.see(now, Zone::Lan, b"short");
        assert_eq!(devices.len(), 2);
        let (mac, found) = devices.by_ip("192.168.1.9".parse().unwrap()).unwrap();
        assert_eq!((mac[1], found.zone), (0x0b, Zone::Lan));
    }

    #[test]
    fn a_flood_of_addresses_pushes_out_the_idle_ones() {
        let mut devices = Devices::default();
        for n in 0..3_000u32 {
            devices.see(Timestamp::from_secs(i64::from(n)), Zone::Lan, &frame(n, [10, 0, 0, 1]));
        }
        assert_eq!(devices.len(), MAX_DEVICES);
        assert_eq!(devices.pushed_out, 3_000 - MAX_DEVICES as u64);
        let (listed, omitted) = devices.report();
        assert_eq!((listed.len(), omitted), (256, MAX_DEVICES as u32 - 256));
    }
}
