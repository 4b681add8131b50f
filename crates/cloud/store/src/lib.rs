//! The cloud's database: one trait, SQLite and PostgreSQL behind it, one suite run on both.
//!
//! Holds always: every query takes a [`Scope`]; every method is one transaction; a method that
//! answered `Ok` has its data on disk (SQLite `synchronous=FULL`, PostgreSQL `synchronous_commit`
//! as the server has it, checked at start); state, notices and cursor commit together.
//! Deliberately not here: who may do what (`service`), how alerts are judged (`domain`).
//!
//! The files under `sql/` are compiled twice, once for each database (`#[path]` in `sqlite` and
//! `postgres`): the SQL is the same, and the few differences are constants of `dialect`.

#![expect(clippy::duplicate_mod, reason = "sql/ is compiled once for each database")]

pub mod access;
pub mod api;
pub mod compare;
pub mod desk;
pub mod error;
pub mod generate;
pub mod integrations;
mod needle;
mod packed;
pub mod passkeys;
pub mod postgres;
pub mod ratings;
pub mod scope;
pub mod sms;
pub mod sqlite;
pub mod views;

pub use access::AccessStore;
pub use api::Store;
pub use compare::CompareStore;
pub use desk::DeskStore;
pub use error::{Result, StoreError};
pub use generate::GenerateStore;
pub use integrations::IntegrationStore;
pub use passkeys::PasskeyStore;
pub use postgres::PostgresStore;
pub use ratings::RatingStore;
pub use scope::Scope;
pub use sms::SmsStore;
pub use sqlite::{SqliteOptions, SqliteStore};
