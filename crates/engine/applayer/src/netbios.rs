//! Names of NetBIOS (RFC 1001 14.1): sixteen bytes, each as two letters.

/// What a name is and whose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetbiosName {
    /// Without the padding.
    pub host: Vec<u8>,
    /// The last byte: 0x00 workstation, 0x20 file server, 0x1b-0x1e domain and browser names.
    pub service: u8,
}

impl NetbiosName {
    /// The name of a machine, not of a group or a domain.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        matches!(self.service, 0x00 | 0x03 | 0x20)
    }
}

/// Reads the 32 letters of a coded name.
#[must_use]
pub fn decode_name(coded: &[u8]) -> Option<NetbiosName> {
    if coded.len() != 32 {
        return None;
    }
    let mut bytes = Vec::with_capacity(16);
    for pair in coded.chunks_exact(2) {
        let [high, low] = pair else { return None };
        let nibble = |letter: u8| letter.checked_sub(b'A').filter(|n| *n < 16);
        bytes.push(nibble(*high)? << 4 | nibble(*low)?);
    }
    let service = bytes.pop()?;
    while matches!(bytes.last(), Some(b' ' | 0)) {
        bytes.pop();
    }
    Some(NetbiosName { host: bytes, service })
}

/// What a packet of the name service (UDP port 137) says of its sender's own name: a
/// registration, a refresh, or a positive answer to a query.
#[must_use]
pub fn own_name(packet: &[u8]) -> Option<NetbiosName> {
    let flags = u16::from_be_bytes(*packet.get(2..4)?.first_chunk::<2>()?);
    let (is_response, opcode, code) = (flags & 0x8000 != 0, flags >> 11 & 0x0f, flags & 0x0f);
    // Registration and refresh name the sender; an answer to a query names who answers.
    let own = match (is_response, opcode) {
        (false, 5 | 8 | 9) => true,
        (true, 0) => code == 0,
        _ => false,
    };
    if !own || packet.get(12) != Some(&0x20) {
        return None;
    }
    decode_name(packet.get(13..45)?).filter(|n| n.is_machine() && is_fine(&n.host))
}

/// The sender's name in a packet of the datagram service (UDP port 138).
#[must_use]
pub fn sender_name(packet: &[u8]) -> Option<NetbiosName> {
    if !matches!(packet.first(), Some(0x10..=0x12)) || packet.get(14) != Some(&0x20) {
        return None;
    }
    decode_name(packet.get(15..47)?).filter(|n| n.is_machine() && is_fine(&n.host))
}

fn is_fine(host: &[u8]) -> bool {
    !host.is_empty() && host != b"*" && host.iter().all(|b| b.is_ascii_graphic() || *b >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(flags: u16, coded: &[u8]) -> Vec<u8> {
        let mut p = vec![1, 2];
        p.extend(flags.to_be_bytes());
        p.extend([0, 1, 0, 0, 0, 0, 0, 1, 0x20]);
        p.extend(coded);
        p.push(0);
        p
    }

    #[test]
    fn gw_14_a_registration_and_an_answer_name_the_sender_a_question_does_not() {
        let keiri = b"ELEFEJFCEJCNFAEDCACACACACACACAAA";
        assert_eq!(own_name(&packet(0x2910, keiri)).map(|n| n.host), Some(b"KEIRI-PC".to_vec()));
        assert_eq!(own_name(&packet(0x8580, keiri)).map(|n| n.service), Some(0));
        assert_eq!(own_name(&packet(0x0110, keiri)), None);
        assert_eq!(own_name(&packet(0x8583, keiri)), None, "a refusal");
        let group = b"FHEPFCELEHFCEPFFFACACACACACACABO";
        assert_eq!(own_name(&packet(0x2910, group)), None, "the name of a group");
        assert_eq!(decode_name(b"short"), None);
        assert_eq!(decode_name(b"zzEFEJFCEJCNFAEDCACACACACACACAAA"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = own_name(&bytes);
            let _ = sender_name(&bytes);
            let _ = decode_name(&bytes);
        }
    }
}
