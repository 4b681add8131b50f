//! `dataset` and `datarep`.

use super::bytes::split_flag;
use crate::ast::{Dataset, DatasetOp, DatasetType, Match, RepOp};
use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{number, parts, required, unsigned};

pub fn dataset(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    need_buffer(b, o.name)?;
    let mut p = parts(required(o)?);
    let op = match p.next().unwrap_or("") {
        "isset" => DatasetOp::IsSet,
        "isnotset" => DatasetOp::IsNotSet,
        "set" => DatasetOp::Set,
        "unset" => DatasetOp::Unset,
        other => bail!("`{other}` is no command of dataset"),
    };
    let name = p.next().unwrap_or("");
    let set = options(b, op, name, p)?;
    b.push(Match::Dataset(Box::new(set)))
}

pub fn datarep(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    need_buffer(b, o.name)?;
    let mut p = parts(required(o)?);
    let (Some(name), Some(op), Some(value)) = (p.next(), p.next(), p.next()) else {
        bail!("`datarep` needs: name, operator, value");
    };
    let op = DatasetOp::Reputation { op: rep_op(op)?, value: number(value)? };
    let set = options(b, op, name, p)?;
    b.push(Match::Dataset(Box::new(set)))
}

/// The operators of reputation keywords.
pub fn rep_op(text: &str) -> Result<RepOp> {
    Ok(match text {
        "<" => RepOp::Lt,
        ">" => RepOp::Gt,
        "=" => RepOp::Eq,
        "<=" => RepOp::Le,
        ">=" => RepOp::Ge,
        other => bail!("`{other}` is no comparison"),
    })
}

fn need_buffer(b: &Builder<'_>, keyword: &str) -> Result<()> {
    match b.current {
        Some(_) => Ok(()),
        None => bail!("`{keyword}` needs a sticky buffer before it"),
    }
}

fn options<'t>(
    b: &Builder<'_>,
    op: DatasetOp,
    name: &str,
    parts: impl Iterator<Item = &'t str>,
) -> Result<Dataset> {
    if name.is_empty() || name.len() > 63 || name.contains(char::is_whitespace) {
        bail!("`{name}` is no name of a set");
    }
    let known = b.context.datasets.get(name).cloned().unwrap_or_default();
    let mut kind = known.kind;
    let mut load: Option<Box<str>> = known.load.map(Into::into);
    let mut save: Option<Box<str>> = known.save.map(Into::into);
    let (mut memcap_bytes, mut hashsize) = (known.memcap_bytes, None);
    for part in parts {
        match split_flag(part) {
            Some(("type", v)) => {
                kind = match dataset_type(v) {
                    Some(kind) => Some(kind),
                    None => bail!("`{v}` is no type of a set"),
                }
            }
            Some(("load", v)) => load = Some(v.into()),
            Some(("save", v)) => save = Some(writable(b, v)?),
            Some(("state", v)) => {
                let path = writable(b, v)?;
                load = Some(path.clone());
                save = Some(path);
            }
            Some(("memcap", v)) => memcap_bytes = Some(unsigned(v)?),
            Some(("hashsize", v)) => hashsize = Some(number(v)?),
            Some((other, _)) => {
                return Err(RuleError::unsupported(format!("dataset option `{other}` is not supported yet")));
            }
            None => bail!("`{part}` is no option of a set"),
        }
    }
    let Some(kind) = kind else {
        bail!("a set needs its `type`");
    };
    Ok(Dataset { op, name: name.into(), kind, load, save, memcap_bytes, hashsize, column: b.column() })
}

/// The type of a set by its name.
#[must_use]
pub fn dataset_type(name: &str) -> Option<DatasetType> {
    Some(match name {
        "string" => DatasetType::String,
        "md5" => DatasetType::Md5,
        "sha256" => DatasetType::Sha256,
        "ipv4" => DatasetType::Ipv4,
        "ip" | "ipv6" => DatasetType::Ip,
        _ => return None,
    })
}

/// A rule must not name files outside the data folder for writing.
fn writable(b: &Builder<'_>, path: &str) -> Result<Box<str>> {
    if !b.context.dataset_writes {
        bail!("rules may not write files (`datasets.rules.allow-write`)");
    }
    let climbs = path.split(['/', '\\']).any(|p| p == "..");
    if climbs || (path.starts_with('/') && !b.context.absolute_dataset_paths) {
        bail!("a rule may only write below the data folder, not to `{path}`");
    }
    Ok(path.into())
}
