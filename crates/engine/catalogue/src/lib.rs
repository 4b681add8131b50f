//! Which application and which kind of web site a flow belongs to (GW-04).
//!
//! Responsible for reading the application catalogue and the web categories, and for looking
//! flows up in them. Holds always: a look-up never fails and takes a bounded number of steps; a
//! name belongs to the most specific entry that covers it; a bad line is named and left out, the
//! others stay. Deliberately not here: what is done with the answer (recording, never blocking),
//! where the files come from.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod apps;
mod category;
mod lines;
mod lookup;
mod name;
mod signature;

pub use apps::{App, AppId, Catalogue, Kind, build_applications};
pub use category::{Categories, CategoriesBuilder, Category};
pub use lines::BadLine;
pub use lookup::{Evidence, Facts, Found};
pub use name::MAX_LABELS;
pub use signature::HEAD_BYTES;
