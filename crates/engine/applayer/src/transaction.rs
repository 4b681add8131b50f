//! What a parser hands to detection and logging.

use mimamori_base::Direction;
use mimamori_files::{File, View};
use serde_json::{Map, Value};

use crate::event::AppEvent;
use crate::field::{Field, ONE_STEP, Sides};
use crate::told::Told;

/// One exchange of a protocol: a request and its response, a query, a handshake.
pub trait Transaction {
    /// Counts from 0 within the flow.
    fn id(&self) -> u64;

    /// How far the side `dir` has come, in the protocol's own steps; never falls. One message is
    /// a transaction of one step.
    fn progress(&self, _dir: Direction) -> u8 {
        ONE_STEP
    }

    /// Nothing more will come from the side `dir`: so it is for one message.
    fn is_complete(&self, _dir: Direction) -> bool {
        true
    }

    /// Which sides this transaction has: a DNS query is [`Sides::ToServer`] only. The other
    /// side is never inspected.
    fn sides(&self) -> Sides {
        Sides::Both
    }

    /// Anomalies so far, oldest first; only ever grows.
    fn events(&self) -> &[AppEvent] {
        &[]
    }

    /// Calls `visit` for each buffer that `field` has now in `dir`. Returns without a call
    /// where the field is absent. [`crate::FieldKind::Bytes`] calls at most once,
    /// [`crate::FieldKind::MultiBytes`] once an instance, in order of appearance.
    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8]));

    /// Calls `visit` for each number that `field` has now ([`crate::FieldKind::Number`]).
    fn numbers(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(u64));

    /// Shows the parts of a [`crate::FieldKind::Stream`] field that are to be looked at now, until
    /// `visit` says that it is enough. Bytes before them have been inspected and given back.
    fn body(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(View<'_>) -> bool) {}

    /// Files carried by the side `dir`, in order of appearance.
    fn files(&self, _dir: Direction) -> &[File] {
        &[]
    }

    /// The same files, for whoever marks them (stored, matched by which rules).
    fn files_mut(&mut self, _dir: Direction) -> &mut [File] {
        &mut []
    }

    /// Detection has run over what the side `dir` has so far: inspection windows may slide.
    fn inspected(&mut self, _dir: Direction) {}

    /// The transaction's own EVE record can be written now.
    fn ready_to_log(&self) -> bool {
        self.is_complete(Direction::ToServer) && self.is_complete(Direction::ToClient)
    }

    /// Transactions of another protocol inside this one, to be logged on their own: DNS in
    /// HTTP/2.
    fn carried(&self) -> Vec<&dyn Transaction> {
        Vec::new()
    }

    /// EVE's `event_type` of that record; `None` where there is none to write.
    fn event_type(&self) -> Option<&'static str>;

    /// Writes the protocol's EVE object(s), such as `"http": {…}`, into `out`.
    fn log(&self, out: &mut Map<String, Value>);

    /// Adds what the transaction tells of the service that is reached.
    fn tell(&self, _told: &mut Told) {}

    /// Numbers of the side's payload are little-endian (DCE/RPC says so in its header).
    fn little_endian(&self, _dir: Direction) -> bool {
        false
    }

    /// The same as part of an alert, where the field writes it differently.
    fn log_in_alert(&self, out: &mut Map<String, Value>) {
        self.log(out);
    }
}
