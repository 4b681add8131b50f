//! A detection as the bytes of one column.
//!
//! Holds always: what other columns of the row say (id, time, kind, device) is not said again;
//! the signature, the same in thousands of rows, is named by a digest and stands in a table of
//! its own; unpacking gives back what was packed. Rows that an older version wrote are JSON,
//! which begins with `{`, and stay readable until they have aged out. Deliberately not here: SQL.

use std::net::IpAddr;

use mimamori_base::{Timestamp, Zone};
use mimamori_domain::detection::{FileEvidence, FileVerdict, MacAddress, Reputation, ReputationKind};
use mimamori_domain::{
    Detection, DetectionId, DetectionKind, Device, DeviceKey, Endpoint, Line, Outcome, Signature,
    TrafficDirection,
};
use sha2::{Digest as _, Sha256};

/// First byte of what this version writes.
pub(crate) const VERSION: u8 = 1;

/// Names a signature's text: the first bytes of its SHA-256, so that nobody can make another.
pub(crate) type SignatureId = [u8; 12];

/// What the row's other columns say.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub id: DetectionId,
    pub at: Timestamp,
    pub kind: DetectionKind,
    pub device: DeviceKey,
}

const LAST_AT: u64 = 1;
const COUNT: u64 = 1 << 1;
const DEVICE_IP: u64 = 1 << 2;
const HOST_NAME: u64 = 1 << 3;
const MAKER: u64 = 1 << 4;
const SOURCE_IS_DEVICE: u64 = 1 << 5;
const DESTINATION_IS_DEVICE: u64 = 1 << 6;
const SOURCE_PORT: u64 = 1 << 7;
const DESTINATION_PORT: u64 = 1 << 8;
const SIGNATURE: u64 = 1 << 9;
const HOST: u64 = 1 << 10;
const URL: u64 = 1 << 11;
const FILE: u64 = 1 << 12;
const REPUTATION: u64 = 1 << 13;
const APP_PROTO: u64 = 1 << 14;
const FROM_ZONE: u64 = 1 << 15;
const TO_ZONE: u64 = 1 << 16;
const FLOW_ID: u64 = 1 << 17;

const FILE_NAME: u64 = 1;
const FILE_SIZE: u64 = 1 << 1;
const FILE_SHA256: u64 = 1 << 2;
const FILE_MD5: u64 = 1 << 3;
const FILE_VERDICT: u64 = 1 << 4;
const FILE_THREAT: u64 = 1 << 5;

/// The text that stands in the table of signatures, and its name.
pub(crate) fn signature(s: &Signature) -> Result<(SignatureId, String), serde_json::Error> {
    let body = serde_json::to_string(s)?;
    let digest = Sha256::digest(body.as_bytes());
    let mut id = SignatureId::default();
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    Ok((id, body))
}

/// `signature`: the name of `d.signature`.
pub(crate) fn pack(d: &Detection, signature: Option<SignatureId>) -> Vec<u8> {
    let own = |ip: IpAddr| d.device.ip == Some(ip);
    let flags = [
        (d.last_at != d.at, LAST_AT),
        (d.count != 1, COUNT),
        (d.device.ip.is_some(), DEVICE_IP),
        (d.device.host_name.is_some(), HOST_NAME),
        (d.device.maker.is_some(), MAKER),
        (own(d.source.ip), SOURCE_IS_DEVICE),
        (own(d.destination.ip), DESTINATION_IS_DEVICE),
        (d.source.port.is_some(), SOURCE_PORT),
        (d.destination.port.is_some(), DESTINATION_PORT),
        (signature.is_some(), SIGNATURE),
        (d.host.is_some(), HOST),
        (d.url.is_some(), URL),
        (d.file.is_some(), FILE),
        (d.reputation.is_some(), REPUTATION),
        (d.app_proto.is_some(), APP_PROTO),
        (d.from_zone.is_some(), FROM_ZONE),
        (d.to_zone.is_some(), TO_ZONE),
        (d.flow_id.is_some(), FLOW_ID),
    ];
    let flags = flags.iter().filter(|(set, _)| *set).fold(0, |sum, (_, bit)| sum | bit);
    let mut out = Writer(vec![VERSION]);
    out.number(flags);
    out.place(&d.outcome, Outcome::ALL);
    out.place(&d.direction, TrafficDirection::ALL);
    if flags & LAST_AT != 0 {
        out.signed(d.last_at.micros().wrapping_sub(d.at.micros()));
    }
    if flags & COUNT != 0 {
        out.number(d.count.into());
    }
    d.device.ip.iter().for_each(|ip| out.ip(*ip));
    [&d.device.host_name, &d.device.maker].into_iter().flatten().for_each(|l| out.line(l));
    for (end, same) in [(&d.source, SOURCE_IS_DEVICE), (&d.destination, DESTINATION_IS_DEVICE)] {
        if flags & same == 0 {
            out.ip(end.ip);
        }
        end.port.iter().for_each(|p| out.0.extend(p.to_be_bytes()));
    }
    signature.iter().for_each(|id| out.0.extend(id));
    [&d.host, &d.url].into_iter().flatten().for_each(|l| out.line(l));
    d.file.iter().for_each(|f| out.file(f));
    if let Some(r) = &d.reputation {
        out.place(&r.kind, ReputationKind::ALL);
        out.number(u64::from(r.family.is_some()));
        r.family.iter().for_each(|l| out.line(l));
    }
    d.app_proto.iter().for_each(|l| out.line(l));
    [d.from_zone, d.to_zone].iter().flatten().for_each(|z| out.place(z, &Zone::ALL));
    d.flow_id.iter().for_each(|n| out.number(*n));
    out.0
}

/// The name of the signature that these bytes speak of.
pub(crate) fn signature_of(bytes: &[u8]) -> Option<SignatureId> {
    if bytes.first() != Some(&VERSION) {
        return None;
    }
    let at_signature = |d: &mut Reader<'_>| -> Result<Option<SignatureId>, &'static str> {
        let flags = d.head()?.0;
        d.skip_to_signature(flags)?;
        if flags & SIGNATURE == 0 { Ok(None) } else { d.array().map(Some) }
    };
    at_signature(&mut Reader(bytes)).ok().flatten()
}

/// `signature`: looks up what [`signature_of`] names; `None` if it is gone.
pub(crate) fn unpack(
    bytes: &[u8],
    columns: Columns,
    signature: impl FnOnce(&SignatureId) -> Option<Signature>,
) -> Result<Detection, String> {
    match bytes.first() {
        Some(b'{') => serde_json::from_slice(bytes).map_err(|e| e.to_string()),
        Some(&VERSION) => read(&mut Reader(bytes), columns, signature).map_err(str::to_owned),
        other => Err(format!("packed by an unknown version {other:?}")),
    }
}

fn read(
    r: &mut Reader<'_>,
    columns: Columns,
    signature: impl FnOnce(&SignatureId) -> Option<Signature>,
) -> Result<Detection, &'static str> {
    let (flags, outcome, direction) = r.head()?;
    let has = |bit: u64| flags & bit != 0;
    let front = r.before_signature(flags)?;
    let mac = columns.device.0.strip_prefix("mac:").and_then(|mac| MacAddress::parse(mac).ok());
    let id = if has(SIGNATURE) { Some(r.array()?) } else { None };
    let host = r.line_if(has(HOST))?;
    let url = r.line_if(has(URL))?;
    let file = if has(FILE) { Some(r.file()?) } else { None };
    let reputation = if has(REPUTATION) {
        let kind = r.place(ReputationKind::ALL)?;
        let with_family = r.number()? != 0;
        Some(Reputation { kind, family: r.line_if(with_family)? })
    } else {
        None
    };
    let app_proto = r.line_if(has(APP_PROTO))?;
    let from_zone = if has(FROM_ZONE) { Some(r.place(&Zone::ALL)?) } else { None };
    let to_zone = if has(TO_ZONE) { Some(r.place(&Zone::ALL)?) } else { None };
    let flow_id = if has(FLOW_ID) { Some(r.number()?) } else { None };
    Ok(Detection {
        id: columns.id,
        at: columns.at,
        last_at: Timestamp(columns.at.micros().wrapping_add(front.last_at)),
        count: front.count,
        kind: columns.kind,
        outcome,
        direction,
        device: Device { mac, ip: front.device_ip, host_name: front.host_name, maker: front.maker },
        source: front.source,
        destination: front.destination,
        signature: id.as_ref().and_then(signature),
        host,
        url,
        file,
        reputation,
        app_proto,
        from_zone,
        to_zone,
        flow_id,
    })
}

struct Writer(Vec<u8>);

impl Writer {
    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push((n as u8 & 0x7f) | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn signed(&mut self, n: i64) {
        self.number(((n << 1) ^ (n >> 63)).cast_unsigned());
    }

    fn place<T: PartialEq>(&mut self, value: &T, all: &[T]) {
        self.0.push(all.iter().position(|v| v == value).and_then(|i| u8::try_from(i).ok()).unwrap_or(0xff));
    }

    fn line(&mut self, line: &Line) {
        self.number(line.as_str().len() as u64);
        self.0.extend(line.as_str().as_bytes());
    }

    fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                self.0.push(4);
                self.0.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                self.0.push(6);
                self.0.extend(ip.octets());
            }
        }
    }

    fn file(&mut self, f: &FileEvidence) {
        let flags = [
            (f.name.is_some(), FILE_NAME),
            (f.size_bytes.is_some(), FILE_SIZE),
            (f.sha256.is_some(), FILE_SHA256),
            (f.md5.is_some(), FILE_MD5),
            (f.verdict.is_some(), FILE_VERDICT),
            (f.threat_name.is_some(), FILE_THREAT),
        ];
        self.number(flags.iter().filter(|(set, _)| *set).fold(0, |sum, (_, bit)| sum | bit));
        f.name.iter().for_each(|l| self.line(l));
        f.size_bytes.iter().for_each(|n| self.number(*n));
        [&f.sha256, &f.md5].into_iter().flatten().for_each(|l| self.line(l));
        f.verdict.iter().for_each(|v| self.place(v, FileVerdict::ALL));
        f.threat_name.iter().for_each(|l| self.line(l));
    }
}

/// What stands before the signature.
struct Front {
    last_at: i64,
    count: u32,
    device_ip: Option<IpAddr>,
    host_name: Option<Line>,
    maker: Option<Line>,
    source: Endpoint,
    destination: Endpoint,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or("the bytes end too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| "the bytes end too early")
    }

    fn number(&mut self) -> Result<u64, &'static str> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err("a number is too long")
    }

    fn signed(&mut self) -> Result<i64, &'static str> {
        let n = self.number()?;
        Ok((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
    }

    fn place<T: Copy>(&mut self, all: &[T]) -> Result<T, &'static str> {
        let [place] = self.array()?;
        all.get(usize::from(place)).copied().ok_or("a word is not in its list")
    }

    fn line(&mut self) -> Result<Line, &'static str> {
        let length = usize::try_from(self.number()?).map_err(|_| "a text is too long")?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")?;
        Ok(Line::clip(text))
    }

    fn line_if(&mut self, there: bool) -> Result<Option<Line>, &'static str> {
        if there { self.line().map(Some) } else { Ok(None) }
    }

    fn ip(&mut self) -> Result<IpAddr, &'static str> {
        match self.array()? {
            [4] => Ok(self.array::<4>()?.into()),
            [6] => Ok(self.array::<16>()?.into()),
            [_] => Err("neither IPv4 nor IPv6"),
        }
    }

    fn head(&mut self) -> Result<(u64, Outcome, TrafficDirection), &'static str> {
        self.take(1)?;
        Ok((self.number()?, self.place(Outcome::ALL)?, self.place(TrafficDirection::ALL)?))
    }

    fn skip_line(&mut self) -> Result<(), &'static str> {
        let length = usize::try_from(self.number()?).map_err(|_| "a text is too long")?;
        self.take(length).map(|_| ())
    }

    /// What [`Reader::before_signature`] reads, without keeping it.
    fn skip_to_signature(&mut self, flags: u64) -> Result<(), &'static str> {
        let has = |bit: u64| flags & bit != 0;
        for _ in [LAST_AT, COUNT].into_iter().filter(|bit| has(*bit)) {
            self.number()?;
        }
        if has(DEVICE_IP) {
            self.ip()?;
        }
        for _ in [HOST_NAME, MAKER].into_iter().filter(|bit| has(*bit)) {
            self.skip_line()?;
        }
        for (same, port) in [(SOURCE_IS_DEVICE, SOURCE_PORT), (DESTINATION_IS_DEVICE, DESTINATION_PORT)] {
            if !has(same) {
                self.ip()?;
            }
            if has(port) {
                self.take(2)?;
            }
        }
        Ok(())
    }

    fn before_signature(&mut self, flags: u64) -> Result<Front, &'static str> {
        let has = |bit: u64| flags & bit != 0;
        let last_at = if has(LAST_AT) { self.signed()? } else { 0 };
        let count = if has(COUNT) { self.number()? } else { 1 };
        let device_ip = if has(DEVICE_IP) { Some(self.ip()?) } else { None };
        let host_name = self.line_if(has(HOST_NAME))?;
        let maker = self.line_if(has(MAKER))?;
        let mut end = |same: u64, port: u64| -> Result<Endpoint, &'static str> {
            let ip = match device_ip {
                Some(ip) if has(same) => ip,
                _ => self.ip()?,
            };
            let port = if has(port) { Some(u16::from_be_bytes(self.array()?)) } else { None };
            Ok(Endpoint { ip, port })
        };
        let source = end(SOURCE_IS_DEVICE, SOURCE_PORT)?;
        let destination = end(DESTINATION_IS_DEVICE, DESTINATION_PORT)?;
        let count = u32::try_from(count).map_err(|_| "a count is too large")?;
        Ok(Front { last_at, count, device_ip, host_name, maker, source, destination })
    }

    fn file(&mut self) -> Result<FileEvidence, &'static str> {
        let flags = self.number()?;
        let has = |bit: u64| flags & bit != 0;
        Ok(FileEvidence {
            name: self.line_if(has(FILE_NAME))?,
            size_bytes: if has(FILE_SIZE) { Some(self.number()?) } else { None },
            sha256: self.line_if(has(FILE_SHA256))?,
            md5: self.line_if(has(FILE_MD5))?,
            verdict: if has(FILE_VERDICT) { Some(self.place(FileVerdict::ALL)?) } else { None },
            threat_name: self.line_if(has(FILE_THREAT))?,
        })
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
