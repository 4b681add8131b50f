//! What a protocol's parser is to the session.
//!
//! Responsible for the trait that every protocol folder implements. Holds always: a parser keeps
//! its own incomplete input, bounded, and never looks at packets or rules.

use mimamori_base::{Direction, Timestamp};

use crate::event::AppEvent;
use crate::proto::AppProto;
use crate::session::Input;
use crate::transaction::Transaction;

/// What a parser says after it has taken input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Outcome {
    /// Go on.
    #[default]
    Continue,
    /// The stream can no longer be parsed; both sides stop, what was parsed stays.
    Failed,
    /// From here the flow is encrypted or opaque: no further byte is wanted. See [`crate::Hints`].
    Opaque,
    /// The flow speaks another protocol from `consumed` bytes of this input on.
    Change {
        /// The protocol if it is certain; otherwise its bytes tell.
        to: Option<AppProto>,
        /// How the session names the surprise when the bytes tell another protocol.
        expect: Option<AppProto>,
        consumed: usize,
    },
}

/// Another flow that this one announced: an FTP data connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    pub proto: AppProto,
    /// Which side listens on `port`: the data flow's server.
    pub listener: Direction,
    pub port: u16,
    /// What the data flow's parser is told, such as the FTP command and file name.
    pub context: ExpectationContext,
}

/// What an expected flow's parser must know from its parent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExpectationContext {
    /// `RETR`, `STOR`, `LIST`…
    pub command: String,
    pub file_name: Vec<u8>,
    /// The way the file travels, seen from the client of the *control* flow.
    pub upload: bool,
}

/// A protocol's parser for one flow.
pub trait Parser: Send + std::fmt::Debug {
    /// Takes the next input of one side. Never called for a side after [`Input::End`].
    fn feed(&mut self, dir: Direction, input: Input<'_>, now: Timestamp) -> Outcome;

    /// How many transactions are alive.
    fn tx_count(&self) -> usize;

    /// The `index`-th live transaction, oldest first.
    fn tx(&self, index: usize) -> Option<&dyn Transaction>;

    /// The same, to be marked or slid forward.
    fn tx_mut(&mut self, index: usize) -> Option<&mut dyn Transaction>;

    /// Forgets a transaction. Unknown ids are ignored.
    fn retire(&mut self, id: u64);

    /// Data flows announced since the last call.
    fn take_expectations(&mut self) -> Vec<Expectation> {
        Vec::new()
    }

    /// Bytes of the side `dir` that this parser held back because the protocol was about to
    /// change; they are the first bytes of the new one.
    fn take_held(&mut self, _dir: Direction) -> Vec<u8> {
        Vec::new()
    }

    /// The parser that goes on after [`Outcome::Change`] to `to`, where this one has something
    /// to hand over.
    fn successor(&mut self, _to: AppProto) -> Option<Box<dyn Parser>> {
        None
    }

    /// The narrower protocol that this flow has turned out to speak, such as DNS in HTTP/2. The
    /// parser and its transactions stay.
    fn refined(&self) -> Option<AppProto> {
        None
    }

    /// Anomalies of the flow as a whole, oldest first.
    fn flow_events(&self) -> &[AppEvent] {
        &[]
    }

    /// The payload of this flow need not be searched by raw rules from here on.
    fn no_raw_inspection(&self) -> bool {
        false
    }

    /// Everything after this may pass without being looked at (setting `bypass`).
    fn bypass(&self) -> bool {
        false
    }
}

/// The transaction methods of [`Parser`] for one that keeps them in the [`crate::TxList`] of
/// that field name.
macro_rules! transactions_in {
    ($field:ident) => {
        fn tx_count(&self) -> usize {
            self.$field.len()
        }

        fn tx(&self, index: usize) -> Option<&dyn $crate::transaction::Transaction> {
            self.$field.dyn_get(index)
        }

        fn tx_mut(&mut self, index: usize) -> Option<&mut dyn $crate::transaction::Transaction> {
            self.$field.dyn_get_mut(index)
        }

        fn retire(&mut self, id: u64) {
            self.$field.retire(id);
        }
    };
}

pub(crate) use transactions_in;
