//! QUIC (RFC 9000, RFC 9369) as far as its first packets can be read by anyone on the path, and
//! the older Google QUIC.
//!
//! Holds always: after a side's hello nothing more of that side is read, since it is encrypted;
//! handshake bytes kept are bounded ([`frames::MAX_CRYPTO_BYTES`] a side).

mod frames;
mod google;
mod header;
mod keys;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::parser::{Outcome, Parser, transactions_in};
use crate::quic::frames::{CryptoStream, crypto_frames};
use crate::quic::google::Message;
use crate::quic::header::{Header, PacketType, is_google};
use crate::quic::keys::InitialKeys;
use crate::quic::transaction::QuicTx;
use crate::reader::Reader;
use crate::session::Input;
use crate::tls::fingerprint;
use crate::tls::hello::{ClientHello, ServerHello};
use crate::txlist::TxList;

/// QUIC of one flow.
#[derive(Debug)]
pub struct QuicParser {
    txs: TxList<QuicTx>,
    keys: Option<InitialKeys>,
    crypto: [CryptoStream; 2],
    hello_seen: [bool; 2],
    with_ja3: bool,
    /// Also versions that are no protocol of the rule language.
    unusual: bool,
}

/// Coalesced packets looked at in one datagram.
const MAX_PACKETS: usize = 16;

impl QuicParser {
    #[must_use]
    pub fn new(max_tx: usize, with_ja3: bool) -> Self {
        QuicParser {
            txs: TxList::new(max_tx),
            keys: None,
            crypto: [CryptoStream::default(), CryptoStream::default()],
            hello_seen: [false, false],
            with_ja3,
            unusual: false,
        }
    }

    /// Reads names only, from any version whose first packets can be opened.
    #[must_use]
    pub fn for_names() -> Self {
        QuicParser { unusual: true, ..QuicParser::new(8, false) }
    }

    fn take_datagram(&mut self, dir: Direction, datagram: &[u8]) {
        let mut rest = datagram;
        for _ in 0..MAX_PACKETS {
            if rest.is_empty() || self.hello_seen(dir) {
                return;
            }
            let Some(header) = Header::read(rest) else {
                self.add(QuicTx::new(0, dir, [0; 4]), Some("quic.error_on_header"));
                return;
            };
            if header.kind == PacketType::Short || !self.take_packet(dir, &header, rest) {
                return;
            }
            let used = header.header_bytes.saturating_add(header.payload_bytes);
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    /// Whether the packets after this one in the datagram are worth a look.
    fn take_packet(&mut self, dir: Direction, header: &Header, packet: &[u8]) -> bool {
        let tx = QuicTx::new(0, dir, header.version);
        if header.kind == PacketType::Retry && dir == Direction::ToClient {
            // The client starts over with keys from the server's id (RFC 9001 5.2).
            self.keys = None;
            self.crypto = [CryptoStream::default(), CryptoStream::default()];
            self.hello_seen = [false, false];
        } else if self.keys.is_none() && header.kind == PacketType::Initial {
            let derive = if self.unusual { InitialKeys::derive_unusual } else { InitialKeys::derive };
            self.keys = derive(header.version, &header.destination_id);
        }
        if header.kind == PacketType::Initial && is_google(header.version) && self.keys.is_none() {
            let frames = packet.get(header.header_bytes..).unwrap_or_default();
            self.add(google_tx(tx, frames), None);
            return true;
        }
        let Some(keys) = self.keys.as_ref().filter(|_| header.kind != PacketType::Retry) else {
            self.add(tx, None);
            return true;
        };
        let Some(plain) = keys.open(dir, header, packet) else {
            self.add(tx, Some("quic.failed_decrypt"));
            return false;
        };
        let Some(pieces) = crypto_frames(&plain) else {
            self.add(tx, Some("quic.error_on_data"));
            return false;
        };
        for piece in pieces {
            self.crypto_mut(dir).add(piece);
        }
        let tx = self.with_hello(tx);
        self.add(tx, None);
        true
    }

    /// Adds what the side's hello says, once it is whole.
    fn with_hello(&mut self, mut tx: QuicTx) -> QuicTx {
        let dir = tx.dir;
        let message = self.crypto_mut(dir).joined().to_vec();
        if message.starts_with(b"CHLO") {
            return google_tx(tx, &message);
        }
        let mut r = Reader::new(&message);
        let (Some(kind), Some(body)) = (r.u8(), r.prefixed_u24()) else {
            return tx;
        };
        match (dir, kind) {
            (Direction::ToServer, 1) => {
                let Some(hello) = ClientHello::read(body) else {
                    return tx;
                };
                tx.ja3 = self.with_ja3.then(|| fingerprint::ja3(&hello));
                tx.ja4 = Some(fingerprint::ja4(&hello, true));
                hello.tell(&mut tx.told, fingerprint::Carrier::Quic);
                tx.sni = hello.sni;
                tx.alpn = hello.alpn;
                tx.extensions = hello.extensions;
            }
            (Direction::ToClient, 2) => {
                let Some(hello) = ServerHello::read(body) else {
                    return tx;
                };
                tx.ja3 = self.with_ja3.then(|| fingerprint::ja3s(&hello));
                tx.alpn = hello.alpn;
                tx.extensions = hello.extensions;
            }
            _ => return tx,
        }
        let [server, client] = &mut self.hello_seen;
        *(if dir == Direction::ToServer { server } else { client }) = true;
        tx
    }

    fn add(&mut self, tx: QuicTx, event: Option<&'static str>) {
        self.txs.make_room();
        self.txs.push_with(|id| QuicTx { id, events: event.into_iter().collect(), ..tx });
    }

    fn hello_seen(&self, dir: Direction) -> bool {
        let [server, client] = self.hello_seen;
        if dir == Direction::ToServer { server } else { client }
    }

    fn crypto_mut(&mut self, dir: Direction) -> &mut CryptoStream {
        let [server, client] = &mut self.crypto;
        if dir == Direction::ToServer { server } else { client }
    }
}

fn google_tx(mut tx: QuicTx, frames: &[u8]) -> QuicTx {
    if let Some(message) = Message::find(frames) {
        tx.sni = message.value(b"SNI\0").map(<[u8]>::to_vec);
        tx.user_agent = message.value(b"UAID").map(<[u8]>::to_vec);
        tx.cyu = Some(message.fingerprint(tx.version));
    }
    tx
}

impl Parser for QuicParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        if let Input::Data(datagram) = input {
            self.take_datagram(dir, datagram);
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}
