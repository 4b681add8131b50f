//! Keywords on transactions that are no buffers.

use mimamori_applayer::{AppProto, Field};

use super::{enumeration, integer};
use crate::ast::{Check, DceIface, NumberCheck, NumberCmp, NumbersTest, StateCmp, TicketEncryption};
use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;
use crate::parse::value::{bare, compare, compare_number, maybe_quoted, parts, required};
use crate::parse::{Builder, app};

/// `app-layer-event:http.missing_host_header`.
pub fn event(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut name = required(o)?.to_ascii_lowercase();
    if name.is_empty() || name.contains(char::is_whitespace) {
        bail!("`{name}` is no event");
    }
    if let Some((proto, event)) = name.split_once('.') {
        let Some((rule_name, protos)) = app::rule_protocol(proto) else {
            bail!("protocol `{proto}` is not known");
        };
        if event.is_empty() {
            bail!("`{name}` names no event");
        }
        b.app_needs.push((protos, rule_name));
        // Events bear the protocol's current name, not `ikev2` or `ssl`.
        name = format!("{rule_name}.{event}");
    }
    b.check(Check::AppEvent(name.into()));
    Ok(())
}

pub fn state(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let (cmp, name) = if let Some(rest) = text.strip_prefix('<') {
        (StateCmp::Lt, rest)
    } else if let Some(rest) = text.strip_prefix('>') {
        (StateCmp::Gt, rest)
    } else {
        (StateCmp::Eq, text)
    };
    if b.header.proto.app().is_none() {
        bail!("`app-layer-state` needs an application protocol in the rule's header");
    }
    b.check(Check::AppState { cmp, name: crate::parse::value::name(name)? });
    Ok(())
}

/// A number field, with names and an index where the field has several numbers.
pub fn number_field(text: &str, field: Field) -> Result<NumberCheck> {
    let mut test = integer::numbers(field.info().keyword, text, u64::MAX)?;
    // Of this keyword alone ranges hold their ends.
    if let NumberCmp::Between(lo, hi) = test.cmp
        && field == Field::NfsProcedure
    {
        test.cmp = match lo.checked_sub(1) {
            Some(below) => NumberCmp::Between(below, hi.saturating_add(1)),
            None => NumberCmp::Le(hi),
        };
    }
    Ok(NumberCheck { field, test })
}

/// `http2.settings:SETTINGS_MAX_FRAME_SIZE >20000`: a parameter, and perhaps its value. The field
/// holds both in one number, the parameter above.
pub fn http2_settings(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let field = Field::Http2Settings;
    let Some(parameter) = enumeration::value(field.info().keyword, name) else {
        bail!("`{name}` is no setting of HTTP/2");
    };
    let base = parameter << 32;
    let (below, above) = (base.saturating_sub(1), base | u64::from(u32::MAX));
    let within = |lo: u64, hi: u64| NumberCmp::Between(lo, hi);
    let cmp = match rest.trim() {
        "" => NumberCmp::MaskEq(0xffff << 32, base),
        value => match compare(value, u32::MAX.into(), &|_| None)? {
            NumberCmp::Eq(n) => NumberCmp::Eq(base | n),
            NumberCmp::Lt(n) => within(below, base | n),
            NumberCmp::Le(n) => within(below, (base | n) + 1),
            NumberCmp::Gt(n) => within(base | n, above + 1),
            NumberCmp::Ge(n) => within((base | n).saturating_sub(1), above + 1),
            NumberCmp::Between(lo, hi) => within(base | lo, base | hi),
            _ => return Err(RuleError::unsupported("this comparison of `http2.settings` is not supported")),
        },
    };
    b.need_app(field);
    b.check(Check::Number(NumberCheck { field, test: NumbersTest::any(cmp) }));
    Ok(())
}

pub fn number(b: &mut Builder<'_>, o: &RawOption<'_>, field: Field) -> Result<()> {
    let check = number_field(maybe_quoted(o)?, field)?;
    b.need_app(field);
    b.check(Check::Number(check));
    Ok(())
}

pub fn ftpbounce(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.app_needs.push((&[AppProto::Ftp], "ftpbounce"));
    b.check(Check::FtpBounce);
    Ok(())
}

pub fn ftp_reply_received(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let received = match required(o)?.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => true,
        "no" | "false" | "off" | "0" => false,
        other => bail!("`{other}` is neither yes nor no"),
    };
    b.app_needs.push((&[AppProto::Ftp], "ftp.reply_received"));
    b.check(Check::FtpReplyReceived(received));
    Ok(())
}

pub fn ftp_mode(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let active = match required(o)? {
        "active" => true,
        "passive" => false,
        other => bail!("`{other}` is neither active nor passive"),
    };
    b.app_needs.push((&[AppProto::Ftp], "ftp.mode"));
    b.check(Check::FtpMode { active });
    Ok(())
}

pub fn ftpdata_command(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let store = match required(o)? {
        "stor" => true,
        "retr" => false,
        other => bail!("`{other}` is neither stor nor retr"),
    };
    b.app_needs.push((&[AppProto::FtpData], "ftpdata_command"));
    b.check(Check::FtpDataCommand { store });
    Ok(())
}

const DCE: &[AppProto] = &[AppProto::DceRpc, AppProto::Smb];

/// `uuid[,=1][,any_frag]`.
pub fn dce_iface(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut p = parts(required(o)?);
    let uuid = uuid(p.next().unwrap_or(""))?;
    let (mut version, mut any_frag) = (None, false);
    for part in p {
        if part == "any_frag" {
            any_frag = true;
        } else {
            version = Some(compare_number(part, u16::MAX.into())?);
        }
    }
    b.app_needs.push((DCE, "dcerpc.iface"));
    b.check(Check::DceIface(DceIface { uuid, version, any_frag }));
    Ok(())
}

fn uuid(text: &str) -> Result<[u8; 16]> {
    let mut out = [0u8; 16];
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let digits: Vec<u32> = text.chars().filter(|c| *c != '-').filter_map(|c| c.to_digit(16)).collect();
    if lengths != [8, 4, 4, 4, 12] || digits.len() != 32 {
        bail!("`{text}` is no UUID");
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let value = pair.iter().fold(0u32, |acc, d| acc << 4 | d);
        *byte = u8::try_from(value).unwrap_or(0);
    }
    Ok(out)
}

/// `26`, `1,3,5-7`, and a comparison such as `>3`.
pub fn dce_opnum(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let max = u32::from(u16::MAX);
    let mut ranges = Vec::new();
    for part in parts(text) {
        let range = if let Some(n) = part.strip_prefix(">=") {
            (number_u32(n)?, max)
        } else if let Some(n) = part.strip_prefix("<=") {
            (0, number_u32(n)?)
        } else if let Some(n) = part.strip_prefix('>') {
            (number_u32(n)?.saturating_add(1), max)
        } else if let Some(n) = part.strip_prefix('<') {
            match number_u32(n)?.checked_sub(1) {
                Some(hi) => (0, hi),
                None => bail!("no number is below 0"),
            }
        } else if let Some(n) = part.strip_prefix('!') {
            let n = number_u32(n)?;
            if let Some(hi) = n.checked_sub(1) {
                ranges.push((0, hi));
            }
            (n.saturating_add(1), max)
        } else if let Some((lo, hi)) = part.split_once('-') {
            (number_u32(lo)?, number_u32(hi)?)
        } else {
            let n = number_u32(part)?;
            (n, n)
        };
        if range.0 > range.1 || range.1 > max {
            bail!("`{part}` is no range of operation numbers");
        }
        ranges.push(range);
    }
    b.app_needs.push((DCE, "dcerpc.opnum"));
    b.check(Check::DceOpnum(ranges));
    Ok(())
}

fn number_u32(text: &str) -> Result<u32> {
    crate::parse::value::number(text)
}

/// `krb5.ticket_encryption:weak`, `strong`, or numbers: `23,-128`.
pub fn ticket_encryption(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let check = match required(o)? {
        "weak" => TicketEncryption::Weak,
        "strong" => TicketEncryption::Strong,
        list => {
            let numbers = list.split(',').map(|n| n.trim().parse::<i32>());
            match numbers.collect::<std::result::Result<Vec<i32>, _>>() {
                Ok(numbers) => TicketEncryption::AnyOf(numbers),
                Err(_) => bail!("`{}` takes weak, strong or numbers", o.name),
            }
        }
    };
    b.need_app(Field::Krb5TicketEncryption);
    b.check(Check::TicketEncryption(check));
    Ok(())
}

pub fn ssh_protoversion(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    ssh(b, o, true)
}

pub fn ssh_softwareversion(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    ssh(b, o, false)
}

fn ssh(b: &mut Builder<'_>, o: &RawOption<'_>, proto: bool) -> Result<()> {
    let software = maybe_quoted(o)?.into();
    b.app_needs.push((&[AppProto::Ssh], "ssh"));
    b.check(Check::SshVersion { software, proto });
    Ok(())
}
