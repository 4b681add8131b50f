//! Static files, compiled into the program, under addresses that change with their content.
//!
//! Holds always: an address names its content, so it may be cached for a year. Deliberately
//! not here: anything that depends on who asks.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

/// One file as it is served.
#[derive(Debug)]
pub struct Asset {
    pub name: &'static str,
    pub content_type: &'static str,
    pub body: &'static [u8],
}

const FIRST: &str =
    concat!(include_str!("../assets/css/1-tokens.css"), include_str!("../assets/css/2-base.css"));
const CSS: &str = concat!(
    include_str!("../assets/css/1-tokens.css"),
    include_str!("../assets/css/2-base.css"),
    include_str!("../assets/css/3-parts.css"),
    include_str!("../assets/css/4-forms-tables.css"),
    include_str!("../assets/css/5-papers.css"),
);

pub const ALL: &[Asset] = &[
    Asset { name: "app.css", content_type: "text/css; charset=utf-8", body: CSS.as_bytes() },
    Asset {
        name: "app.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_bytes!("../assets/app.js"),
    },
    Asset {
        name: "passkey.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_bytes!("../assets/passkey.js"),
    },
    Asset {
        name: "favicon.svg",
        content_type: "image/svg+xml",
        body: include_bytes!("../assets/favicon.svg"),
    },
];

/// The address of the file called `name`, or of nothing if there is none.
pub fn url(name: &str) -> &'static str {
    addresses()
        .iter()
        .zip(ALL)
        .find_map(|(address, asset)| (asset.name == name).then_some(address.as_str()))
        .unwrap_or("/assets/")
}

/// The file at `/assets/{path}`.
pub fn find(path: &str) -> Option<&'static Asset> {
    addresses()
        .iter()
        .zip(ALL)
        .find_map(|(address, asset)| (address.strip_prefix("/assets/") == Some(path)).then_some(asset))
}

/// The rules that make the first page readable before anything else has come. They stand in the
/// page itself, and the security policy names them by their digest ([`first_style_digest`]).
pub fn first_style() -> &'static str {
    static STYLE: OnceLock<String> = OnceLock::new();
    STYLE.get_or_init(|| without_comments(FIRST))
}

/// SHA-256 of [`first_style`] in base64.
pub fn first_style_digest() -> String {
    BASE64.encode(Sha256::digest(first_style()))
}

/// Without comments and indentation. Our own rules have neither in strings.
fn without_comments(css: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(css.len()), css);
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn addresses() -> &'static [String] {
    static ADDRESSES: OnceLock<Vec<String>> = OnceLock::new();
    ADDRESSES.get_or_init(|| {
        ALL.iter().map(|asset| format!("/assets/{:016x}-{}", fnv1a(asset.body), asset.name)).collect()
    })
}

/// FNV-1a: tells versions of our own files apart; nothing rests on it being hard to forge.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_style_is_the_sheets_begin_and_cannot_end_its_element() {
        assert!(first_style().contains("--"), "{}", first_style());
        assert!(!first_style().contains('<') && !first_style().contains("/*"));
        assert_eq!(without_comments("a{}/* x */\n\n  b{\n /*y*/ }"), "a{}\nb{\n}");
        assert_eq!(first_style_digest().len(), 44);
    }

    #[test]
    fn every_asset_is_found_at_its_address() {
        for asset in ALL {
            let path = url(asset.name).strip_prefix("/assets/").expect("below /assets/");
            assert_eq!(find(path).map(|a| a.name), Some(asset.name));
        }
        assert!(find("app.css").is_none(), "an address without its hash would be cached for ever");
    }
}
