//! Vocabulary that every crate shares: time, zones, directions, typed ids.
//!
//! Holds always: no I/O except in [`clock`] and [`rng`], the only places of the workspace
//! that read the ambient clock and randomness. Deliberately not here: anything that knows
//! packets, rules, customers or databases.

pub mod clock;
pub mod direction;
pub mod id;
pub mod rng;
pub mod time;
pub mod turn;
pub mod zone;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use direction::Direction;
pub use rng::{Rng, SeededRng, SystemRng};
pub use time::Timestamp;
pub use turn::{Place, Turn};
pub use zone::Zone;
