//! Host names in single datagrams of protocols that have no parser here: NetBIOS, SSDP, STUN,
//! MGCP, Agora.
//!
//! Holds always: a name is printable ASCII of at most 255 bytes. Deliberately not here: anything
//! that needs more than one datagram.

const MAX_NAME_BYTES: usize = 255;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_REALM: u16 = 0x0014;
const MAX_STUN_ATTRIBUTES: usize = 32;

/// The name that a datagram tells, if it is one of those protocols.
#[must_use]
pub(crate) fn in_datagram(payload: &[u8]) -> Option<Vec<u8>> {
    let name = stun_realm(payload)
        .or_else(|| ssdp_host(payload))
        .or_else(|| mgcp_endpoint(payload))
        .or_else(|| tagged_sni(payload))
        .or_else(|| netbios(payload))?;
    let fine = !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.iter().all(u8::is_ascii_graphic);
    fine.then_some(name)
}

fn be16(bytes: &[u8], at: usize) -> Option<usize> {
    let pair = bytes.get(at..at + 2)?.first_chunk::<2>()?;
    Some(usize::from(u16::from_be_bytes(*pair)))
}

/// The realm of a TURN server (RFC 8489 14.9).
fn stun_realm(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.get(4..8)? != STUN_COOKIE {
        return None;
    }
    let mut rest = payload.get(20..)?;
    for _ in 0..MAX_STUN_ATTRIBUTES {
        let (kind, length) = (be16(rest, 0)?, be16(rest, 2)?);
        let value = rest.get(4..4 + length)?;
        if kind == usize::from(STUN_REALM) {
            return Some(value.to_vec());
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
    None
}

fn ssdp_host(payload: &[u8]) -> Option<Vec<u8>> {
    if !payload.starts_with(b"M-SEARCH * ") && !payload.starts_with(b"NOTIFY * ") {
        return None;
    }
    let line = payload
        .split(|b| *b == b'\n')
        .take(16)
        .find(|line| line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"host:")))?;
    Some(line.get(5..)?.trim_ascii().to_vec())
}

/// `RSIP 1 *@gateway.example MGCP 1.0` (RFC 3435 3.2.1).
fn mgcp_endpoint(payload: &[u8]) -> Option<Vec<u8>> {
    let verbs: [&[u8]; 9] =
        [b"RSIP ", b"AUEP ", b"AUCX ", b"CRCX ", b"MDCX ", b"DLCX ", b"RQNT ", b"NTFY ", b"EPCF "];
    if !verbs.iter().any(|v| payload.starts_with(v)) {
        return None;
    }
    let line = payload.split(|b| *b == b'\n').next()?;
    let endpoint = line.split(|b| *b == b' ').nth(2)?;
    let at = endpoint.iter().position(|b| *b == b'@')?;
    Some(endpoint.get(at + 1..)?.trim_ascii().to_vec())
}

/// A tag `SNI` with a little-endian length, as Agora's first packets have it.
fn tagged_sni(payload: &[u8]) -> Option<Vec<u8>> {
    let head = payload.get(..64.min(payload.len()))?;
    let at = head.windows(4).position(|w| w == b"SNI\0")?;
    let length = payload.get(at + 4..at + 6)?.first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    Some(payload.get(at + 6..at + 6 + length)?.to_vec())
}

/// The name asked for, registered or sending (RFC 1001 14.1, RFC 1002 4.2 and 4.4).
fn netbios(payload: &[u8]) -> Option<Vec<u8>> {
    let is_name_service = payload.get(4..6) == Some(&[0, 1]) && payload.get(12) == Some(&0x20);
    let is_datagram = matches!(payload.first(), Some(0x10..=0x12)) && payload.get(14) == Some(&0x20);
    let coded = match (is_name_service, is_datagram) {
        (true, _) => payload.get(13..45)?,
        (_, true) => payload.get(15..47)?,
        _ => return None,
    };
    mimamori_applayer::netbios::decode_name(coded).map(|name| name.host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(payload: &[u8]) -> Option<String> {
        in_datagram(payload).map(|n| String::from_utf8_lossy(&n).into_owned())
    }

    #[test]
    fn names_are_read_where_they_stand() {
        let mut stun = vec![1, 0x13, 0, 20, 0x21, 0x12, 0xa4, 0x42];
        stun.extend([0; 12]);
        stun.extend([0, 9, 0, 2, 4, 1, 0, 0]);
        stun.extend([0, 0x14, 0, 8]);
        stun.extend(b"turn.jp.");
        assert_eq!(name(&stun).as_deref(), Some("turn.jp."));
        let search = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n";
        assert_eq!(name(search).as_deref(), Some("239.255.255.250:1900"));
        assert_eq!(name(b"RSIP 1 *@vg224 MGCP 1.0\n").as_deref(), Some("vg224"));
        let mut question = vec![0x12, 0x34, 1, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0x20];
        question.extend(b"ELEFEJFCEJCNFAEDCACACACACACACAAA");
        question.extend([0, 0, 0x20, 0, 1]);
        assert_eq!(name(&question).as_deref(), Some("KEIRI-PC"));
        assert_eq!(name(b"nothing of the kind"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = in_datagram(&bytes);
        }
    }
}
