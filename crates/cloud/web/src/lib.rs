//! The portal: Japanese pages for customers and the desk, rendered on the server.
//!
//! Holds always: every page works without JavaScript; nothing is inline but SVG, so that the
//! content security policy needs no exception; what a page may show is decided by `service`,
//! never here. Deliberately not here: sockets and TLS (the program), mail (`notify`).

pub mod api;
pub mod assets;
mod cookie;
mod csv;
mod error;
mod guard;
mod headers;
pub mod icon;
mod pages;
mod portal;
mod query;
pub mod routes;
mod upload;
pub mod view;

pub use headers::content_security_policy;
pub use icon::icon;
pub use portal::{Mailbox, Options, Portal, ReceivedMail};
pub use routes::router;
