//! Keywords on files.

use crate::ast::{Check, Effect, FileCheck, FilestoreScope, HashKind};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{compare_number, parts, pattern, quoted, required};

fn text(o: &RawOption<'_>) -> Result<(Box<[u8]>, bool)> {
    let (text, negated) = quoted(o)?;
    Ok((pattern(text)?, negated))
}

pub fn filename(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (text, negated) = text(o)?;
    b.check(Check::File(FileCheck::Name { text, negated }));
    Ok(())
}

pub fn fileext(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (text, negated) = text(o)?;
    b.check(Check::File(FileCheck::Ext { text, negated }));
    Ok(())
}

pub fn filemagic(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (text, negated) = text(o)?;
    b.check(Check::File(FileCheck::Magic { text, negated }));
    Ok(())
}

pub fn filesize(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let cmp = compare_number(required(o)?, u64::MAX)?;
    b.check(Check::File(FileCheck::Size(cmp)));
    Ok(())
}

fn hashes(b: &mut Builder<'_>, o: &RawOption<'_>, kind: HashKind) -> Result<()> {
    let text = required(o)?;
    let (file, negated) = match text.strip_prefix('!') {
        Some(rest) => (rest.trim(), true),
        None => (text, false),
    };
    let file = file.trim_matches('"');
    if file.is_empty() {
        bail!("`{}` needs the name of a file with hashes", o.name);
    }
    b.check(Check::File(FileCheck::HashList { kind, file: file.into(), negated, column: b.column() }));
    Ok(())
}

pub fn filemd5(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    hashes(b, o, HashKind::Md5)
}

pub fn filesha1(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    hashes(b, o, HashKind::Sha1)
}

pub fn filesha256(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    hashes(b, o, HashKind::Sha256)
}

/// `filestore[:direction,scope]`.
pub fn filestore(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut scope = FilestoreScope::File;
    for part in o.value.into_iter().flat_map(parts).filter(|p| !p.is_empty()) {
        match part {
            "request" | "to_server" | "response" | "to_client" | "both" => {}
            "file" => scope = FilestoreScope::File,
            "tx" => scope = FilestoreScope::Tx,
            "ssn" | "flow" => scope = FilestoreScope::Flow,
            other => bail!("`{other}` is no option of filestore"),
        }
    }
    b.effects.push(Effect::Filestore { scope });
    Ok(())
}
