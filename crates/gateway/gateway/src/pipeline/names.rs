//! The name that a device gives itself in a frame: DHCP, mDNS, LLMNR, NetBIOS (GW-14).

/// `None` for every frame that names nobody.
pub(super) fn host_name(frame: &[u8]) -> Option<String> {
    let (src, dst, payload) = udp(frame)?;
    if (src, dst) == (68, 67) {
        return super::dhcp::host_name(frame);
    }
    mimamori_engine::device_name(src, dst, payload)
}

/// Ports and payload of a UDP datagram over IPv4 or IPv6, behind one VLAN tag at most. Fragments
/// and extension headers are left alone: those protocols have none.
fn udp(frame: &[u8]) -> Option<(u16, u16, &[u8])> {
    let (ether_type, at) = match frame.get(12..14)? {
        [0x81, 0x00] => (frame.get(16..18)?, 18),
        plain => (plain, 14),
    };
    let ip = frame.get(at..)?;
    let udp = match ether_type {
        [0x08, 0x00] if *ip.get(9)? == 17 => ip.get(usize::from(ip.first()? & 0x0f) * 4..)?,
        [0x86, 0xdd] if *ip.get(6)? == 17 => ip.get(40..)?,
        _ => return None,
    };
    let port = |at: usize| Some(u16::from_be_bytes(*udp.get(at..at + 2)?.first_chunk::<2>()?));
    Some((port(0)?, port(2)?, udp.get(8..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gw_14_a_netbios_registration_names_the_device() {
        let mut f = vec![0xff; 12];
        f.extend([0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 192, 168, 1, 7, 192, 168, 1, 255]);
        f.extend([0, 137, 0, 137, 0, 0, 0, 0]);
        f.extend([1, 2, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 0x20]);
        f.extend(b"ELEFEJFCEJCNFAEDCACACACACACACAAA");
        assert_eq!(host_name(&f).as_deref(), Some("KEIRI-PC"));
    }

    proptest! {
        #[test]
        fn any_frame_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            let _ = host_name(&bytes);
        }
    }
}
