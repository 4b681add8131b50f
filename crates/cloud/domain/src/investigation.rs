//! What an analyst does about an alert under investigation (RT-04).
//!
//! Holds always: notes and assignment are the operation's own and never reach the customer; the
//! finding is written for the customer and sets the rating once. Deliberately not here: the
//! alert's life (`alert`), the mail about the finding (`notify`).

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::Actor;
use crate::rating::StarRating;
use crate::text::Line;

/// Most notes that one investigation keeps; the oldest go first.
pub const NOTES_MAX: usize = 100;
/// Most lines of a finding's report.
pub const REPORT_LINES_MAX: usize = 30;

/// The analyst's own record of one alert.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Investigation {
    pub assigned: Option<Actor>,
    pub notes: Vec<Note>,
    /// Grows with every change; guards every update. 0: not stored yet.
    pub version: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    pub at: Timestamp,
    pub by: Actor,
    pub text: Line,
}

/// The result, as the customer reads it (調査結果報告).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    pub at: Timestamp,
    pub by: Actor,
    pub verdict: Verdict,
    /// What was found, line by line.
    pub report: Vec<Line>,
}

/// What the investigation came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to worry about; the alert is closed.
    Harmless,
    Rated(StarRating),
}

impl Investigation {
    #[must_use]
    pub fn noted(mut self, note: Note) -> Self {
        if self.notes.len() >= NOTES_MAX {
            self.notes.remove(0);
        }
        self.notes.push(note);
        self
    }
}

/// The lines of a text area, without empty ends and within the cap.
#[must_use]
pub fn lines_of(text: &str) -> Vec<Line> {
    let lines: Vec<Line> =
        text.trim().lines().take(REPORT_LINES_MAX).map(|l| Line::clip(l.trim_end())).collect();
    lines
}
