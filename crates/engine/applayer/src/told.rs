//! What a flow tells of the service it reaches, for records of use (GW-04): names, not content.
//!
//! Responsible for gathering host name, ALPN, JA4 and certificate names from transactions.
//! Holds always: the first name of a flow stays; at most [`MAX_CERTIFICATE_NAMES`] names of a
//! certificate, each text at most [`MAX_TEXT_BYTES`]. Deliberately not here: which application
//! that is (the catalogue).

/// Names of one certificate that are kept.
pub const MAX_CERTIFICATE_NAMES: usize = 8;

/// Longest text kept (RFC 1035 section 2.3.4).
pub const MAX_TEXT_BYTES: usize = 255;

/// What was told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The host asked for: SNI, `Host`, the name in a DNS question.
    pub host: Option<Vec<u8>>,
    /// The protocol inside TLS that the server chose.
    pub alpn: Option<Vec<u8>>,
    /// The first protocol that the client offered.
    pub alpn_offered: Option<Vec<u8>>,
    /// JA4 by its own definition. (The rule language's `ja4.hash` differs where a hello has no
    /// signature algorithms, as the reference does.)
    pub ja4: Option<String>,
    /// The same as nDPI writes it.
    pub ja4_ndpi: Option<String>,
    /// Names on the server's certificate.
    pub certificate: Vec<Vec<u8>>,
    /// The hello hides the true name (ECH, or ESNI of its drafts).
    pub hidden_name: bool,
}

impl Told {
    pub fn host(&mut self, name: &[u8]) {
        let name = name.strip_suffix(b".").unwrap_or(name);
        if self.host.is_none() && !name.is_empty() {
            self.host = Some(cut(name).to_ascii_lowercase());
        }
    }

    pub fn alpn(&mut self, name: &[u8]) {
        self.alpn.get_or_insert_with(|| cut(name).to_vec());
    }

    pub fn alpn_offered(&mut self, name: &[u8]) {
        self.alpn_offered.get_or_insert_with(|| cut(name).to_vec());
    }

    pub fn certificate_name(&mut self, name: &[u8]) {
        let full = self.certificate.len() >= MAX_CERTIFICATE_NAMES;
        if !full && !name.is_empty() && !self.certificate.iter().any(|n| n == name) {
            self.certificate.push(cut(name).to_ascii_lowercase());
        }
    }
}

fn cut(text: &[u8]) -> &[u8] {
    text.get(..MAX_TEXT_BYTES).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_04_the_first_name_stays_and_texts_are_bounded() {
        let mut told = Told::default();
        told.host(b"");
        told.host(b"Www.Example.JP.");
        told.host(b"other.example");
        assert_eq!(told.host.as_deref(), Some(&b"www.example.jp"[..]));
        for n in 0..20 {
            told.certificate_name(format!("{n}.example").as_bytes());
        }
        told.certificate_name(&[b'a'; 400]);
        assert_eq!(told.certificate.len(), MAX_CERTIFICATE_NAMES);
        let mut long = Told::default();
        long.host(&[b'a'; 400]);
        assert_eq!(long.host.map(|h| h.len()), Some(MAX_TEXT_BYTES));
    }
}
