//! The portal: Japanese pages for customers and the desk, rendered on the server.
//!
//! Holds always: every page works without JavaScript; nothing is inline but SVG, so that the
//! content security policy needs no exception; what a page may show is decided by `service`,
//! never here. Deliberately not here: sockets and TLS (the program), mail (`notify`).

pub mod assets;
pub mod icon;
pub mod view;

pub use icon::icon;
