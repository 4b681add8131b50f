//! The host name that a device tells its DHCP server (RFC 2132, option 12).

const MAX_NAME_BYTES: usize = 63;

/// `None` for everything but a DHCP request over IPv4 that names a host.
pub(super) fn host_name(frame: &[u8]) -> Option<String> {
    if frame.get(12..14)? != [0x08, 0x00] || *frame.get(23)? != 17 {
        return None;
    }
    let header_len = usize::from(frame.get(14)? & 0x0f) * 4;
    let udp = frame.get(14 + header_len..)?;
    if udp.get(..4)? != [0, 68, 0, 67] {
        return None;
    }
    let dhcp = udp.get(8..)?;
    if dhcp.get(236..240)? != [0x63, 0x82, 0x53, 0x63] {
        return None;
    }
    let mut options = dhcp.get(240..)?;
    loop {
        match options {
            [0, rest @ ..] => options = rest,
            [255, ..] | [] | [_] => return None,
            [code, len, rest @ ..] => {
                let value = rest.get(..usize::from(*len))?;
                if *code == 12 {
                    return name(value);
                }
                options = rest.get(usize::from(*len)..)?;
            }
        }
    }
}

fn name(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim_end_matches('\0');
    let fine = !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.chars().all(|c| !c.is_control());
    fine.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(options: &[u8]) -> Vec<u8> {
        let mut f = vec![0; 14];
        f[12] = 8;
        f.extend([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]);
        f.extend([0, 68, 0, 67, 0, 0, 0, 0]);
        f.extend([0; 236]);
        f.extend([0x63, 0x82, 0x53, 0x63]);
        f.extend(options);
        f
    }

    #[test]
    fn the_name_is_found_behind_other_options() {
        let options = [53, 1, 3, 0, 12, 8, b'K', b'E', b'I', b'R', b'I', b'-', b'P', b'C', 255];
        assert_eq!(host_name(&request(&options)).as_deref(), Some("KEIRI-PC"));
        assert_eq!(host_name(&request(&[12, 3, b'a', b'\n', b'b'])), None);
        assert_eq!(host_name(&request(&[53, 1, 3, 255])), None);
    }

    proptest! {
        #[test]
        fn any_options_are_read_without_panic(options in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = host_name(&request(&options));
            let _ = host_name(&options);
        }
    }
}
