//! NTP (RFC 5905): one transaction a message.

use mimamori_base::{Direction, Timestamp};
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::parser::{Outcome, Parser, transactions_in};
use crate::session::Input;
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// NTP of one flow.
#[derive(Debug)]
pub struct NtpParser {
    txs: TxList<NtpTx>,
}

#[derive(Debug)]
struct NtpTx {
    id: u64,
    dir: Direction,
    version: u8,
    mode: u8,
    /// Stratum and the four bytes that name the server's own source; not in control messages.
    source: Option<(u8, [u8; 4])>,
    events: Vec<AppEvent>,
}

impl NtpParser {
    #[must_use]
    pub fn new(max_tx: usize) -> Self {
        NtpParser { txs: TxList::new(max_tx) }
    }
}

impl Parser for NtpParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        let Input::Data(datagram) = input else { return Outcome::Continue };
        let first = datagram.first().copied().unwrap_or(0);
        let (version, mode) = ((first >> 3) & 7, first & 7);
        let whole = datagram.len() >= 48 || (matches!(mode, 6 | 7) && datagram.len() >= 8);
        let events = if whole { Vec::new() } else { vec!["ntp.malformed_data"] };
        let source = match datagram {
            [_, stratum, _, _, _, _, _, _, _, _, _, _, a, b, c, d, ..] if whole && mode < 6 => {
                Some((*stratum, [*a, *b, *c, *d]))
            }
            _ => None,
        };
        self.txs.make_room();
        self.txs.push_with(|id| NtpTx { id, dir, version, mode, source, events });
        Outcome::Continue
    }

    transactions_in!(txs);
}

impl Transaction for NtpTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn sides(&self) -> Sides {
        Sides::of(self.dir)
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        if let (Field::NtpReferenceId, Some((_, id))) = (field, &self.source) {
            visit(id);
        }
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        match (field, self.source) {
            (Field::NtpVersion, _) => visit(self.version.into()),
            (Field::NtpMode, _) => visit(self.mode.into()),
            (Field::NtpStratum, Some((stratum, _))) => visit(stratum.into()),
            _ => {}
        }
    }

    /// The field's logs have no record of NTP.
    fn event_type(&self) -> Option<&'static str> {
        None
    }

    fn log(&self, out: &mut Map<String, Value>) {
        out.insert("ntp".into(), json!({ "version": self.version, "mode": self.mode }));
    }
}
