//! Paper: monthly reports and manuals as PDF, manuals as HTML.
//!
//! Holds always: a function of its input alone (no clock, no I/O); the Japanese font is embedded
//! and the text can be selected and searched; what does not fit is wrapped or cut, never drawn
//! over the edge. Deliberately not here: what a report says (`domain::monthly`), where papers
//! are kept.

mod font;
pub mod manual;
mod markdown;
pub mod monthly;
mod sheet;
mod wrap;

pub use manual::{MANUALS, Manual};

/// Why a paper could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    #[error("the embedded font cannot be read")]
    Font,
    #[error("the PDF cannot be written: {0}")]
    Pdf(String),
}
