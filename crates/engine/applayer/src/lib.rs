//! Application-layer protocols: bytes in, transactions out.
//!
//! Responsible for telling which protocol a flow speaks, parsing it, and offering what was
//! parsed as [`Field`]s of [`Transaction`]s. Holds always: no parser panics or grows without
//! bound on any input; hostile bytes are data and become events, never errors; the same bytes
//! cut into any segments give the same transactions. Deliberately not here: packets, rules,
//! clocks (time is an argument), files on disk.

pub mod event;
pub mod field;
pub mod proto;
pub mod session;
pub mod transaction;

pub use event::AppEvent;
pub use field::{Field, FieldInfo, FieldKind};
pub use proto::AppProto;
pub use session::{Input, Session};
pub use transaction::{Body, Transaction};
