//! DHCP messages (RFC 2131) and their options (RFC 2132).

use std::net::Ipv4Addr;

use crate::event::AppEvent;
use crate::reader::Reader;

/// Which way a message goes, by its own word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Op {
    #[default]
    Request,
    Reply,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub op: Op,
    pub id: u32,
    pub client_ip: Ipv4Addr,
    pub assigned_ip: Ipv4Addr,
    pub next_server_ip: Ipv4Addr,
    pub relay_ip: Ipv4Addr,
    pub client_mac: [u8; 6],
    /// Code and value, in order of appearance.
    pub options: Vec<(u8, Vec<u8>)>,
    pub events: Vec<AppEvent>,
}

/// Names and numbers of options that are read.
pub mod option {
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTERS: u8 = 3;
    pub const DNS_SERVERS: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const REQUESTED_IP: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const PARAMETERS: u8 = 55;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_ID: u8 = 61;
    pub const END: u8 = 255;
}

const MAGIC: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
/// Options read in one message; a datagram has room for more only when they are empty.
const MAX_OPTIONS: usize = 256;

impl Message {
    #[must_use]
    pub fn read(datagram: &[u8]) -> Option<Message> {
        let mut r = Reader::new(datagram);
        let op = match r.u8()? {
            1 => Op::Request,
            2 => Op::Reply,
            _ => return None,
        };
        let [_hardware_type, _hardware_bytes, _hops] = r.array()?;
        let id = r.u32()?;
        r.take(4)?;
        let mut address = || r.array::<4>().map(Ipv4Addr::from);
        let (client_ip, assigned_ip, next_server_ip, relay_ip) =
            (address()?, address()?, address()?, address()?);
        let client_mac = r.array()?;
        r.take(10)?;
        let server_name = r.take(64)?;
        let file_name = r.take(128)?;
        if r.array()? != MAGIC {
            return None;
        }
        let mut message = Message {
            op,
            id,
            client_ip,
            assigned_ip,
            next_server_ip,
            relay_ip,
            client_mac,
            options: Vec::new(),
            events: Vec::new(),
        };
        message.take_options(r.rest(), true);
        // Option 52 says that the name fields hold options too (RFC 2132 9.3): hiding ground.
        let overload = message.option(option::OVERLOAD).and_then(|v| v.first().copied()).unwrap_or(0);
        if overload & 1 != 0 {
            message.take_options(file_name, false);
        }
        if overload & 2 != 0 {
            message.take_options(server_name, false);
        }
        Some(message)
    }

    fn take_options(&mut self, bytes: &[u8], must_end: bool) {
        let mut r = Reader::new(bytes);
        while self.options.len() < MAX_OPTIONS {
            match r.u8() {
                None if must_end => return self.events.push("dhcp.truncated_options"),
                None | Some(option::END) => return,
                Some(0) => {}
                Some(code) => match r.prefixed_u8() {
                    Some(value) => self.options.push((code, value.to_vec())),
                    None => return self.events.push("dhcp.malformed_options"),
                },
            }
        }
    }

    #[must_use]
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(c, _)| *c == code).map(|(_, v)| v.as_slice())
    }

    /// Seconds of a time option.
    #[must_use]
    pub fn seconds(&self, code: u8) -> Option<u32> {
        Reader::new(self.option(code)?).u32()
    }

    #[must_use]
    pub fn addresses(&self, code: u8) -> Vec<Ipv4Addr> {
        let chunks = self.option(code).unwrap_or_default().chunks_exact(4);
        chunks.filter_map(|c| <[u8; 4]>::try_from(c).ok()).map(Ipv4Addr::from).collect()
    }

    #[must_use]
    pub fn message_type(&self) -> Option<&'static str> {
        let names = ["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];
        let value = self.option(option::MESSAGE_TYPE)?.first()?;
        names.get(usize::from(value.checked_sub(1)?)).copied()
    }
}
