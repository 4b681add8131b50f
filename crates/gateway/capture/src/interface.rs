//! What the kernel says about a network interface, read from `/sys/class/net`.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest name the kernel allows.
pub const MAX_NAME_BYTES: usize = 15;

#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    #[error("`{0}` is no interface name")]
    Name(String),
    #[error("there is no interface `{0}`; `ip link` lists those of this machine")]
    Missing(String),
    #[error("interface `{name}`: `{what}` cannot be read")]
    Unreadable { name: String, what: &'static str },
}

/// State of an interface at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub index: i32,
    pub mtu: u32,
    pub mac: [u8; 6],
    /// Has a carrier and is switched on.
    pub up: bool,
}

impl Interface {
    pub fn read(name: &str) -> Result<Self, InterfaceError> {
        let dir = folder(name)?;
        if !dir.exists() {
            return Err(InterfaceError::Missing(name.to_owned()));
        }
        let unreadable = |what| InterfaceError::Unreadable { name: name.to_owned(), what };
        let number = |what| read(&dir, what).and_then(|t| t.parse().ok());
        let mac = read(&dir, "address").and_then(|t| parse_mac(&t));
        Ok(Interface {
            name: name.to_owned(),
            index: number("ifindex").ok_or(unreadable("ifindex"))?,
            mtu: number("mtu").and_then(|n| u32::try_from(n).ok()).ok_or(unreadable("mtu"))?,
            mac: mac.ok_or(unreadable("address"))?,
            up: is_up(&dir),
        })
    }

    /// Only whether the link is up: read often.
    #[must_use]
    pub fn link_is_up(name: &str) -> bool {
        folder(name).is_ok_and(|dir| is_up(&dir))
    }
}

fn folder(name: &str) -> Result<PathBuf, InterfaceError> {
    let fine = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
        && !name.starts_with('.');
    if !fine {
        return Err(InterfaceError::Name(name.to_owned()));
    }
    Ok(Path::new("/sys/class/net").join(name))
}

fn read(dir: &Path, what: &str) -> Option<String> {
    fs::read_to_string(dir.join(what)).ok().map(|t| t.trim().to_owned())
}

/// `carrier` cannot be read while the interface is switched off.
fn is_up(dir: &Path) -> bool {
    read(dir, "carrier").is_some_and(|c| c == "1")
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0u8; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there_and_strange_names_are_refused() {
        assert_eq!(Interface::read("lo").unwrap().mac, [0; 6]);
        assert!(matches!(Interface::read("no-such-port"), Err(InterfaceError::Missing(_))));
        for bad in ["", "../lo", "a/b", "a name", "sixteen-letters-"] {
            assert!(matches!(Interface::read(bad), Err(InterfaceError::Name(_))), "{bad}");
        }
    }
}
