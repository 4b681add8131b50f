//! The cloud's own certificate authority for gateways (GW-10).
//!
//! Holds always: the CA key stands in a file of mode 0600 and nowhere else; of a certificate
//! request only the public key is taken over, everything else is set here. Device certificates
//! are short-lived and name the gateway's id, never the customer.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::GatewayId;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

const DAY: Duration = Duration::from_secs(86_400);
const CA_LIFE_DAYS: u32 = 20 * 365;
const DEVICE_LIFE_DAYS: u32 = 90;
const SERVER_LIFE_DAYS: u32 = 180;
/// Clocks of gateways may lag: certificates are valid from a little earlier.
const BACKDATED: Duration = Duration::from_secs(3_600);

#[derive(Debug, thiserror::Error)]
pub enum CaError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is no usable CA: {reason}; put both files back from the backup")]
    Unusable { path: PathBuf, reason: String },
    #[error("only one of {0}/ca.pem and {0}/ca.key is there; put the other back from the backup")]
    HalfThere(PathBuf),
    #[error("certificate request: {0}")]
    Request(rcgen::Error),
    #[error("certificate: {0}")]
    Issue(#[from] rcgen::Error),
    #[error("a time that no certificate can hold")]
    Time,
}

/// A device certificate as it is answered.
#[derive(Clone, Debug)]
pub struct Issued {
    pub pem: String,
    /// SHA-256 of the public key, in hexadecimal: what the store knows the device by.
    pub fingerprint: String,
    pub renew_after: Timestamp,
}

/// A certificate chain with its key, for the listener.
pub struct ServerCertificate {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pub renew_after: Timestamp,
}

pub struct DeviceCa {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for DeviceCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceCa")
    }
}

impl DeviceCa {
    /// Reads `ca.pem` and `ca.key` in `dir`; makes them when neither is there.
    pub fn open_or_create(dir: &Path, now: Timestamp) -> Result<Self, CaError> {
        let (pem_path, key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        match (pem_path.exists(), key_path.exists()) {
            (true, true) => Self::open(&pem_path, &key_path),
            (false, false) => {
                create(dir, now)?;
                Self::open(&pem_path, &key_path)
            }
            _ => Err(CaError::HalfThere(dir.to_owned())),
        }
    }

    fn open(pem_path: &Path, key_path: &Path) -> Result<Self, CaError> {
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|source| CaError::Io { path: path.to_owned(), source })
        };
        let unusable =
            |path: &Path, e: rcgen::Error| CaError::Unusable { path: path.to_owned(), reason: e.to_string() };
        let pem = read(pem_path)?;
        let key = KeyPair::from_pem(&read(key_path)?).map_err(|e| unusable(key_path, e))?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(|e| unusable(pem_path, e))?;
        Ok(DeviceCa { pem, issuer })
    }

    /// The certificate that gateways pin.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn der(&self) -> Result<CertificateDer<'static>, CaError> {
        CertificateDer::from_pem_slice(self.pem.as_bytes())
            .map_err(|e| CaError::Unusable { path: PathBuf::from("ca.pem"), reason: e.to_string() })
    }

    /// Reads a request and checks that its sender holds the key; tells the key's fingerprint.
    pub fn check_request(&self, csr_pem: &str) -> Result<Request, CaError> {
        let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(CaError::Request)?;
        let fingerprint = fingerprint(&request.public_key.subject_public_key_info());
        Ok(Request { request, fingerprint })
    }

    /// A certificate for `gateway`, of which the request gives the public key only.
    pub fn issue(&self, request: &Request, gateway: GatewayId, now: Timestamp) -> Result<Issued, CaError> {
        let mut params = base_params(now, DEVICE_LIFE_DAYS)?;
        params.distinguished_name.push(DnType::CommonName, gateway.to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&request.request.public_key, &self.issuer)?;
        Ok(Issued {
            pem: certificate.pem(),
            fingerprint: request.fingerprint.clone(),
            renew_after: now + DAY * (DEVICE_LIFE_DAYS / 2),
        })
    }

    /// A certificate for this cloud's listener under the names by which gateways reach it.
    pub fn issue_server(&self, names: &[String], now: Timestamp) -> Result<ServerCertificate, CaError> {
        let key = KeyPair::generate()?;
        let mut params = base_params(now, SERVER_LIFE_DAYS)?;
        params.subject_alt_names = CertificateParams::new(names.to_vec())?.subject_alt_names;
        params.distinguished_name.push(DnType::CommonName, "mimamori cloud");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(ServerCertificate {
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            renew_after: now + DAY * (SERVER_LIFE_DAYS / 2),
        })
    }
}

/// A certificate request whose signature was checked.
#[derive(Debug)]
pub struct Request {
    request: CertificateSigningRequestParams,
    fingerprint: String,
}

impl Request {
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// SHA-256 of a public key (SPKI), in hexadecimal.
pub(crate) fn fingerprint(spki: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, spki);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

fn base_params(now: Timestamp, days: u32) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    params.not_before = at(now - BACKDATED)?;
    params.not_after = at(now + DAY * days)?;
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn at(time: Timestamp) -> Result<OffsetDateTime, CaError> {
    OffsetDateTime::from_unix_timestamp(time.secs()).map_err(|_| CaError::Time)
}

fn create(dir: &Path, now: Timestamp) -> Result<(), CaError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| CaError::Io { path, source }
    };
    fs::create_dir_all(dir).map_err(io(dir))?;
    let key = KeyPair::generate()?;
    let mut params = base_params(now, CA_LIFE_DAYS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Mimamori gateway CA");
    let certificate = params.self_signed(&key)?;
    // The key first: a CA that is half there is noticed at the next start.
    for (name, text, mode) in [("ca.key", key.serialize_pem(), 0o600), ("ca.pem", certificate.pem(), 0o644)] {
        let path = dir.join(name);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(io(&path))?;
        file.write_all(text.as_bytes()).map_err(io(&path))?;
        file.sync_all().map_err(io(&path))?;
    }
    Ok(())
}
