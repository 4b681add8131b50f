//! TLS (RFC 8446, 5246) and the hellos of SSL 2: records, handshake, certificates.
//!
//! Holds always: at most one record and [`MAX_HANDSHAKE_BYTES`] of handshake are kept a side;
//! once application data flows nothing more is read. Deliberately not here: decryption.

pub mod certificate;
pub mod datagram;
pub mod fingerprint;
pub mod hello;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::config::{EncryptionHandling, TlsConfig};
use crate::event::AppEvent;
use crate::field::tls_step;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::reader::Reader;
use crate::session::Input;
use crate::tls::certificate::Certificate;
use crate::tls::hello::{ClientHello, ServerHello};
pub use crate::tls::transaction::TlsTx;
use crate::tls::transaction::state_bit;
use crate::txlist::TxList;

/// Handshake bytes kept a side while a message is not whole.
const MAX_HANDSHAKE_BYTES: usize = 256 * 1024;
/// Hellos with different names that are looked at; a session has one, and the same after a retry.
const MAX_NAMES: u64 = 4;
/// The longest record (RFC 5246 6.2.3).
const MAX_RECORD_BYTES: usize = (1 << 14) + 2048;

#[derive(Debug, Default)]
struct Side {
    /// The record that has not come whole.
    pending: Pending,
    /// Bytes of an opaque record still to pass over.
    skip: usize,
    handshake: Pending,
    begun: bool,
    /// ChangeCipherSpec was sent: handshake messages are encrypted from here.
    ciphered: bool,
    data: bool,
}

/// TLS of one flow.
#[derive(Debug)]
pub struct TlsParser {
    config: TlsConfig,
    txs: TxList<TlsTx>,
    sides: [Side; 2],
    opaque: bool,
    /// The heartbeat that waits for its answer: who asked, and with how much.
    heartbeat: Option<(Direction, usize)>,
}

/// What a record did to the flow.
enum Step {
    Next,
    Stop(Outcome),
}

impl TlsParser {
    #[must_use]
    pub fn new(config: &TlsConfig) -> Self {
        let mut txs = TxList::new(1);
        let log_certificates = config.log_certificates;
        txs.push_with(|id| TlsTx { id, log_certificates, ..TlsTx::default() });
        TlsParser {
            config: config.clone(),
            txs,
            sides: [Side::default(), Side::default()],
            opaque: false,
            heartbeat: None,
        }
    }

    fn side(&mut self, dir: Direction) -> &mut Side {
        let [server, client] = &mut self.sides;
        if dir == Direction::ToServer { server } else { client }
    }

    fn with_tx(&mut self, change: impl FnOnce(&mut TlsTx)) {
        if let Some(tx) = self.txs.last_mut() {
            change(tx);
        }
    }

    fn event(&mut self, event: AppEvent) {
        self.with_tx(|tx| {
            if !tx.events.contains(&event) {
                tx.events.push(event);
            }
        });
    }

    fn finish(&mut self) {
        self.with_tx(|tx| {
            for dir in Direction::BOTH {
                tx.reach(dir, tls_step::DONE);
            }
        });
    }

    fn fail(&mut self, event: AppEvent) -> Step {
        self.event(event);
        self.event("tls.invalid_ssl_record");
        Step::Stop(Outcome::Failed)
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let side = self.side(dir);
        let skipped = side.skip.min(bytes.len());
        side.skip -= skipped;
        let bytes = bytes.get(skipped..).unwrap_or_default();
        let joined = side.pending.take_joined(bytes);
        let mut r = Reader::new(&joined);
        let mut used = 0;
        let mut outcome = Outcome::Continue;
        while let Some(step) = self.record(dir, &mut r) {
            used = r.position();
            if let Step::Stop(stop) = step {
                outcome = stop;
                break;
            }
        }
        self.side(dir).pending.restore(joined, used);
        outcome
    }

    /// Reads one record; `None` until it has come whole.
    fn record(&mut self, dir: Direction, r: &mut Reader<'_>) -> Option<Step> {
        let first = *r.rest().first()?;
        if first & 0x80 != 0 && !self.side(dir).begun {
            return self.sslv2_record(dir, r);
        }
        let kind = r.u8()?;
        let version = r.u16()?;
        let length = usize::from(r.u16()?);
        if version >> 8 != 3 && !(0x7f00..=0x7fff).contains(&version) {
            return Some(self.fail("tls.invalid_record_version"));
        }
        if length > MAX_RECORD_BYTES {
            return Some(self.fail("tls.invalid_record_length"));
        }
        self.side(dir).begun = true;
        self.with_tx(|tx| {
            let [client, server] = &mut tx.record_versions;
            *(if dir == Direction::ToServer { client } else { server }) = version;
        });
        match kind {
            20 => {
                r.take(length)?;
                self.change_cipher_spec(dir);
                Some(Step::Next)
            }
            21 => {
                r.take(length)?;
                Some(Step::Next)
            }
            22 => {
                let fragment = r.take(length)?;
                Some(self.handshake(dir, fragment))
            }
            23 => {
                let have = r.take_up_to(length).len();
                self.side(dir).skip = length - have;
                Some(self.application_data(dir))
            }
            24 => {
                let message = r.take(length)?;
                self.heartbeat(dir, message);
                Some(Step::Next)
            }
            _ => Some(self.fail("tls.invalid_record_type")),
        }
    }

    fn change_cipher_spec(&mut self, dir: Direction) {
        self.side(dir).ciphered = true;
        self.with_tx(|tx| {
            let tls13 = tx.server_hello.as_ref().is_some_and(ServerHello::is_tls13);
            let no_certificate = tx.chain(Direction::ToClient).der.is_empty();
            if dir == Direction::ToClient && tx.server_hello.is_some() && no_certificate && !tls13 {
                tx.resumed = true;
            }
            tx.reach(dir, tls_step::DONE);
        });
    }

    fn application_data(&mut self, dir: Direction) -> Step {
        self.side(dir).data = true;
        let both_ciphered = self.sides.iter().all(|s| s.ciphered || s.data);
        let mut tls13 = false;
        self.with_tx(|tx| {
            tls13 = tx.server_hello.as_ref().is_some_and(ServerHello::is_tls13);
            tx.reach(dir, tls_step::DONE);
        });
        let client_too = self.sides.iter().all(|s| s.data);
        if (tls13 && client_too) || (!tls13 && both_ciphered) {
            self.finish();
            self.opaque = true;
            return Step::Stop(Outcome::Opaque);
        }
        Step::Next
    }

    fn heartbeat(&mut self, dir: Direction, message: &[u8]) {
        match self.heartbeat.take() {
            // An answer that is longer than its question brings what was not asked for.
            Some((asked, bytes)) if asked != dir => {
                if message.len() > bytes {
                    self.event("tls.dataleak_heartbeat_mismatch");
                }
            }
            _ => self.heartbeat = Some((dir, message.len())),
        }
        if self.side(dir).ciphered {
            return;
        }
        let mut r = Reader::new(message);
        let (Some(kind), Some(length)) = (r.u8(), r.u16()) else {
            self.event("tls.invalid_heartbeat_message");
            return;
        };
        if !matches!(kind, 1 | 2) {
            self.event("tls.invalid_heartbeat_message");
            return;
        }
        self.event("tls.heartbeat_message");
        let room = r.remaining();
        if usize::from(length) > room {
            self.event("tls.overflow_heartbeat_message");
        } else if room - usize::from(length) < 16 {
            self.event("tls.invalid_heartbeat_message");
        }
    }

    fn handshake(&mut self, dir: Direction, fragment: &[u8]) -> Step {
        let side = self.side(dir);
        if side.ciphered {
            return Step::Next;
        }
        let joined = side.handshake.take_joined(fragment);
        let mut r = Reader::new(&joined);
        let mut used = 0;
        let step = loop {
            let (Some(kind), Some(length)) = (r.u8(), r.u24()) else { break Step::Next };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > MAX_HANDSHAKE_BYTES {
                self.event("tls.handshake_invalid_length");
                break Step::Stop(Outcome::Failed);
            }
            let Some(body) = r.take(length) else { break Step::Next };
            used = r.position();
            if !self.message(dir, kind, body) {
                self.event("tls.invalid_handshake_message");
                break Step::Stop(Outcome::Failed);
            }
        };
        self.side(dir).handshake.restore(joined, used);
        step
    }

    /// Takes one whole handshake message; false if it cannot be read.
    fn message(&mut self, dir: Direction, kind: u8, body: &[u8]) -> bool {
        match (kind, dir) {
            (1, Direction::ToServer) => self.client_hello(body),
            (2, Direction::ToClient) => self.server_hello(body),
            (11, _) => self.certificates(dir, body),
            (12, Direction::ToClient) => {
                self.with_tx(|tx| {
                    tx.state |= state_bit::SERVER_KEYX;
                    tx.reach(dir, tls_step::CERT);
                });
                true
            }
            (13, Direction::ToClient) => {
                self.with_tx(|tx| tx.client_asked = true);
                true
            }
            (14, Direction::ToClient) => {
                self.with_tx(|tx| tx.reach(dir, tls_step::DONE));
                true
            }
            (16, Direction::ToServer) => {
                self.with_tx(|tx| {
                    tx.state |= state_bit::CLIENT_KEYX;
                    tx.reach(dir, tls_step::CERT);
                });
                true
            }
            _ => true,
        }
    }

    fn client_hello(&mut self, body: &[u8]) -> bool {
        let Some(hello) = ClientHello::read(body) else { return false };
        let (want_ja3, want_ja4) = (self.config.ja3, self.config.ja4);
        let before = self.txs.iter().last().and_then(|tx| tx.client_hello.as_ref());
        if before.is_some_and(|before| before.sni != hello.sni) && self.txs.created() < MAX_NAMES {
            // Not the same question again: another name, to be looked at like the first.
            self.finish();
            let log_certificates = self.config.log_certificates;
            self.txs.push_with(|id| TlsTx { id, log_certificates, ..TlsTx::default() });
        }
        self.with_tx(|tx| {
            // A second hello answers a HelloRetryRequest; the first says who is asking.
            if tx.client_hello.is_none() {
                tx.ja3 = want_ja3.then(|| fingerprint::ja3(&hello));
                tx.ja4 = want_ja4.then(|| fingerprint::ja4(&hello, false));
                tx.events.extend_from_slice(&hello.events);
                tx.client_hello = Some(hello);
            }
            tx.state |= state_bit::CLIENT_HELLO;
            tx.reach(Direction::ToServer, tls_step::HELLO);
        });
        true
    }

    fn server_hello(&mut self, body: &[u8]) -> bool {
        let Some(hello) = ServerHello::read(body) else { return false };
        let want_ja3 = self.config.ja3;
        self.with_tx(|tx| {
            tx.ja3s = want_ja3.then(|| fingerprint::ja3s(&hello));
            tx.server_hello = Some(hello);
            tx.state |= state_bit::SERVER_HELLO;
            tx.reach(Direction::ToClient, tls_step::HELLO);
        });
        true
    }

    fn certificates(&mut self, dir: Direction, body: &[u8]) -> bool {
        let mut r = Reader::new(body);
        let Some(list) = r.prefixed_u24() else {
            self.event("tls.invalid_certificate");
            return false;
        };
        let mut list = Reader::new(list);
        let mut room = self.config.max_certificate_bytes;
        let mut fine = true;
        let mut first = true;
        while !list.is_empty() {
            let Some(der) = list.prefixed_u24() else {
                self.event("tls.invalid_certificate");
                fine = false;
                break;
            };
            if std::mem::take(&mut first) {
                match Certificate::read(der) {
                    Ok(certificate) => self.with_tx(|tx| tx.chain_mut(dir).first = Some(certificate)),
                    Err(event) => {
                        self.event(event);
                        fine = false;
                    }
                }
            }
            if der.len() <= room {
                room -= der.len();
                self.with_tx(|tx| tx.chain_mut(dir).der.push(der.to_vec()));
            }
        }
        self.with_tx(|tx| tx.reach(dir, tls_step::CERT));
        fine
    }

    /// SSL 2: a two-byte length, then the message (draft-hickman-netscape-ssl).
    fn sslv2_record(&mut self, dir: Direction, r: &mut Reader<'_>) -> Option<Step> {
        let length = usize::from(r.u16()? & 0x7fff);
        let message = r.take(length)?;
        self.side(dir).begun = true;
        let mut m = Reader::new(message);
        let kind = m.u8();
        match (kind, dir) {
            (Some(1), Direction::ToServer) => Some(self.sslv2_client_hello(&mut m)),
            (Some(4), Direction::ToClient) => Some(self.sslv2_server_hello(&mut m)),
            (Some(0), _) => {
                self.event("tls.error_message_encountered");
                Some(Step::Stop(Outcome::Failed))
            }
            _ => {
                self.event("tls.invalid_sslv2_header");
                Some(Step::Stop(Outcome::Failed))
            }
        }
    }

    fn sslv2_client_hello(&mut self, m: &mut Reader<'_>) -> Step {
        let Some(version) = m.u16() else { return self.fail("tls.invalid_sslv2_header") };
        self.with_tx(|tx| {
            tx.record_versions = [version, 0];
            tx.state |= state_bit::CLIENT_HELLO;
            tx.reach(Direction::ToServer, tls_step::HELLO);
        });
        Step::Next
    }

    fn sslv2_server_hello(&mut self, m: &mut Reader<'_>) -> Step {
        let version = m.take(2).and_then(|_| m.u16()).unwrap_or(2);
        self.with_tx(|tx| {
            tx.record_versions = [version, version];
            tx.state |= state_bit::SERVER_HELLO;
            tx.reach(Direction::ToClient, tls_step::HELLO);
        });
        // The rest of SSL 2 is opaque to every rule.
        self.finish();
        self.opaque = true;
        Step::Stop(Outcome::Opaque)
    }
}

impl Parser for TlsParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        let outcome = match input {
            Input::Data(bytes) => self.take(dir, bytes),
            Input::Gap(n) => {
                let side = self.side(dir);
                match usize::try_from(n) {
                    Ok(n) if n <= side.skip => {
                        side.skip -= n;
                        Outcome::Continue
                    }
                    _ => Outcome::Failed,
                }
            }
            Input::End => {
                self.with_tx(|tx| tx.reach(dir, tls_step::DONE));
                Outcome::Continue
            }
        };
        if outcome == Outcome::Failed {
            self.finish();
        }
        outcome
    }

    transactions_in!(txs);

    fn no_raw_inspection(&self) -> bool {
        self.opaque && self.config.encryption_handling != EncryptionHandling::Full
    }

    fn bypass(&self) -> bool {
        self.opaque && self.config.encryption_handling == EncryptionHandling::Bypass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_more_than_was_asked_is_told() {
        let question = b"\x18\x03\x02\x00\x03\x01\x40\x00";
        let mut answer = vec![0x18, 3, 2, 1, 0, 2, 0, 0xed];
        answer.resize(5 + 256, b'x');
        for (answer, told) in [(&answer[..], true), (&question[..], false)] {
            let mut parser = TlsParser::new(&crate::AppLayerConfig::default().tls);
            parser.feed(Direction::ToServer, Input::Data(question), Timestamp::EPOCH);
            parser.feed(Direction::ToClient, Input::Data(answer), Timestamp::EPOCH);
            let events = parser.tx(0).map(|t| t.events().to_vec()).unwrap_or_default();
            assert!(events.contains(&"tls.overflow_heartbeat_message"), "{events:?}");
            assert_eq!(events.contains(&"tls.dataleak_heartbeat_mismatch"), told, "{events:?}");
        }
    }
}
