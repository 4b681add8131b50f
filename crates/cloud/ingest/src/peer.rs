//! Who is at the other end of a connection, by its certificate alone.

use std::net::IpAddr;

use mimamori_domain::GatewayId;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::ca::fingerprint;

/// The other end of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub ip: IpAddr,
    /// `None` when it showed no certificate.
    pub gateway: Option<KnownGateway>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownGateway {
    pub id: GatewayId,
    pub fingerprint: String,
}

/// Reads the id out of a certificate whose chain rustls has already verified against our CA.
pub(crate) fn identify(certificate: &CertificateDer<'_>) -> Option<KnownGateway> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?.as_str().ok()?;
    Some(KnownGateway { id: GatewayId::parse(name).ok()?, fingerprint: fingerprint(parsed.public_key().raw) })
}
