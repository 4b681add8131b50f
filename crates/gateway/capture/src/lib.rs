//! Frames in and out: capture files, and the AF_PACKET bridge between the zones' ports.
//!
//! Responsible for reading and writing captures ([`CaptureReader`], [`PcapWriter`]) and for
//! moving frames between network interfaces ([`bridge`]). The only crate with `unsafe`: the
//! packet rings of the kernel, each use with its SAFETY note. Deliberately not here: what a
//! frame means and whether it may pass; that is the caller's verdict.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod bridge;
mod checksum;
mod file;
mod held;
mod interface;
mod mac_table;
mod pcap;
mod pcapng;
mod socket;
mod writer;

pub use bridge::{
    Bridge, BridgeError, Counters, Injections, Inspector, Passage, PortConfig, PortId, Release, Towards,
    Verdict,
};
pub use file::{CaptureError, CaptureReader, Frame, link_type};
pub use interface::{Interface, InterfaceError};
pub use writer::PcapWriter;
