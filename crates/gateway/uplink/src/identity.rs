//! The device's key and certificate, and how it gets them (GW-10).
//!
//! Holds always: the private key is made on the device, stands in files of mode 0600 only, and
//! never in a log or in `Debug`. Key and certificate change together, in one rename.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use mimamori_base::Timestamp;
use mimamori_report::{
    EnrolAnswer, EnrolRequest, Pem, RefusalCode, RenewAnswer, RenewRequest, Text, TextError,
};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde::{Deserialize, Serialize};

use crate::client::{ClientError, Cloud, CloudAddress};

const IDENTITY_FILE: &str = "identity.json";
/// The key of an enrolment that was begun: a repeated try must show the same one.
const PENDING_KEY_FILE: &str = "enrolling-key.pem";

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is damaged ({reason}); enrol this gateway again")]
    Damaged { path: PathBuf, reason: String },
    #[error("this gateway is not enrolled yet")]
    NotEnrolled,
    #[error("the key cannot be made: {0}")]
    Key(#[from] rcgen::Error),
    #[error("a value is too long: {0}")]
    Text(#[from] TextError),
}

#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(
        "serial number and secret were not accepted: check both; a secret works once and only until its date"
    )]
    Refused,
    #[error(transparent)]
    Cloud(#[from] ClientError),
}

/// Who this gateway is to the cloud.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    gateway: String,
    serial: String,
    certificate_pem: String,
    key_pem: String,
    renew_after: Timestamp,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("gateway", &self.gateway)
            .field("serial", &self.serial)
            .field("renew_after", &self.renew_after)
            .finish_non_exhaustive()
    }
}

impl Identity {
    pub fn load(dir: &Path) -> Result<Self, IdentityError> {
        let path = dir.join(IDENTITY_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(IdentityError::NotEnrolled),
            Err(source) => return Err(IdentityError::Io { path, source }),
        };
        serde_json::from_slice(&bytes).map_err(|e| IdentityError::Damaged { path, reason: e.to_string() })
    }

    /// The id that the cloud gave to this gateway.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(crate) fn key_pem(&self) -> &str {
        &self.key_pem
    }

    #[must_use]
    pub fn renewal_due(&self, now: Timestamp) -> bool {
        now >= self.renew_after
    }

    fn save(&self, dir: &Path) -> Result<(), IdentityError> {
        let json = serde_json::to_vec_pretty(self)
            .map_err(|e| IdentityError::Damaged { path: dir.to_owned(), reason: e.to_string() })?;
        write_private(&dir.join(IDENTITY_FILE), &json)
    }

    /// Asks for a new certificate for the same key: the key is what the cloud knows this gateway
    /// by, and only a new enrolment changes it.
    pub async fn renew(&self, dir: &Path, cloud: &mut Cloud) -> Result<Identity, EnrolError> {
        let key = KeyPair::from_pem(&self.key_pem).map_err(IdentityError::from)?;
        let request = RenewRequest { csr_pem: csr(&key, &self.serial)? };
        let answer = cloud.post("/v1/renew", "application/json", to_json(&request)?).await?;
        let answer: RenewAnswer =
            serde_json::from_slice(&answer).map_err(|e| ClientError::Answer(e.to_string()))?;
        let renewed = Identity {
            certificate_pem: answer.certificate_pem.as_str().to_owned(),
            renew_after: answer.renew_after,
            ..self.clone()
        };
        renewed.save(dir)?;
        Ok(renewed)
    }
}

/// What the installer types in, or what is printed with the device.
#[derive(Clone)]
pub struct Enrolment {
    pub address: CloudAddress,
    pub pinned_ca_pem: String,
    pub serial: String,
    pub secret: String,
    pub software: String,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolment")
            .field("address", &self.address)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

impl Enrolment {
    /// Enrols, and keeps the identity in `dir`. May be repeated: an answer that got lost on the
    /// way is given again to the same key.
    pub async fn run(&self, dir: &Path) -> Result<Identity, EnrolError> {
        fs::create_dir_all(dir).map_err(|source| IdentityError::Io { path: dir.to_owned(), source })?;
        let pending = dir.join(PENDING_KEY_FILE);
        let key = pending_key(&pending)?;
        let request = EnrolRequest {
            serial: Text::parse(self.serial.clone()).map_err(IdentityError::from)?,
            secret: Text::parse(self.secret.clone()).map_err(IdentityError::from)?,
            csr_pem: csr(&key, &self.serial)?,
            software: Text::new(&self.software),
        };
        let mut cloud = Cloud::new(self.address.clone(), &self.pinned_ca_pem, None)?;
        let answer = match cloud.post("/v1/enrol", "application/json", to_json(&request)?).await {
            Err(ClientError::Refused { code: RefusalCode::EnrolmentRefused, .. }) => {
                return Err(EnrolError::Refused);
            }
            other => other?,
        };
        let answer: EnrolAnswer =
            serde_json::from_slice(&answer).map_err(|e| ClientError::Answer(e.to_string()))?;
        let identity = Identity {
            gateway: answer.gateway.into_string(),
            serial: self.serial.clone(),
            certificate_pem: answer.certificate_pem.as_str().to_owned(),
            key_pem: key.serialize_pem(),
            renew_after: answer.renew_after,
        };
        identity.save(dir)?;
        let _ = fs::remove_file(pending);
        Ok(identity)
    }
}

fn pending_key(path: &Path) -> Result<KeyPair, IdentityError> {
    match fs::read_to_string(path) {
        Ok(pem) => {
            if let Ok(key) = KeyPair::from_pem(&pem) {
                return Ok(key);
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(IdentityError::Io { path: path.to_owned(), source }),
    }
    let key = KeyPair::generate()?;
    write_private(path, key.serialize_pem().as_bytes())?;
    Ok(key)
}

fn csr(key: &KeyPair, serial: &str) -> Result<Pem, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, serial);
    let pem = params.serialize_request(key)?.pem()?;
    Ok(Pem::parse(pem)?)
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(value).map_err(|e| ClientError::Answer(e.to_string()))
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), IdentityError> {
    let io = |source| IdentityError::Io { path: path.to_owned(), source };
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.sync_all().map_err(io)?;
    fs::rename(&temporary, path).map_err(io)
}
