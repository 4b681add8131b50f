//! Keywords on the headers of a packet.

use super::Handler;
use super::integer;
use crate::ast::{
    Check, ChecksumOf, FlagsMode, FragBits, IpOption, NumberCmp, RpcCheck, SctpCheck, TcpFlags, Which,
};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{bare, compare_number, maybe_quoted, number, required};

/// VLAN tags that a packet may have.
const VLAN_LAYERS: u64 = 3;

pub fn handler(name: &str) -> Option<Handler> {
    Some(match name {
        "flags" | "tcp.flags" => tcp_flags,
        "seq" | "tcp.seq" => |b, o| plain(b, o, Check::TcpSeq),
        "ack" | "tcp.ack" => |b, o| plain(b, o, Check::TcpAck),
        "icmp_id" => |b, o| plain(b, o, Check::IcmpId),
        "icmp_seq" => |b, o| plain(b, o, Check::IcmpSeq),
        "id" => |b, o| plain(b, o, Check::IpId),
        "window" | "tcp.window" => |b, o| compared(b, o, u16::MAX.into(), Check::TcpWindow),
        "tcp.mss" => |b, o| compared(b, o, u16::MAX.into(), Check::TcpMss),
        "tcp.wscale" => |b, o| compared(b, o, u8::MAX.into(), Check::TcpWscale),
        "ttl" => |b, o| compared(b, o, u8::MAX.into(), Check::Ttl),
        "dsize" => dsize,
        "itype" => |b, o| compared(b, o, u8::MAX.into(), Check::Itype),
        "icode" => |b, o| compared(b, o, u8::MAX.into(), Check::Icode),
        "tos" => tos,
        "fragoffset" => |b, o| compared(b, o, u16::MAX.into(), Check::FragOffset),
        "icmpv6.mtu" => |b, o| compared(b, o, u32::MAX.into(), Check::Icmpv6Mtu),
        "vlan.id" => vlan_id,
        "vlan.layers" => |b, o| compared(b, o, VLAN_LAYERS, Check::VlanLayers),
        "rpc" => rpc,
        "igmp.type" => |b, o| compared(b, o, u8::MAX.into(), Check::IgmpType),
        "sctp.vtag" => |b, o| compared(b, o, u32::MAX.into(), |c| Check::Sctp(SctpCheck::VerificationTag(c))),
        "sctp.chunk_type" => sctp_chunk_type,
        "sctp.chunk_cnt" => |b, o| compared(b, o, u16::MAX.into(), |c| Check::Sctp(SctpCheck::ChunkCount(c))),
        "ip_proto" => ip_proto,
        "ipopts" => ip_option,
        "fragbits" => frag_bits,
        "sameip" => same_ip,
        "ipv4-csum" => |b, o| checksum(b, o, ChecksumOf::Ipv4),
        "tcpv4-csum" => |b, o| checksum(b, o, ChecksumOf::Tcpv4),
        "tcpv6-csum" => |b, o| checksum(b, o, ChecksumOf::Tcpv6),
        "udpv4-csum" => |b, o| checksum(b, o, ChecksumOf::Udpv4),
        "udpv6-csum" => |b, o| checksum(b, o, ChecksumOf::Udpv6),
        "icmpv4-csum" => |b, o| checksum(b, o, ChecksumOf::Icmpv4),
        "icmpv6-csum" => |b, o| checksum(b, o, ChecksumOf::Icmpv6),
        "decode-event" => |b, o| event(b, o, Check::DecodeEvent),
        "engine-event" => |b, o| event(b, o, Check::EngineEvent),
        "stream-event" => |b, o| event(b, o, Check::StreamEvent),
        _ => return None,
    })
}

fn plain<T: TryFrom<u64>>(b: &mut Builder<'_>, o: &RawOption<'_>, make: fn(T) -> Check) -> Result<()> {
    let n = number(maybe_quoted(o)?)?;
    b.check(make(n));
    Ok(())
}

/// `vlan.id:>=200,1`: the place of the tag is counted from the outermost, or back with a sign.
fn vlan_id(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let test = integer::numbers(o.name, maybe_quoted(o)?, 4095)?;
    if let Which::Index(i) = test.which
        && !(-3..3).contains(&i)
    {
        bail!("a packet has up to three VLAN tags, so there is none at {i}");
    }
    b.check(Check::VlanId(test));
    Ok(())
}

fn sctp_chunk_type(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let cmp = integer::number(o.name, maybe_quoted(o)?, u8::MAX.into())?;
    b.check(Check::Sctp(SctpCheck::ChunkType(cmp)));
    Ok(())
}

/// `rpc:100000,2,*`: program, version and procedure of a call; what is left out is any.
fn rpc(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut parts = required(o)?.split(',').map(str::trim);
    let program = number(parts.next().unwrap_or_default())?;
    let mut optional = || match parts.next() {
        None | Some("*") => Ok(None),
        Some(text) => number(text).map(Some),
    };
    let (version, procedure) = (optional()?, optional()?);
    if parts.next().is_some() {
        bail!("`rpc` takes a program, a version and a procedure");
    }
    b.check(Check::Rpc(RpcCheck { program, version, procedure }));
    Ok(())
}

/// `tos:8`, `tos:!x04`: hexadecimal with a leading `x`.
fn tos(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = maybe_quoted(o)?;
    let (negation, value) = match text.strip_prefix('!') {
        Some(rest) => ("!", rest.trim_start()),
        None => ("", text),
    };
    let hex = if value.starts_with('x') { "0" } else { "" };
    let cmp = compare_number(&format!("{negation}{hex}{value}"), u8::MAX.into())?;
    b.check(Check::Tos(cmp));
    Ok(())
}

fn compared(b: &mut Builder<'_>, o: &RawOption<'_>, max: u64, make: fn(NumberCmp) -> Check) -> Result<()> {
    let cmp = compare_number(maybe_quoted(o)?, max)?;
    b.check(make(cmp));
    Ok(())
}

/// "Not n" asks for a payload too, as the field has it.
fn dsize(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let cmp = compare_number(maybe_quoted(o)?, u16::MAX.into())?;
    if matches!(cmp, NumberCmp::Ne(n) if n > 0) {
        b.check(Check::Dsize(NumberCmp::Gt(0)));
    }
    b.check(Check::Dsize(cmp));
    Ok(())
}

fn event(b: &mut Builder<'_>, o: &RawOption<'_>, make: fn(Box<str>) -> Check) -> Result<()> {
    let name = required(o)?;
    if name.contains(char::is_whitespace) {
        bail!("`{name}` is no event");
    }
    b.check(make(name.to_ascii_lowercase().into()));
    Ok(())
}

/// `S`, `SA,CE`, `!S`, `+A`, `S+`, `0`.
fn tcp_flags(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let (flags, ignore) = match text.split_once(',') {
        Some((f, i)) => (f.trim(), i.trim()),
        None => (text, ""),
    };
    let mut mode = FlagsMode::Exact;
    let mut bits = 0u8;
    for c in flags.chars() {
        match c {
            '+' => mode = FlagsMode::All,
            '*' => mode = FlagsMode::Any,
            '!' => mode = FlagsMode::Not,
            c => bits |= flag_bit(c)?,
        }
    }
    if flags.is_empty() {
        bail!("`{}` names no flag", o.name);
    }
    let mut ignored = 0u8;
    for c in ignore.chars() {
        ignored |= flag_bit(c)?;
    }
    b.check(Check::TcpFlags(TcpFlags { mode, flags: bits, ignore: ignored }));
    Ok(())
}

fn flag_bit(c: char) -> Result<u8> {
    Ok(match c.to_ascii_uppercase() {
        'F' => 1,
        'S' => 2,
        'R' => 4,
        'P' => 8,
        'A' => 16,
        'U' => 32,
        'E' | '2' => 64,
        'C' | '1' => 128,
        '0' => 0,
        other => bail!("`{other}` is no TCP flag"),
    })
}

fn frag_bits(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let mut mode = FlagsMode::Exact;
    let mut bits = 0u8;
    for c in required(o)?.chars() {
        match c {
            '+' => mode = FlagsMode::All,
            '*' => mode = FlagsMode::Any,
            '!' => mode = FlagsMode::Not,
            'M' | 'm' => bits |= 1,
            'D' | 'd' => bits |= 2,
            'R' | 'r' => bits |= 4,
            ' ' => {}
            other => bail!("`{other}` is no fragmentation bit"),
        }
    }
    b.check(Check::FragBits(FragBits { mode, bits }));
    Ok(())
}

fn ip_option(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let option = match required(o)?.to_ascii_lowercase().as_str() {
        "any" => IpOption::Any,
        "eol" => IpOption::Is(0),
        "nop" => IpOption::Is(1),
        "rr" => IpOption::Is(7),
        "qs" => IpOption::Is(25),
        "ts" => IpOption::Is(68),
        "sec" => IpOption::Is(130),
        "lsrr" | "lsrre" => IpOption::Is(131),
        "esec" => IpOption::Is(133),
        "cipso" => IpOption::Is(134),
        "satid" => IpOption::Is(136),
        "ssrr" => IpOption::Is(137),
        "rtralt" => IpOption::Is(148),
        other => bail!("`{other}` is no IP option"),
    };
    b.check(Check::IpOption(option));
    Ok(())
}

fn ip_proto(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = maybe_quoted(o)?;
    let named = |name: &str| protocol_number(name);
    let cmp = crate::parse::value::compare(text, u8::MAX.into(), &named)?;
    b.check(Check::IpProto(cmp));
    Ok(())
}

fn protocol_number(name: &str) -> Option<u64> {
    Some(match name.to_ascii_lowercase().as_str() {
        "ip" => 0,
        "icmp" => 1,
        "igmp" => 2,
        "ipencap" | "ipip" => 4,
        "tcp" => 6,
        "egp" => 8,
        "igp" => 9,
        "pup" => 12,
        "udp" => 17,
        "ipv6" => 41,
        "ipv6-route" => 43,
        "ipv6-frag" => 44,
        "rsvp" => 46,
        "gre" => 47,
        "esp" | "ipsec-esp" => 50,
        "ah" | "ipsec-ah" => 51,
        "ipv6-icmp" | "icmpv6" => 58,
        "ipv6-nonxt" => 59,
        "ipv6-opts" => 60,
        "eigrp" => 88,
        "ospf" => 89,
        "pim" => 103,
        "vrrp" => 112,
        "l2tp" => 115,
        "sctp" => 132,
        _ => return None,
    })
}

fn same_ip(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.check(Check::SameIp);
    Ok(())
}

fn checksum(b: &mut Builder<'_>, o: &RawOption<'_>, of: ChecksumOf) -> Result<()> {
    let valid = match maybe_quoted(o)?.to_ascii_lowercase().as_str() {
        "valid" => true,
        "invalid" => false,
        other => bail!("a checksum is valid or invalid, not `{other}`"),
    };
    b.check(Check::Checksum { of, valid });
    Ok(())
}
