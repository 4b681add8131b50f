//! Keywords on the flow.

use super::dataset::rep_op;
use crate::ast::{
    AppProtocolCheck, AppProtocolMode, Check, Effect, Flow, FlowSide, RepSide, RepTest, StreamSide,
};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::value::{bare, compare_number, number, parts, required};
use crate::parse::{Builder, app};

pub fn flow(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut f = match b.checks.iter().position(|c| matches!(c, Check::Flow(_))) {
        Some(i) => match b.checks.remove(i) {
            Check::Flow(f) => f,
            _ => Flow::default(),
        },
        None => Flow::default(),
    };
    for part in parts(required(o)?) {
        let flag = match part.to_ascii_lowercase().as_str() {
            "to_server" | "from_client" => &mut f.to_server,
            "to_client" | "from_server" => &mut f.to_client,
            "established" => &mut f.established,
            "not_established" => &mut f.not_established,
            "stateless" => &mut f.stateless,
            "only_stream" => &mut f.only_stream,
            "no_stream" => &mut f.no_stream,
            "only_frag" => &mut f.only_frag,
            "no_frag" => &mut f.no_frag,
            other => bail!("`{other}` is no option of flow"),
        };
        if std::mem::replace(flag, true) {
            bail!("`{part}` stands twice in `flow`");
        }
    }
    let states = [f.established, f.not_established, f.stateless];
    if f.to_server && f.to_client {
        bail!("a flow cannot go to_server and to_client at once");
    }
    if states.iter().filter(|s| **s).count() > 1 {
        bail!("established, not_established and stateless exclude one another");
    }
    if f.only_stream && f.no_stream || f.only_frag && f.no_frag {
        bail!("the options of `flow` exclude one another");
    }
    b.check(Check::Flow(f));
    Ok(())
}

/// `stream_size:server,<,5`.
pub fn stream_size(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let (Some(side), Some(op), Some(size), None) = (p.next(), p.next(), p.next(), p.next()) else {
        bail!("`stream_size` needs: side, comparison, size");
    };
    let side = match side {
        "server" => StreamSide::Server,
        "client" => StreamSide::Client,
        "both" => StreamSide::Both,
        "either" => StreamSide::Either,
        other => bail!("`{other}` is no side of a stream"),
    };
    if !matches!(op, "<" | ">" | "=" | "<=" | ">=" | "!=") {
        bail!("`{op}` is no comparison");
    }
    let cmp = compare_number(&format!("{op}{size}"), u32::MAX.into())?;
    b.check(Check::StreamSize { side, cmp });
    Ok(())
}

pub fn age(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let cmp = compare_number(required(o)?, u32::MAX.into())?;
    b.check(Check::FlowAge(cmp));
    Ok(())
}

/// The side and the comparison of `flow.pkts` and `flow.bytes`.
fn sided<'a>(o: &RawOption<'a>) -> Result<(FlowSide, &'a str)> {
    let text = required(o)?;
    if o.name.ends_with("_toclient") {
        return Ok((FlowSide::ToClient, text));
    }
    if o.name.ends_with("_toserver") {
        return Ok((FlowSide::ToServer, text));
    }
    let Some((side, rest)) = text.split_once(',') else {
        bail!("`{}` needs a direction and a number", o.name);
    };
    let side = match side.trim() {
        "toserver" => FlowSide::ToServer,
        "toclient" => FlowSide::ToClient,
        "either" => FlowSide::Either,
        "both" => FlowSide::Both,
        other => bail!("`{other}` is no direction"),
    };
    Ok((side, rest.trim()))
}

pub fn packets(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (side, text) = sided(o)?;
    let cmp = compare_number(text, u32::MAX.into())?;
    b.check(Check::FlowPackets { side, cmp });
    Ok(())
}

pub fn bytes(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (side, text) = sided(o)?;
    let cmp = compare_number(text, u64::MAX)?;
    b.check(Check::FlowBytes { side, cmp });
    Ok(())
}

pub fn app_layer_protocol(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let (text, negated) = match text.strip_prefix('!') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut p = parts(text);
    let name = p.next().unwrap_or("");
    let Some(protos) = app::detectable(name) else {
        bail!("protocol `{name}` is not known");
    };
    if b.header.proto.app().is_some() {
        bail!("`app-layer-protocol` cannot be used when the rule's protocol is one already");
    }
    let (mut mode, mut exact) = (AppProtocolMode::Direction, false);
    for option in p {
        mode = match option {
            "exact" => {
                exact = true;
                continue;
            }
            "direction" => AppProtocolMode::Direction,
            "final" => AppProtocolMode::Final,
            "either" => AppProtocolMode::Either,
            "to_server" => AppProtocolMode::ToServer,
            "to_client" => AppProtocolMode::ToClient,
            "original" => AppProtocolMode::Original,
            other => bail!("`{other}` is no mode of app-layer-protocol"),
        };
    }
    b.check(Check::AppProtocol(AppProtocolCheck { protos, negated, mode, exact }));
    Ok(())
}

pub fn iprep(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let (Some(side), Some(category), Some(op)) = (p.next(), p.next(), p.next()) else {
        bail!("`iprep` needs: side, category, comparison, value");
    };
    let side = match side {
        "any" => RepSide::Any,
        "src" => RepSide::Src,
        "dst" => RepSide::Dst,
        "both" => RepSide::Both,
        other => bail!("`{other}` is no side"),
    };
    let test = match (op, p.next()) {
        ("isset", None) => RepTest::IsSet,
        ("isnotset", None) => RepTest::IsNotSet,
        (op, Some(value)) => {
            let value = number::<u8>(value)?;
            if value > 127 {
                bail!("a reputation is 0 to 127");
            }
            RepTest::Compare(rep_op(op)?, value)
        }
        _ => bail!("`iprep` needs: side, category, comparison, value"),
    };
    let category = crate::parse::value::name(category)?;
    b.check(Check::IpRep { side, category, test, column: b.column() });
    Ok(())
}

pub fn bypass(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.effects.push(Effect::Bypass);
    Ok(())
}
