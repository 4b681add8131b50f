//! From the options read to the checked rule: what only the whole rule shows.

use mimamori_applayer::AppProto;
use mimamori_applayer::field::Sides;

use crate::ast::{Absent, Buffer, Check, Match, Rule, RuleProto, Selector, SigId};
use crate::error::{Result, RuleError, bail};
use crate::parse::builder::{Builder, Item, List};
use crate::parse::{field_rules, kind, limits};

/// Checks the whole and makes the rule.
pub fn finish(mut b: Builder<'_>, line: u32) -> Result<Rule> {
    let Some(sid) = b.sid else {
        bail!("the rule has no `sid`");
    };
    no_empty_buffer(&b)?;
    fold_base64(&mut b.lists);
    for list in &mut b.lists {
        mark_relative(&mut list.items);
    }
    field_rules::apply(&mut b)?;
    limits::check(&b)?;
    let app = app_protocols(&b)?;
    let (to_server, to_client) = directions(&b)?;
    let kind = kind::kind(&b, app.is_some());
    let priority = b.priority.or(b.class.as_ref().map(|c| c.priority)).unwrap_or(3);
    let buffers = b.lists.into_iter().filter(|l| !l.items.is_empty() || l.absent != Absent::No);
    Ok(Rule {
        id: SigId { gid: b.gid, sid, rev: b.rev },
        msg: b.msg.unwrap_or_else(|| "".into()),
        header: b.header,
        class: b.class,
        priority,
        references: b.references,
        metadata: b.metadata,
        target: b.target,
        checks: b.checks,
        buffers: buffers
            .map(|l| Buffer {
                selector: l.selector,
                transforms: l.transforms,
                matches: l.items.into_iter().map(|i| i.matched).collect(),
                absent: l.absent,
                side: l.side,
            })
            .collect(),
        effects: b.effects,
        noalert: b.noalert,
        pass_alerts: b.pass_alerts,
        vars: b.vars,
        to_server,
        to_client,
        prefilter: b.prefilter,
        app,
        kind,
        line,
        text: None,
    })
}

/// A sticky buffer without a match under it. The payload list may run empty when old
/// modifiers move its contents.
fn no_empty_buffer(b: &Builder<'_>) -> Result<()> {
    for list in &b.lists {
        let payload = list.selector == Selector::Payload && list.base64_of.is_none();
        if list.items.is_empty() && list.absent == Absent::No && !payload {
            return Err(RuleError::invalid("the buffer has nothing to match").at(list.at));
        }
        if list.items.is_empty() && list.absent == Absent::OrElse {
            return Err(RuleError::invalid("`absent: or_else` needs a match").at(list.at));
        }
        if list.absent == Absent::Only && !list.items.is_empty() {
            return Err(RuleError::invalid("`absent` leaves nothing to match").at(list.at));
        }
    }
    Ok(())
}

/// Puts the matches of base64_data into their base64_decode, last lists first.
fn fold_base64(lists: &mut Vec<List>) {
    for i in (0..lists.len()).rev() {
        let Some((list, item)) = lists.get(i).and_then(|l| l.base64_of) else {
            continue;
        };
        let mut inner = lists.remove(i);
        mark_relative(&mut inner.items);
        let place = lists.get_mut(list).and_then(|l| l.items.get_mut(item));
        if let Some(Item { matched: Match::Base64Decode(d), .. }) = place {
            d.data.extend(inner.items.into_iter().map(|i| i.matched));
        }
    }
}

/// Marks each content and pcre that a later match of the list is relative to.
fn mark_relative(items: &mut [Item]) {
    let mut last: Option<usize> = None;
    for i in 0..items.len() {
        let Some(item) = items.get(i) else { continue };
        let (relative, anchor) = match &item.matched {
            Match::Content(c) => (c.is_relative(), true),
            Match::Pcre(p) => (p.relative, true),
            Match::ByteTest(t) => (t.relative, false),
            Match::ByteJump(j) => (j.relative, false),
            Match::ByteExtract(e) => (e.relative, false),
            Match::ByteMath(m) => (m.relative, false),
            Match::IsDataAt(d) => (d.relative, false),
            Match::Base64Decode(d) => (d.relative, false),
            Match::Asn1(a) => (a.relative, false),
            Match::Bsize(_) | Match::Entropy(_) | Match::Dataset(_) => (false, false),
        };
        if relative && let Some(anchor) = last.and_then(|l| items.get_mut(l)) {
            match &mut anchor.matched {
                Match::Content(c) => c.relative_next = true,
                Match::Pcre(p) => p.relative_next = true,
                _ => {}
            }
        }
        if anchor {
            last = Some(i);
        }
    }
}

/// The protocols of the rule: all of its keywords must be able to meet in one flow.
fn app_protocols(b: &Builder<'_>) -> Result<Option<Vec<AppProto>>> {
    let mut protos: Option<Vec<AppProto>> = b.header.proto.app().map(<[_]>::to_vec);
    if protos.is_none() && !b.app_needs.is_empty() {
        transport_allows_app(&b.header.proto)?;
    }
    let of_header = protos.is_some();
    for (needed, keyword) in &b.app_needs {
        match &mut protos {
            None => protos = Some(needed.to_vec()),
            Some(have) => {
                let common: Vec<AppProto> = have.iter().copied().filter(|p| covers(needed, *p)).collect();
                if common.is_empty() {
                    bail!("`{keyword}` does not go with the other protocol keywords of the rule");
                }
                // The header's protocols stay as they are: its related protocols count.
                if !of_header {
                    *have = common;
                }
            }
        }
    }
    Ok(protos)
}

/// DNS over HTTP/2 carries what HTTP/2 and DNS carry.
fn covers(needed: &[AppProto], proto: AppProto) -> bool {
    needed.contains(&proto)
        || (proto == AppProto::DoH2 && (needed.contains(&AppProto::Http2) || needed.contains(&AppProto::Dns)))
}

fn transport_allows_app(proto: &RuleProto) -> Result<()> {
    match proto {
        RuleProto::Ip
        | RuleProto::Tcp
        | RuleProto::Udp
        | RuleProto::Ipv4
        | RuleProto::Ipv6
        | RuleProto::TcpStream => Ok(()),
        RuleProto::TcpPkt => {
            bail!("`tcp-pkt` looks at packets: keywords of application protocols cannot be used")
        }
        _ => bail!("the rule's protocol carries no application protocol"),
    }
}

/// The sides that the rule can match on.
fn directions(b: &Builder<'_>) -> Result<(bool, bool)> {
    let flow = b.checks.iter().find_map(|c| match c {
        Check::Flow(f) => Some(*f),
        _ => None,
    });
    let (mut only_server, mut only_client) = (None, None);
    for list in &b.lists {
        let Selector::Field(field) = list.selector else { continue };
        if list.items.is_empty() && list.absent == Absent::No {
            continue;
        }
        match field.info().sides {
            Sides::ToServer => only_server = Some(field.info().keyword),
            Sides::ToClient => only_client = Some(field.info().keyword),
            Sides::Both => {}
        }
    }
    if b.header.transactional {
        if flow.is_some_and(|f| f.to_server || f.to_client) {
            bail!("a rule with `=>` looks at both sides: `flow` must not name one");
        }
        return Ok((true, true));
    }
    if let (Some(a), Some(c)) = (only_server, only_client) {
        bail!("`{a}` and `{c}` are of different directions (`=>` allows both)");
    }
    match flow {
        Some(f) if f.to_server => match only_client {
            Some(k) => bail!("`{k}` is of answers, but `flow` says to_server"),
            None => Ok((true, false)),
        },
        Some(f) if f.to_client => match only_server {
            Some(k) => bail!("`{k}` is of requests, but `flow` says to_client"),
            None => Ok((false, true)),
        },
        _ => Ok((only_client.is_none(), only_server.is_none())),
    }
}
