//! Judging files.
