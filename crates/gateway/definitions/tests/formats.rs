//! A file of each format that lists are published in: what of it is taken, and which lines are
//! named as unusable.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use mimamori_base::{SeededRng, Timestamp};
use mimamori_definitions::build::{Format, List, SetBuilder};
use mimamori_definitions::{FileHashes, NewPart, PartKind};
use mimamori_reputation::host::Host;
use mimamori_reputation::{Kind, Reputation, Seen, Shared, Table};

/// 2026-11-25.
const NOW: Timestamp = Timestamp(1_795_570_800_000_000);

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A list read into a set of its own.
struct Read {
    parts: Vec<NewPart>,
    /// `line: reason`.
    bad: Vec<String>,
    taken: u64,
}

fn read(format: &str, file: &str) -> Read {
    let bytes = fs::read(data(file)).unwrap();
    let mut builder = SetBuilder::new(&SeededRng::new(1), NOW);
    let format = Format::parse(format).unwrap();
    let list = List { name: file, format, kind: Kind::Malware, family: "shopping" };
    builder.add(&bytes, &list, &mut |_| {});
    let bad: Vec<String> = builder.problems().iter().map(|p| format!("{}: {}", p.line, p.reason)).collect();
    assert!(builder.problems().iter().all(|p| p.source == file && p.to_string().starts_with(file)));
    let taken = builder.sources().iter().map(|s| s.taken).sum();
    Read { parts: builder.finish().0, bad, taken }
}

impl Read {
    fn part(&self, kind: PartKind) -> &[u8] {
        self.parts.iter().find(|p| p.kind == kind).map_or(&[], |p| &p.bytes)
    }

    fn names(&self) -> Reputation {
        let bytes: Shared = std::sync::Arc::new(self.part(PartKind::Names).to_vec());
        Reputation::of_tables([bytes]).unwrap()
    }

    /// Each bad line by number and words of the reason, and no other one.
    fn assert_bad(&self, expected: &[(usize, &str)]) {
        let fits = |(said, (line, words)): (&String, &(usize, &str))| {
            said.starts_with(&format!("{line}: ")) && said.contains(words)
        };
        let right = self.bad.len() == expected.len() && self.bad.iter().zip(expected).all(fits);
        assert!(right, "{:#?}\nexpected {expected:#?}", self.bad);
    }
}

/// How a name as a TLS or DNS client shows it is listed: `kind family`, or `-`.
fn host(names: &Reputation, name: &str) -> String {
    names.host(name.as_bytes(), None).map_or("-".into(), |l| format!("{} {}", l.kind.name(), l.family))
}

fn address(names: &Reputation, ip: &str, port: u16) -> String {
    let ip: IpAddr = ip.parse().unwrap();
    names.address(ip, Some(port)).map_or("-".into(), |l| format!("{} {}", l.kind.name(), l.family))
}

fn request(names: &Reputation, name: &str, target: &str) -> String {
    let listed = names.request(name.as_bytes(), None, target.as_bytes());
    listed.map_or("-".into(), |l| format!("{} {}", l.kind.name(), l.family))
}

#[test]
fn hosts_files() {
    let list = read("hosts", "hosts.txt");
    list.assert_bad(&[(11, "is no address"), (12, "bad_name!"), (13, "without a name")]);
    let names = list.names();
    for name in ["ads.warui.example", "one.warui.example", "two.warui.example", "xn--wgv71a119e.example"] {
        assert_eq!(host(&names, name), "malware shopping", "{name}");
    }
    for name in ["www.ads.warui.example", "warui.example", "localhost"] {
        assert_eq!(host(&names, name), "-", "a hosts file lists names exactly: {name}");
    }
}

#[test]
fn plain_lists() {
    let list = read("plain", "plain.txt");
    list.assert_bad(&[(11, "no"), (12, "public suffix"), (13, "example")]);
    let names = list.names();
    for name in ["bom.warui.example", "adblock.warui.example", "a.star.warui.example", "a.shuuten.example"] {
        assert_eq!(host(&names, name), "malware shopping", "{name}");
    }
    assert_eq!(address(&names, "192.0.2.7", 80), "malware shopping");
    assert_eq!(address(&names, "198.51.100.200", 80), "malware shopping");
    assert_eq!(address(&names, "2001:db8:5::1", 443), "malware shopping");
    assert_eq!(address(&names, "198.51.101.1", 80), "-");
}

#[test]
fn urlhaus() {
    let list = read("urlhaus", "urlhaus.csv");
    list.assert_bad(&[(9, "no column holds a URL"), (10, "quote")]);
    let names = list.names();
    assert_eq!(request(&names, "dl.warui.example", "/a,b/\"x\".exe"), "malware RedLineStealer");
    assert_eq!(host(&names, "dl.warui.example"), "malware RedLineStealer", "where the path is hidden");
    assert_eq!(request(&names, "github.com", "/mallory/x/raw/main/a.exe"), "malware ");
    assert_eq!(request(&names, "github.com", "/"), "-");
    assert_eq!(host(&names, "github.com"), "-", "a host that everybody shares");
    assert_eq!(list.taken, 3);
}

#[test]
fn misp_events() {
    let list = read("misp", "misp.json");
    list.assert_bad(&[(7, "not a name"), (8, "SHA-256")]);
    let names = list.names();
    assert_eq!(host(&names, "c2.warui.example"), "c2 QakBot");
    assert_eq!(request(&names, "nise.warui.example", "/login"), "phishing QakBot");
    assert_eq!(address(&names, "192.0.2.44", 8443), "malware QakBot");
    assert_eq!(address(&names, "192.0.2.44", 443), "-");
    assert_eq!(host(&names, "both.warui.example"), "malware QakBot");
    assert_eq!(address(&names, "192.0.2.45", 1), "malware QakBot");
    assert_eq!(host(&names, "seen.only.example"), "-", "not meant for detection");
    let hashes = FileHashes::open(list.part(PartKind::FileHashes)).unwrap();
    assert_eq!(hashes.sha256(&[0xaa; 32]).map(|h| h.name), Some("QakBot"));
}

#[test]
fn stix_bundles() {
    let list = read("stix", "stix.json");
    list.assert_bad(&[(9, "several observations"), (10, "another language"), (11, "without quotes")]);
    let names = list.names();
    assert_eq!(host(&names, "stix.warui.example"), "malware Emotet");
    assert_eq!(host(&names, "stix2.warui.example"), "malware Emotet");
    assert_eq!(request(&names, "stix3.warui.example", "/login?a='b'"), "phishing shopping");
    assert_eq!(address(&names, "192.0.2.61", 1), "malware shopping");
    assert_eq!(address(&names, "192.0.2.62", 1), "malware shopping");
    assert_eq!(address(&names, "192.0.2.63", 1), "malware shopping");
    assert_eq!(address(&names, "198.51.100.100", 1), "c2 shopping");
    assert_eq!((host(&names, "revoked.example"), host(&names, "over.example")), ("-".into(), "-".into()));
    let hashes = FileHashes::open(list.part(PartKind::FileHashes)).unwrap();
    assert!(hashes.sha256(&[0xbb; 32]).is_some());
}

#[test]
fn maltrail_trails() {
    let list = read("maltrail", "maltrail.txt");
    list.assert_bad(&[(7, "/gate.php")]);
    let names = list.names();
    assert_eq!(host(&names, "a.mal.warui.example"), "malware shopping");
    assert_eq!(address(&names, "192.0.2.71", 4444), "c2 shopping");
    assert_eq!(address(&names, "192.0.2.71", 80), "-");
    assert_eq!(address(&names, "192.0.2.72", 80), "c2 shopping");
    assert_eq!(request(&names, "mal2.warui.example", "/panel/x"), "malware lokibot");
}

#[test]
fn ut1_folders() {
    let domains = read("ut1", "ut1/shopping/domains");
    domains.assert_bad(&[(4, "shop of.example")]);
    let urls = read("ut1", "ut1/shopping/urls");
    urls.assert_bad(&[]);
    let table = Table::open(domains.part(PartKind::Categories)).unwrap();
    let category = |name: &str| {
        let id = table.host(&Host::parse(name.as_bytes()).unwrap(), None, Seen::NameOnly);
        id.map(|id| table.value(id).to_owned())
    };
    assert_eq!(category("www.kaimono.example").as_deref(), Some("shopping"));
    assert_eq!(category("xn--t8jz70l.example").as_deref(), Some("shopping"));
    assert_eq!(category("hoka.example"), None);
    assert_eq!((domains.taken, urls.taken), (3, 2));
}

#[test]
fn hash_lists() {
    let list = read("hashes", "hashes.txt");
    list.assert_bad(&[(5, "not an MD5")]);
    let hashes = FileHashes::open(list.part(PartKind::FileHashes)).unwrap();
    assert_eq!(hashes.sha256(&[0xcc; 32]).map(|h| h.name), Some("dropper.bin"));
    assert_eq!(hashes.md5(&[0xdd; 16]).map(|h| h.name), Some("Win.Test.Signature"));
    assert!(hashes.sha1(&[0xee; 20]).is_some());
}

#[test]
fn our_own_format() {
    let list = read("mimamori", "mimamori.tsv");
    list.assert_bad(&[(4, "expected NAME"), (5, "one of phishing")]);
    let names = list.names();
    assert_eq!(host(&names, "www.mimi.warui.example"), "phishing Bank");
    assert_eq!(request(&names, "mimi2.warui.example", "/a"), "malware ");
}

/// A file of one format given as another costs its lines, named, and nothing else.
#[test]
fn a_file_of_the_wrong_format_is_refused_line_by_line_and_never_panics() {
    let files = [
        "hosts.txt",
        "plain.txt",
        "urlhaus.csv",
        "misp.json",
        "stix.json",
        "maltrail.txt",
        "ut1/shopping/domains",
        "ut1/shopping/urls",
        "hashes.txt",
        "mimamori.tsv",
    ];
    for (format, _) in Format::ALL {
        for file in files {
            let list = read(format, file);
            let json = matches!(format, "misp" | "stix");
            assert!(!json || file.ends_with("json") || !list.bad.is_empty(), "{format} {file}");
        }
    }
}
