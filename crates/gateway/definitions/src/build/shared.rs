//! Names that belong to everybody: public suffixes and hosts where anyone may put a page.

use mimamori_reputation::Indicator;
use mimamori_reputation::host::Name;

/// Hosts where one harmful URL says nothing about the others. Their sub-domains count as well
/// where the host itself gives pages to strangers; from public knowledge.
const SHARED: &[&str] = &[
    "4shared.com",
    "amazon.co.jp",
    "amazon.com",
    "archive.org",
    "baidu.com",
    "bing.com",
    "bit.ly",
    "bitbucket.org",
    "box.com",
    "cdn.discordapp.com",
    "codeberg.org",
    "discord.com",
    "discordapp.com",
    "discordapp.net",
    "dl.dropboxusercontent.com",
    "docs.google.com",
    "dropbox.com",
    "drive.google.com",
    "dropboxusercontent.com",
    "facebook.com",
    "files.catbox.moe",
    "firebasestorage.googleapis.com",
    "gigafile.nu",
    "gist.github.com",
    "gist.githubusercontent.com",
    "github.com",
    "githubusercontent.com",
    "gitlab.com",
    "google.co.jp",
    "google.com",
    "googleapis.com",
    "googleusercontent.com",
    "gofile.io",
    "ipfs.io",
    "line.me",
    "live.com",
    "mediafire.com",
    "mega.nz",
    "microsoft.com",
    "note.com",
    "objects.githubusercontent.com",
    "office.com",
    "onedrive.live.com",
    "pastebin.com",
    "paste.ee",
    "raw.githubusercontent.com",
    "sharepoint.com",
    "slack.com",
    "slack-files.com",
    "sourceforge.net",
    "storage.googleapis.com",
    "t.co",
    "t.me",
    "telegra.ph",
    "telegram.org",
    "tinyurl.com",
    "transfer.sh",
    "twitter.com",
    "web.archive.org",
    "wikipedia.org",
    "x.com",
    "yahoo.co.jp",
    "yahoo.com",
    "youtube.com",
];

/// What of an entry may be listed. A public suffix that people can rent names under ("github.io")
/// counts for itself only; one of a registry ("co.jp") cannot be listed at all.
pub(super) fn narrowed(indicator: Indicator) -> Result<Indicator, String> {
    let Indicator::Domain { name, subdomains, port } = indicator else { return Ok(indicator) };
    match public_suffix(&name) {
        Some(psl::Type::Icann) => {
            Err(format!("{} is a public suffix: it would cover everybody's names", name.as_str()))
        }
        Some(psl::Type::Private) => Ok(Indicator::Domain { name, subdomains: false, port }),
        None if subdomains && SHARED.contains(&name.as_str()) => {
            Err(format!("{} is used by everybody: only its URLs can be listed", name.as_str()))
        }
        None => Ok(Indicator::Domain { name, subdomains, port }),
    }
}

/// Whether a harmful URL there says nothing about the host.
pub(super) fn is_shared(name: &Name) -> bool {
    let name = name.as_str();
    let under =
        |shared: &&str| name.strip_suffix(shared).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    SHARED.iter().any(under)
}

fn public_suffix(name: &Name) -> Option<psl::Type> {
    let suffix = psl::suffix(name.as_bytes())?;
    (suffix.as_bytes() == name.as_bytes()).then(|| suffix.typ())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrow(text: &str) -> Result<Indicator, String> {
        narrowed(Indicator::parse(text).unwrap())
    }

    #[test]
    fn a_public_suffix_blocks_no_whole_domain() {
        assert!(narrow("co.jp").is_err());
        assert!(narrow("com.br").is_err());
        assert!(matches!(narrow("github.io"), Ok(Indicator::Domain { subdomains: false, .. })));
        assert!(matches!(narrow("evil.github.io"), Ok(Indicator::Domain { subdomains: true, .. })));
        assert!(matches!(narrow("evil.example"), Ok(Indicator::Domain { subdomains: true, .. })));
        assert!(narrow("github.com").is_err());
        assert!(narrow("http://github.com/evil/x.exe").is_ok());
    }

    #[test]
    fn shared_hosts() {
        let shared = |text: &str| match Indicator::parse(text) {
            Ok(Indicator::Domain { name, .. }) => is_shared(&name),
            _ => false,
        };
        assert!(shared("raw.githubusercontent.com"));
        assert!(shared("mallory.sharepoint.com"));
        assert!(!shared("notgithub.com"));
    }
}
