//! SSH (RFC 4253) until the keys are in use: banners, key exchange, HASSH.
//!
//! Holds always: at most one banner line and one packet (35,000 bytes, RFC 4253 6.1) are kept a
//! side; what follows NEWKEYS is encrypted and never read.

pub mod kex;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::config::{EncryptionHandling, SshConfig};
use crate::event::AppEvent;
use crate::field::ssh_step;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::reader::Reader;
use crate::session::Input;
pub use crate::ssh::transaction::SshTx;
use crate::txlist::TxList;

/// The longest banner line (RFC 4253 4.2), with some mercy.
const MAX_BANNER_BYTES: usize = 512;
const MAX_PACKET_BYTES: usize = 35_000;
const MSG_KEXINIT: u8 = 20;
const MSG_NEWKEYS: u8 = 21;

#[derive(Debug, Default)]
struct Side {
    pending: Pending,
    banner: bool,
    /// NEWKEYS was sent: encrypted from here.
    keyed: bool,
    /// Cannot be read any further.
    lost: bool,
    skip: usize,
}

/// SSH of one flow.
#[derive(Debug)]
pub struct SshParser {
    config: SshConfig,
    txs: TxList<SshTx>,
    sides: [Side; 2],
    opaque: bool,
}

impl SshParser {
    #[must_use]
    pub fn new(config: &SshConfig) -> Self {
        let mut txs = TxList::new(1);
        txs.push_with(|id| SshTx { id, ..SshTx::default() });
        SshParser { config: config.clone(), txs, sides: [Side::default(), Side::default()], opaque: false }
    }

    fn side(&mut self, dir: Direction) -> &mut Side {
        dir.of_mut(&mut self.sides)
    }

    fn with_tx(&mut self, change: impl FnOnce(&mut SshTx)) {
        if let Some(tx) = self.txs.last_mut() {
            change(tx);
        }
    }

    fn reach(&mut self, dir: Direction, step: u8) {
        self.with_tx(|tx| {
            let side = tx.side_mut(dir);
            side.step = side.step.max(step);
        });
    }

    fn event(&mut self, event: AppEvent) {
        self.with_tx(|tx| {
            if !tx.events.contains(&event) {
                tx.events.push(event);
            }
        });
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let side = self.side(dir);
        if side.keyed || side.lost {
            return self.rest_is_opaque();
        }
        let skipped = side.skip.min(bytes.len());
        side.skip -= skipped;
        let joined = side.pending.take_joined(bytes.get(skipped..).unwrap_or_default());
        let mut r = Reader::new(&joined);
        let mut used = 0;
        while self.one(dir, &mut r).is_some() {
            used = r.position();
            let side = self.side(dir);
            if side.keyed || side.lost {
                used = joined.len();
                break;
            }
        }
        self.side(dir).pending.restore(joined, used);
        self.rest_is_opaque()
    }

    fn rest_is_opaque(&mut self) -> Outcome {
        if self.sides.iter().all(|s| s.keyed || s.lost) {
            self.opaque = true;
            return Outcome::Opaque;
        }
        Outcome::Continue
    }

    /// Reads a banner line or a packet; `None` until it has come whole.
    fn one(&mut self, dir: Direction, r: &mut Reader<'_>) -> Option<()> {
        if !self.side(dir).banner {
            return self.banner(dir, r);
        }
        let length = usize::try_from(r.u32()?).unwrap_or(usize::MAX);
        if !(2..=MAX_PACKET_BYTES).contains(&length) {
            self.event("ssh.invalid_record");
            self.lose(dir);
            return Some(());
        }
        let kind = r.rest().get(1).copied()?;
        if kind != MSG_KEXINIT && kind != MSG_NEWKEYS {
            let have = r.take_up_to(length).len();
            self.side(dir).skip = length - have;
            return Some(());
        }
        let packet = r.take(length)?;
        let padding = usize::from(packet.first().copied().unwrap_or(0));
        let payload = packet.get(2..length.saturating_sub(padding)).unwrap_or_default();
        if kind == MSG_NEWKEYS {
            self.side(dir).keyed = true;
            self.reach(dir, ssh_step::DONE);
        } else if self.config.hassh {
            self.key_exchange(dir, payload);
        } else {
            self.reach(dir, ssh_step::KEYS);
        }
        Some(())
    }

    fn key_exchange(&mut self, dir: Direction, payload: &[u8]) {
        match kex::hassh(payload, dir == Direction::ToServer) {
            Some(hassh) => self.with_tx(|tx| tx.side_mut(dir).hassh = Some(hassh)),
            None => self.event("ssh.long_kex_record"),
        }
        self.reach(dir, ssh_step::KEYS);
    }

    fn lose(&mut self, dir: Direction) {
        self.side(dir).lost = true;
        self.reach(dir, ssh_step::DONE);
    }

    fn banner(&mut self, dir: Direction, r: &mut Reader<'_>) -> Option<()> {
        // The first bytes alone decide, so that the answer is the same however they are cut.
        let head = r.rest().get(..=MAX_BANNER_BYTES).unwrap_or(r.rest());
        if memchr::memchr(b'\n', head).is_none() {
            let start = head.get(..MAX_BANNER_BYTES).filter(|_| head.len() > MAX_BANNER_BYTES)?;
            self.event("ssh.long_banner");
            self.take_banner(dir, start);
            self.lose(dir);
            r.take_up_to(usize::MAX);
            return Some(());
        }
        let line = r.until(b'\n')?;
        // Servers may send other lines before the banner (RFC 4253 4.2).
        if line.starts_with(b"SSH-") {
            self.take_banner(dir, line);
        }
        Some(())
    }

    fn take_banner(&mut self, dir: Direction, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(rest) = line.strip_prefix(b"SSH-") else { return };
        let dash = memchr::memchr(b'-', rest).unwrap_or(rest.len());
        let proto = rest.get(..dash).unwrap_or_default().to_vec();
        let software = rest.get(dash + 1..).unwrap_or_default();
        let end = memchr::memchr(b' ', software).unwrap_or(software.len());
        let software = software.get(..end).unwrap_or_default().to_vec();
        if software.is_empty() {
            self.event("ssh.invalid_banner");
        }
        self.with_tx(|tx| {
            let side = tx.side_mut(dir);
            side.proto = proto;
            side.software = software;
        });
        self.side(dir).banner = true;
        self.reach(dir, ssh_step::BANNER);
    }
}

impl Parser for SshParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => self.take(dir, bytes),
            Input::Gap(_) => {
                self.lose(dir);
                self.rest_is_opaque()
            }
            Input::End => {
                self.reach(dir, ssh_step::DONE);
                Outcome::Continue
            }
        }
    }

    transactions_in!(txs);

    fn no_raw_inspection(&self) -> bool {
        self.opaque && self.config.encryption_handling != EncryptionHandling::Full
    }

    fn bypass(&self) -> bool {
        self.opaque && self.config.encryption_handling == EncryptionHandling::Bypass
    }
}
