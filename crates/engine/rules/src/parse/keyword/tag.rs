//! `tag` and `config`: what happens to the rest of a flow or transaction.

use crate::ast::{ConfigKind, ConfigScope, Effect, Tag, TagMetric, TagScope};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{number, parts, required};

/// Packets that are tagged when the rule does not say.
const DEFAULT_PACKETS: u32 = 256;

/// `tag:session[,count,metric]`, `tag:host,count,metric,src|dst`.
pub fn tag(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let kind = p.next().unwrap_or("");
    let count = p.next();
    let metric = p.next();
    let direction = p.next();
    if p.next().is_some() {
        bail!("`tag` has too many parts");
    }
    let (count, metric) = match (count, metric) {
        (None, None) => (DEFAULT_PACKETS, TagMetric::Packets),
        (Some(n), Some(m)) => (number(n)?, metric_of(m)?),
        _ => bail!("`tag` needs a count and packets, seconds or bytes"),
    };
    let scope = match (kind, direction) {
        ("session", None) => TagScope::Session,
        ("host", Some("src")) => TagScope::HostSrc,
        ("host", Some("dst")) => TagScope::HostDst,
        ("session", Some(_)) => bail!("`tag:session` takes no direction"),
        ("host", _) => bail!("`tag:host` needs src or dst"),
        (other, _) => bail!("`{other}` cannot be tagged"),
    };
    b.effects.push(Effect::Tag(Tag { scope, count, metric }));
    Ok(())
}

fn metric_of(text: &str) -> Result<TagMetric> {
    Ok(match text {
        "packets" => TagMetric::Packets,
        "seconds" => TagMetric::Seconds,
        "bytes" => TagMetric::Bytes,
        other => bail!("`{other}` is neither packets, seconds nor bytes"),
    })
}

/// `config:logging disable, type tx, scope tx`.
pub fn config(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (mut logging, mut kind, mut scope) = (None, None, None);
    for part in parts(required(o)?) {
        let (key, value) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        match (key, value.trim()) {
            ("logging" | "tracking", "disable") => logging = Some(false),
            ("logging" | "tracking", "enable") => logging = Some(true),
            ("type", "tx") => kind = Some(ConfigKind::Tx),
            ("type", "flow") => kind = Some(ConfigKind::Flow),
            ("scope", "tx") => scope = Some(ConfigScope::Tx),
            ("scope", "flow") => scope = Some(ConfigScope::Flow),
            ("scope", "packet") => scope = Some(ConfigScope::Packet),
            _ => bail!("`{part}` is no part of config"),
        }
    }
    let (Some(logging), Some(kind), Some(scope)) = (logging, kind, scope) else {
        bail!("`config` needs: logging, type, scope");
    };
    b.effects.push(Effect::Config { logging, kind, scope });
    Ok(())
}
