//! Conditions on a transaction as a whole.

use std::net::IpAddr;

use mimamori_applayer::{Field, Transaction};
use mimamori_base::{Direction, Timestamp};
use mimamori_files::{File, FileState};
use mimamori_rules::{
    CertValidity, Check, DceIface, FileCheck, HashKind, NumberCheck, NumberCmp, SslState, SslVersion,
    StateCmp, TicketEncryption,
};

use crate::lists::Lists;

/// How a part of a rule stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    Met,
    /// The transaction has not come far enough to tell.
    NotYet,
    Never,
}

impl Standing {
    pub(crate) fn decided(met: bool, final_: bool) -> Standing {
        match (met, final_) {
            (true, _) => Standing::Met,
            (false, true) => Standing::Never,
            (false, false) => Standing::NotYet,
        }
    }
}

/// What the checks look at.
pub(crate) struct TxView<'a> {
    pub tx: &'a dyn Transaction,
    pub dir: Direction,
    pub now: Timestamp,
    pub lists: &'a Lists,
    /// Who sent the packet.
    pub src: Option<IpAddr>,
}

impl TxView<'_> {
    fn complete(&self) -> bool {
        self.tx.is_complete(self.dir)
    }

    fn reached(&self, progress: u8) -> bool {
        self.tx.progress(self.dir) >= progress || self.complete()
    }

    fn numbers(&self, field: Field) -> Vec<u64> {
        let mut all = Vec::new();
        self.tx.numbers(field, self.dir, &mut |n| all.push(n));
        all
    }

    fn any_bytes(&self, field: Field, test: impl Fn(&[u8]) -> bool) -> bool {
        let mut met = false;
        self.tx.bytes(field, self.dir, &mut |b| met |= test(b));
        met
    }
}

/// How `check` stands.
pub(crate) fn standing(check: &Check, view: &TxView<'_>) -> Standing {
    match check {
        Check::AppEvent(name) => {
            let met = view.tx.events().iter().any(|e| **e == **name);
            Standing::decided(met, view.complete())
        }
        Check::Number(n) => number(n, view),
        Check::TlsVersion(v) => {
            let have = view.numbers(Field::SslVersion);
            let met = have.iter().any(|n| (*n == u64::from(v.version)) != v.negated);
            Standing::decided(met, view.reached(1))
        }
        Check::SslVersion(list) => {
            let have = view.numbers(Field::SslVersion);
            let met = have.iter().any(|n| ssl_version(list, *n));
            Standing::decided(met, view.reached(1))
        }
        Check::SslState { states, negated } => {
            let bits: u64 = states.iter().map(|s| ssl_state_bit(*s)).fold(0, |a, b| a | b);
            let have = view.numbers(Field::SslState).into_iter().fold(0, |a, b| a | b);
            Standing::decided((have & bits != 0) != *negated, view.complete())
        }
        Check::TlsCertValidity(v) => cert_validity(*v, view),
        Check::TicketEncryption(want) => {
            let have = view.numbers(Field::Krb5TicketEncryption);
            let met = have.iter().any(|n| ticket_encryption(want, *n));
            Standing::decided(met, view.complete())
        }
        Check::FtpReplyReceived(want) => {
            let have = view.numbers(Field::FtpReplyReceived);
            let met = have.iter().any(|n| (*n != 0) == *want);
            Standing::decided(met, view.complete())
        }
        Check::FtpMode { active } => {
            let want: &[u8] = if *active { b"active" } else { b"passive" };
            let met = view.any_bytes(Field::FtpMode, |b| b.eq_ignore_ascii_case(want));
            Standing::decided(met, view.complete())
        }
        Check::FtpDataCommand { store } => {
            let want: &[u8] = if *store { b"STOR" } else { b"RETR" };
            let met = view.any_bytes(Field::FtpDataCommand, |b| b.eq_ignore_ascii_case(want));
            Standing::decided(met, view.complete())
        }
        Check::FtpBounce => {
            let met =
                view.src.is_some_and(|src| view.any_bytes(Field::FtpPortAddress, |b| !is_address(b, src)));
            Standing::decided(met, view.complete())
        }
        Check::DceIface(iface) => {
            let met = view.any_bytes(Field::DceIface, |b| dce_iface(iface, b));
            Standing::decided(met, view.complete())
        }
        Check::DceOpnum(ranges) => {
            let have = view.numbers(Field::DceOpnum);
            let met =
                have.iter().any(|n| ranges.iter().any(|(a, b)| *n >= u64::from(*a) && *n <= u64::from(*b)));
            Standing::decided(met, view.complete())
        }
        Check::SshVersion { software, proto } => {
            let field = if *proto { Field::SshProto } else { Field::SshSoftware };
            let met = view.any_bytes(field, |b| contains_nocase(b, software.as_bytes()));
            Standing::decided(met, view.reached(1))
        }
        Check::File(f) => file(f, view),
        Check::AppState { cmp, name } => app_state(*cmp, name, view),
        _ => Standing::Never,
    }
}

fn number(check: &NumberCheck, view: &TxView<'_>) -> Standing {
    let have = view.numbers(check.field);
    let info = check.field.info();
    let settled = !have.is_empty() && view.reached(info.progress) && !may_grow(check.field);
    let final_ = view.complete() || settled;
    let complete = view.complete() || (view.reached(info.progress) && !may_grow(check.field));
    let met = (!check.test.waits() || complete) && check.test.holds(&have);
    Standing::decided(met, final_)
}

/// Fields whose numbers come one after the other until the side is complete.
fn may_grow(field: Field) -> bool {
    matches!(
        field,
        Field::LdapResponsesOperation
            | Field::LdapResponsesCount
            | Field::LdapResponsesResultCode
            | Field::Http2FrameType
            | Field::Http2ErrorCode
            | Field::Http2SizeUpdate
            | Field::Http2Window
            | Field::Http2Priority
    )
}

fn ssl_version(list: &[(SslVersion, bool)], have: u64) -> bool {
    let wire = |v: &SslVersion| match v {
        SslVersion::Ssl2 => 0x0200,
        SslVersion::Ssl3 => 0x0300,
        SslVersion::Tls10 => 0x0301,
        SslVersion::Tls11 => 0x0302,
        SslVersion::Tls12 => 0x0303,
        SslVersion::Tls13 => 0x0304,
    };
    let negated = list.iter().any(|(_, negated)| *negated);
    let named = list.iter().any(|(v, _)| wire(v) == have);
    named != negated
}

/// Bits of [`Field::SslState`].
fn ssl_state_bit(state: SslState) -> u64 {
    match state {
        SslState::ClientHello => 1,
        SslState::ServerHello => 2,
        SslState::ClientKeyx => 4,
        SslState::ServerKeyx => 8,
        SslState::Unknown => 16,
    }
}

fn cert_validity(want: CertValidity, view: &TxView<'_>) -> Standing {
    let before = view.numbers(Field::TlsCertNotBefore).first().copied();
    let after = view.numbers(Field::TlsCertNotAfter).first().copied();
    let now = u64::try_from(view.now.secs()).unwrap_or(0);
    let test = |c: NumberCmp, n: Option<u64>| n.is_some_and(|n| c.test(n));
    let met = match want {
        CertValidity::NotBefore(c) => test(c, before),
        CertValidity::NotAfter(c) => test(c, after),
        CertValidity::Expired => after.is_some_and(|n| n < now),
        CertValidity::Valid => before.is_some_and(|n| n <= now) && after.is_some_and(|n| n > now),
    };
    Standing::decided(met, view.reached(mimamori_applayer::field::tls_step::CERT))
}

/// `bytes`: the 16 bytes of the interface, then its version as two bytes each, big-endian.
fn dce_iface(want: &DceIface, bytes: &[u8]) -> bool {
    let Some((uuid, rest)) = bytes.split_at_checked(16) else { return false };
    if uuid != want.uuid {
        return false;
    }
    match (want.version, rest) {
        (None, _) => true,
        (Some(cmp), [a, b, ..]) => cmp.test(u64::from(u16::from_be_bytes([*a, *b]))),
        (Some(_), _) => false,
    }
}

/// Whether `bytes` are the address `ip`.
fn is_address(bytes: &[u8], ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(a) => bytes == a.octets(),
        IpAddr::V6(a) => bytes == a.octets(),
    }
}

/// Substring, any case.
pub(crate) fn contains_nocase(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle))
}

fn file(check: &FileCheck, view: &TxView<'_>) -> Standing {
    let files = view.tx.files(view.dir);
    let mut open = !view.complete();
    for f in files {
        match file_meets(check, f, view.lists) {
            Standing::Met => return Standing::Met,
            Standing::NotYet => open = true,
            Standing::Never => {}
        }
    }
    Standing::decided(false, !open)
}

/// Whether one file meets the check.
pub(crate) fn file_meets(check: &FileCheck, f: &File, lists: &Lists) -> Standing {
    let closed = f.state() != FileState::Open;
    match check {
        FileCheck::Name { text, negated } => {
            Standing::decided(contains_nocase(f.name(), text) != *negated, true)
        }
        FileCheck::Ext { text, negated } => {
            Standing::decided(f.extension().eq_ignore_ascii_case(text) != *negated, true)
        }
        FileCheck::Magic { text, negated } => {
            let met = contains_nocase(f.magic().as_bytes(), text) != *negated;
            Standing::decided(met && f.size() > 0, closed)
        }
        FileCheck::Size(cmp) => match cmp {
            // Growing can only make these true: no need to wait.
            NumberCmp::Gt(_) | NumberCmp::Ge(_) => Standing::decided(cmp.test(f.size()), closed),
            _ if closed => Standing::decided(cmp.test(f.size()), true),
            _ => Standing::NotYet,
        },
        FileCheck::HashList { kind, file, negated, .. } => {
            if !closed {
                return Standing::NotYet;
            }
            let h = f.hashes();
            let digest: Option<&[u8]> = match kind {
                HashKind::Md5 => h.md5.as_ref().map(|d| d.as_slice()),
                HashKind::Sha1 => h.sha1.as_ref().map(|d| d.as_slice()),
                HashKind::Sha256 => h.sha256.as_ref().map(|d| d.as_slice()),
            };
            let met = digest.is_some_and(|d| lists.has_hash(*kind, file, d) != *negated);
            Standing::decided(met, true)
        }
    }
}

/// `have`: the signed number, as fields carry it.
fn ticket_encryption(want: &TicketEncryption, have: u64) -> bool {
    let weak = !matches!(have, 17..=20 | 25 | 26);
    match want {
        TicketEncryption::Weak => weak,
        TicketEncryption::Strong => !weak,
        TicketEncryption::AnyOf(list) => list.iter().any(|n| i64::from(*n).cast_unsigned() == have),
    }
}

fn app_state(cmp: StateCmp, name: &str, view: &TxView<'_>) -> Standing {
    use mimamori_applayer::field::{http_step, tls_step};
    let wanted = match name {
        "client_in_progress" | "server_in_progress" => 0,
        "client_hello_done" | "server_hello" => tls_step::HELLO,
        "client_cert_done" | "server_cert_done" => tls_step::CERT,
        "client_handshake_done" | "server_handshake_done" => tls_step::DONE,
        "request_started" | "response_started" => 0,
        "request_line" | "response_line" => http_step::LINE,
        "request_headers" | "response_headers" => http_step::HEADERS,
        "request_body" | "response_body" => http_step::BODY,
        "request_trailer" | "response_trailer" => http_step::TRAILER,
        "request_complete" | "response_complete" => http_step::COMPLETE,
        _ => return Standing::Never,
    };
    // The name says whose state it is, whichever side's packet asks.
    let of_client = name.starts_with("client") || name.starts_with("request");
    let side = if of_client { Direction::ToServer } else { Direction::ToClient };
    let have = view.tx.progress(side);
    match cmp {
        StateCmp::Eq => Standing::decided(have == wanted, have > wanted),
        StateCmp::Lt => Standing::decided(have < wanted, true),
        StateCmp::Gt => Standing::decided(have > wanted, view.complete()),
    }
}
