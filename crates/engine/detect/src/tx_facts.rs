//! Which checks belong to a transaction, in which directions, and from which progress on they
//! are final.

use mimamori_applayer::Field;
use mimamori_applayer::field::{ONE_STEP, Sides, http_step, tls_step};
use mimamori_rules::{CertValidity, Check, FileCheck};

use crate::signature::Directions;

/// What the compiler must know of a transaction check.
#[derive(Debug, Clone, Copy)]
pub struct CheckFacts {
    pub directions: Directions,
    pub progress: u8,
    /// Why such a check cannot be asked here.
    pub unsupported: Option<&'static str>,
}

const BOTH: Directions = Directions { to_server: true, to_client: true };
const TO_SERVER: Directions = Directions { to_server: true, to_client: false };
const TO_CLIENT: Directions = Directions { to_server: false, to_client: true };

/// `None`: a check of packet or flow.
#[must_use]
pub fn of_check(check: &Check) -> Option<CheckFacts> {
    let facts = |directions, progress| CheckFacts { directions, progress, unsupported: None };
    Some(match check {
        // Anomalies of the flow as a whole are a packet's, not a transaction's.
        Check::AppEvent(name) if name.starts_with("applayer_") => return None,
        Check::AppEvent(_) => facts(BOTH, u8::MAX),
        Check::Number(n) => of_field(n.field),
        Check::TlsVersion(_) | Check::SslVersion(_) => facts(BOTH, tls_step::HELLO),
        Check::SslState { .. } => facts(BOTH, tls_step::HELLO),
        Check::TlsCertValidity(CertValidity::NotBefore(_) | CertValidity::NotAfter(_)) => {
            facts(TO_CLIENT, tls_step::CERT)
        }
        Check::TlsCertValidity(_) => facts(TO_CLIENT, tls_step::CERT),
        Check::FtpBounce => facts(TO_SERVER, ONE_STEP),
        Check::FtpReplyReceived(_) | Check::FtpMode { .. } => facts(BOTH, ONE_STEP),
        Check::FtpDataCommand { .. } => facts(BOTH, ONE_STEP),
        Check::DceIface(_) | Check::DceOpnum(_) => facts(BOTH, ONE_STEP),
        Check::TicketEncryption(_) => of_field(Field::Krb5TicketEncryption),
        Check::SshVersion { .. } => facts(BOTH, ONE_STEP),
        Check::File(FileCheck::Name { .. } | FileCheck::Ext { .. }) => facts(BOTH, http_step::HEADERS),
        Check::File(_) => facts(BOTH, http_step::BODY),
        Check::AppState { .. } => facts(BOTH, 0),
        _ => return None,
    })
}

fn of_field(field: Field) -> CheckFacts {
    let info = field.info();
    let directions = match info.sides {
        Sides::ToServer => TO_SERVER,
        Sides::ToClient => TO_CLIENT,
        Sides::Both => BOTH,
    };
    CheckFacts { directions, progress: info.progress, unsupported: None }
}
