//! Keywords that say what a rule is, not what it matches.

use crate::ast::{Reference, Target};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{bare, maybe_quoted, number, parts, quoted, required, unescape};

pub fn msg(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (text, negated) = quoted(o)?;
    if negated {
        bail!("`msg` cannot be negated");
    }
    if b.msg.is_some() {
        bail!("`msg` stands twice");
    }
    b.msg = Some(unescape(text).into());
    Ok(())
}

pub fn sid(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    if b.sid.is_some() {
        bail!("`sid` stands twice");
    }
    let sid: u32 = number(maybe_quoted(o)?)?;
    if sid == 0 {
        bail!("`sid` must be above 0");
    }
    b.sid = Some(sid);
    Ok(())
}

pub fn gid(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    b.gid = number(maybe_quoted(o)?)?;
    Ok(())
}

pub fn rev(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    b.rev = number(maybe_quoted(o)?)?;
    Ok(())
}

pub fn classtype(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let name = required(o)?;
    match b.context.classifications.get(&name.to_ascii_lowercase()) {
        Some(class) => {
            // The graver class wins where a rule names two.
            if b.class.as_ref().is_none_or(|old| class.priority < old.priority) {
                b.class = Some(class.clone());
            }
        }
        None => b.warnings.push(format!("classtype `{name}` is not known: priority 3 is taken")),
    }
    Ok(())
}

pub fn priority(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let priority: u8 = number(maybe_quoted(o)?)?;
    if priority == 0 {
        bail!("`priority` must be 1 to 255");
    }
    b.priority = Some(priority);
    Ok(())
}

pub fn reference(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let Some((kind, value)) = text.split_once(',') else {
        bail!("`reference` needs a kind, a comma and a value");
    };
    let (kind, value) = (kind.trim(), unescape(value.trim()));
    if kind.is_empty() || value.is_empty() {
        bail!("`reference` needs a kind, a comma and a value");
    }
    b.references.push(Reference { kind: kind.into(), value: value.into() });
    Ok(())
}

pub fn metadata(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    for part in parts(required(o)?) {
        if let Some((key, value)) = part.split_once(char::is_whitespace) {
            b.metadata.push((key.into(), value.trim().into()));
        } else if !part.is_empty() {
            b.metadata.push((part.into(), "".into()));
        }
    }
    Ok(())
}

pub fn target(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    b.target = Some(match required(o)? {
        "src_ip" => Target::Src,
        "dest_ip" => Target::Dst,
        other => bail!("`target` is src_ip or dest_ip, not `{other}`"),
    });
    Ok(())
}

pub fn noalert(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.noalert = true;
    Ok(())
}

pub fn alert(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.pass_alerts = true;
    Ok(())
}

pub fn prefilter(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.prefilter = true;
    Ok(())
}
