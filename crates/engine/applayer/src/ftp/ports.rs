//! Data ports as FTP spells them (RFC 959, RFC 2428).

/// Where a data connection goes: the address as far as it is said, and the port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataPort {
    /// Four or sixteen bytes, or none.
    pub address: Vec<u8>,
    pub port: u16,
}

/// `h1,h2,h3,h4,p1,p2`, as in PORT and in the reply to PASV.
#[must_use]
pub fn six_numbers(text: &[u8]) -> Option<DataPort> {
    let text = std::str::from_utf8(text).ok()?;
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let text = text.get(start..)?;
    let mut numbers = [0u8; 6];
    let mut fields = text.split(',');
    for n in &mut numbers {
        let field = fields.next()?.trim();
        let end = field.find(|c: char| !c.is_ascii_digit()).unwrap_or(field.len());
        *n = field.get(..end)?.parse().ok()?;
    }
    let [a, b, c, d, high, low] = numbers;
    Some(DataPort { address: vec![a, b, c, d], port: u16::from_be_bytes([high, low]) })
}

/// `|1|132.235.1.2|6275|` of EPRT, `|||6446|` of the reply to EPSV.
#[must_use]
pub fn extended(text: &[u8]) -> Option<DataPort> {
    let start = text.iter().position(|b| matches!(b, b'|' | b'!' | b'#' | b'$'))?;
    let text = text.get(start..)?;
    let delimiter = *text.first()?;
    let mut fields = text.split(|b| *b == delimiter).skip(1);
    let (family, address, port) = (fields.next()?, fields.next()?, fields.next()?);
    let port = std::str::from_utf8(port).ok()?.trim().parse().ok()?;
    let address = std::str::from_utf8(address).unwrap_or_default();
    let address = match family {
        b"1" => address.parse::<std::net::Ipv4Addr>().map(|a| a.octets().to_vec()).unwrap_or_default(),
        b"2" => address.parse::<std::net::Ipv6Addr>().map(|a| a.octets().to_vec()).unwrap_or_default(),
        _ => Vec::new(),
    };
    Some(DataPort { address, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_port() {
        let port = |p: Option<DataPort>| p.map(|p| p.port);
        assert_eq!(port(six_numbers(b"192,168,0,13,234,10")), Some(59914));
        assert_eq!(port(six_numbers(b"Entering Passive Mode (10,0,0,1,1,2).")), Some(258));
        assert_eq!(port(six_numbers(b"1,2,3,4,5")), None);
        assert_eq!(port(six_numbers(b"1,2,3,4,500,6")), None);
        assert_eq!(port(extended(b"|1|132.235.1.2|6275|")), Some(6275));
        assert_eq!(port(extended(b"Entering Extended Passive Mode (|||47373|)")), Some(47373));
        assert_eq!(port(extended(b"|2|::1|70000|")), None);
    }
}
