//! What a rule set needs others to compute.

use mimamori_applayer::Field;
use mimamori_rules::{Check, FileCheck, HashKind};

use crate::signature::{SigEffect, Signature, TxPart};

/// Costly things that some rule asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    pub md5: bool,
    pub sha1: bool,
    pub sha256: bool,
    pub mail_body_md5: bool,
    /// Some rule tags hosts.
    pub host_tags: bool,
}

/// Collects the needs of `signatures`.
#[must_use]
pub fn of(signatures: &[Signature]) -> Needs {
    let mut needs = Needs::default();
    for sig in signatures {
        for part in &sig.tx {
            match part {
                TxPart::Check(c) => {
                    if let Check::File(FileCheck::HashList { kind, .. }) = &c.check {
                        match kind {
                            HashKind::Md5 => needs.md5 = true,
                            HashKind::Sha1 => needs.sha1 = true,
                            HashKind::Sha256 => needs.sha256 = true,
                        }
                    }
                }
                TxPart::Buffer { field, .. } => needs.mail_body_md5 |= *field == Field::EmailBodyMd5,
                TxPart::Payload => {}
            }
        }
        needs.host_tags |= sig
            .effects
            .iter()
            .any(|e| matches!(e, SigEffect::Tag(t) if t.scope != mimamori_rules::TagScope::Session));
        // A file that is kept is kept under its digest.
        needs.sha256 |= sig.effects.iter().any(|e| matches!(e, SigEffect::Filestore(_)));
    }
    needs
}
