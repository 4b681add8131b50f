//! Bits and counters that rules keep: flowbits, hostbits, xbits, flowint.

use crate::ast::{BitChange, BitCheck, BitScope, Check, Effect, FlowintCmp, FlowintOp, FlowintValue};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{name, number, parts, required};

/// How long xbits and hostbits last when the rule does not say.
const XBIT_EXPIRE_SECS: u32 = 30;
const HOSTBIT_EXPIRE_SECS: u32 = 300;

/// What the first word of a bits keyword asks for.
enum Verb {
    Change(BitChange),
    Check(bool),
    NoAlert,
}

fn verb(text: &str) -> Result<Verb> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "set" => Verb::Change(BitChange::Set),
        "unset" => Verb::Change(BitChange::Unset),
        "toggle" => Verb::Change(BitChange::Toggle),
        "isset" => Verb::Check(true),
        "isnotset" => Verb::Check(false),
        "noalert" => Verb::NoAlert,
        other => bail!("`{other}` is nothing that can be done with a bit"),
    })
}

fn apply(
    b: &mut Builder<'_>,
    verb: Verb,
    scope: BitScope,
    text: &str,
    expire_secs: Option<u32>,
) -> Result<()> {
    match verb {
        Verb::NoAlert => bail!("`noalert` takes no name"),
        Verb::Check(set) => {
            let names = text.split('|').map(name).collect::<Result<Vec<_>>>()?;
            b.check(Check::Bit(BitCheck { scope, names, set }));
        }
        Verb::Change(change) => {
            let name = name(text)?;
            if name.contains('|') {
                bail!("only isset and isnotset can name several bits");
            }
            b.effects.push(Effect::Bit { scope, change, name, expire_secs });
        }
    }
    Ok(())
}

pub fn flowbits(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let (word, rest) = match text.split_once(',') {
        Some((w, r)) => (w.trim(), Some(r.trim())),
        None => (text, None),
    };
    match (verb(word)?, rest) {
        (Verb::NoAlert, None) => {
            b.noalert = true;
            Ok(())
        }
        (v, Some(name)) => apply(b, v, BitScope::Flow, name, None),
        (_, None) => bail!("`flowbits:{word}` needs a name"),
    }
}

/// `hostbits:set,name[,src|dst|both[,expire]]`.
pub fn hostbits(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let verb = verb(p.next().unwrap_or(""))?;
    if let Verb::NoAlert = verb {
        b.noalert = true;
        return Ok(());
    }
    let Some(bit) = p.next() else {
        bail!("`hostbits` needs a name");
    };
    let scope = match p.next() {
        None | Some("src") => BitScope::HostSrc,
        Some("dst") => BitScope::HostDst,
        Some("both") => BitScope::HostBoth,
        Some(other) => bail!("`{other}` is neither src, dst nor both"),
    };
    let expire = p.next().map_or(Ok(HOSTBIT_EXPIRE_SECS), number)?;
    if p.next().is_some() {
        bail!("`hostbits` has too many parts");
    }
    apply(b, verb, scope, bit, Some(expire))
}

/// `xbits:set,name,track ip_src[,expire 60]`.
pub fn xbits(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let verb = verb(p.next().unwrap_or(""))?;
    if let Verb::NoAlert = verb {
        b.noalert = true;
        return Ok(());
    }
    let Some(bit) = p.next() else {
        bail!("`xbits` needs a name");
    };
    let (mut scope, mut expire) = (None, None);
    for part in p {
        match part.split_once(char::is_whitespace) {
            Some(("track", v)) => {
                scope = Some(match v.trim() {
                    "ip_src" => BitScope::IpSrc,
                    "ip_dst" => BitScope::IpDst,
                    "ip_pair" => BitScope::IpPair,
                    "tx" => BitScope::Tx,
                    other => bail!("`{other}` cannot be tracked by"),
                });
            }
            Some(("expire", v)) => {
                let secs: u32 = number(v)?;
                if secs == 0 {
                    bail!("`expire` must be above 0");
                }
                expire = Some(secs);
            }
            _ => bail!("`{part}` is no part of xbits"),
        }
    }
    let Some(scope) = scope else {
        bail!("`xbits` needs `track`");
    };
    apply(b, verb, scope, bit, Some(expire.unwrap_or(XBIT_EXPIRE_SECS)))
}

/// `flowint:name,op[,value]`.
pub fn flowint(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let (Some(var), Some(op), value, None) = (p.next(), p.next(), p.next(), p.next()) else {
        bail!("`flowint` needs: name, operation, value");
    };
    let var = name(var)?;
    match op {
        "isset" => b.check(Check::FlowintIsSet { name: var, set: true }),
        "notset" | "isnotset" => b.check(Check::FlowintIsSet { name: var, set: false }),
        _ => {
            let Some(value) = value else {
                bail!("`flowint` with `{op}` needs a value");
            };
            let value = if value.starts_with(|c: char| c.is_ascii_digit()) {
                FlowintValue::Const(number(value)?)
            } else {
                FlowintValue::Var(name(value)?)
            };
            match flowint_op(op)? {
                Ok(op) => b.effects.push(Effect::Flowint { name: var, op, value }),
                Err(op) => b.check(Check::Flowint { name: var, op, value }),
            }
        }
    }
    Ok(())
}

/// A change, or (`Err`) a comparison.
fn flowint_op(text: &str) -> Result<std::result::Result<FlowintOp, FlowintCmp>> {
    Ok(match text {
        "=" => Ok(FlowintOp::Set),
        "+" => Ok(FlowintOp::Add),
        "-" => Ok(FlowintOp::Sub),
        "==" => Err(FlowintCmp::Eq),
        "!=" => Err(FlowintCmp::Ne),
        "<" => Err(FlowintCmp::Lt),
        "<=" => Err(FlowintCmp::Le),
        ">" => Err(FlowintCmp::Gt),
        ">=" => Err(FlowintCmp::Ge),
        other => bail!("`{other}` is no operation of flowint"),
    })
}
