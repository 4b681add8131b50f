//! What some buffers ask of the contents on them, because of how their bytes are normalised.

use mimamori_applayer::Field;

use crate::ast::{Content, Match, Selector};
use crate::error::{Result, RuleError, bail};
use crate::parse::builder::{Builder, List};

/// Refuses contents that the buffer can never hold, and writes the others as the buffer does.
pub fn apply(b: &mut Builder<'_>) -> Result<()> {
    for list in &mut b.lists {
        let Selector::Field(field) = list.selector else { continue };
        if !list.transforms.is_empty() {
            continue;
        }
        on_list(list, field)?;
    }
    Ok(())
}

fn on_list(list: &mut List, field: Field) -> Result<()> {
    for item in &mut list.items {
        let Match::Content(c) = &mut item.matched else { continue };
        let checked = match field {
            Field::HttpHost => lower_host(c),
            Field::HttpMethod | Field::HttpProtocol => no_outer_blank(c, field),
            // Hashes and fingerprints are written in lower case, serial numbers in upper case.
            Field::Ja3Hash
            | Field::Ja3sHash
            | Field::TlsCertFingerprint
            | Field::SshHassh
            | Field::SshHasshServer => {
                c.pattern.make_ascii_lowercase();
                Ok(())
            }
            Field::TlsCertSerial => {
                c.pattern.make_ascii_uppercase();
                Ok(())
            }
            _ => Ok(()),
        };
        checked.map_err(|e: RuleError| e.at(item.at))?;
    }
    Ok(())
}

fn lower_host(c: &Content) -> Result<()> {
    if c.pattern.iter().any(u8::is_ascii_uppercase) {
        bail!("`http.host` is in lower case: a pattern with capitals can never match");
    }
    Ok(())
}

fn no_outer_blank(c: &Content, field: Field) -> Result<()> {
    let blank = |b: Option<&u8>| b.is_some_and(|b| matches!(b, b' ' | b'\t'));
    if blank(c.pattern.first()) || blank(c.pattern.last()) {
        bail!("`{}` has no blanks around it: the pattern can never match", field.info().keyword);
    }
    Ok(())
}
