//! Sets on disk: what is refused, and that a crash at any point leaves a usable set.

use std::fs;
use std::path::Path;

use mimamori_base::{SeededRng, Timestamp};
use mimamori_definitions::build::{Format, List, SetBuilder};
use mimamori_definitions::{
    DefinitionSet, InstallError, OpenError, PartKind, SetStore, SetWriter, SigningKey,
};
use mimamori_reputation::Kind;

fn key() -> SigningKey {
    SigningKey::from_seed([3; 32]).unwrap()
}

fn write(path: &Path, version: u64, channel: &str, key: &SigningKey) {
    let mut builder = SetBuilder::new(&SeededRng::new(version), Timestamp::EPOCH);
    let list = List { name: "n", format: Format::Mimamori, kind: Kind::Malware, family: "" };
    builder.add(b"evil.example\tphishing\tBank\nbad line\n", &list, &mut |_| {});
    let rules = List { name: "r", format: Format::Rules, kind: Kind::Malware, family: "" };
    builder.add(b"alert tcp any any -> any any (msg:\"x\"; sid:1;)\nalert nonsense\n", &rules, &mut |_| {});
    let hashes = List { name: "h", format: Format::Hashes, kind: Kind::Malware, family: "EICAR" };
    builder.add(b"44d88612fea8a8f36de82e1278abb02f\n", &hashes, &mut |_| {});
    assert_eq!(builder.refused(), 2, "{:?}", builder.problems());
    assert_eq!((builder.problems()[0].line, builder.problems()[1].line), (2, 2));
    let (parts, sources) = builder.finish();
    let set = SetWriter { channel: channel.into(), version, created: Timestamp::EPOCH, parts, sources };
    set.write(path, key).unwrap();
}

#[test]
fn what_was_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mds");
    write(&path, 7, "test", &key());
    let set = DefinitionSet::open(&path, &[key().verifying()]).unwrap();
    assert_eq!(set.manifest().label(), "test-7");
    assert_eq!(set.manifest().sources.len(), 3);
    let table = mimamori_reputation::Table::open(set.part(PartKind::Names).unwrap()).unwrap();
    assert_eq!(table.len(), 1);
    let hashes = mimamori_definitions::FileHashes::open(set.part(PartKind::FileHashes).unwrap()).unwrap();
    assert_eq!(hashes.len(), 1);
    assert!(set.part(PartKind::Rules).is_some() && set.part(PartKind::Categories).is_none());
}

#[test]
fn no_changed_or_missing_byte_goes_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mds");
    write(&path, 7, "test", &key());
    let good = fs::read(&path).unwrap();
    let set = DefinitionSet::open(&path, &[key().verifying()]).unwrap();
    let parts: Vec<_> = set.manifest().parts.iter().map(|p| p.offset..p.offset + p.length).collect();
    let head_end = u64::from(u32::from_le_bytes(good[12..16].try_into().unwrap())) + 80;
    let bad = dir.path().join("b.mds");
    for at in (0..good.len()).step_by(61).chain(0..80) {
        let matters = (at as u64) < head_end || parts.iter().any(|p| p.contains(&(at as u64)));
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&bad, &bytes).unwrap();
        assert_eq!(DefinitionSet::open(&bad, &[key().verifying()]).is_err(), matters, "byte {at}");
    }
    for end in (0..good.len()).step_by(97) {
        fs::write(&bad, &good[..end]).unwrap();
        assert!(DefinitionSet::open(&bad, &[key().verifying()]).is_err(), "cut at {end}");
    }
    let other = SigningKey::from_seed([4; 32]).unwrap();
    let by_other = DefinitionSet::open(&path, &[other.verifying()]);
    assert!(matches!(by_other, Err(OpenError::Signature { .. })));
    assert!(DefinitionSet::open(&path, &[other.verifying(), key().verifying()]).is_ok(), "keys may change");
}

fn install(store: &SetStore, path: &Path) -> Result<Option<String>, InstallError> {
    let current = store.last_good().set;
    let Some(candidate) = store.examine(path, current.as_ref().map(DefinitionSet::manifest))? else {
        return Ok(None);
    };
    store.keep(candidate).map(|set| Some(set.manifest().label()))
}

#[test]
fn old_foreign_and_bad_sets_are_refused_and_the_last_good_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = SetStore::open(&dir.path().join("kept"), vec![key().verifying()]).unwrap();
    let offer = dir.path().join("offer.mds");
    assert!(store.last_good().set.is_none());
    write(&offer, 5, "test", &key());
    assert_eq!(install(&store, &offer).unwrap().as_deref(), Some("test-5"));
    assert_eq!(install(&store, &offer).unwrap(), None, "the same set again is nothing new");
    write(&offer, 4, "test", &key());
    assert!(matches!(install(&store, &offer), Err(InstallError::Old { .. })));
    write(&offer, 9, "other", &key());
    assert!(matches!(install(&store, &offer), Err(InstallError::OtherChannel { .. })));
    write(&offer, 9, "test", &SigningKey::from_seed([4; 32]).unwrap());
    let refused = install(&store, &offer).unwrap_err();
    assert!(refused.to_string().contains("offer.mds") && refused.to_string().contains("署名"), "{refused}");
    fs::write(&offer, b"not a set").unwrap();
    assert!(install(&store, &offer).is_err());
    assert_eq!(store.last_good().set.unwrap().manifest().version, 5);
    write(&offer, 6, "test", &key());
    assert_eq!(install(&store, &offer).unwrap().as_deref(), Some("test-6"));
    // The current one rots: the one before stands in, and it is told.
    fs::write(dir.path().join("kept/current.mds"), b"rot").unwrap();
    let kept = store.last_good();
    assert_eq!((kept.set.unwrap().manifest().version, kept.damaged.len()), (5, 1));
}

/// The steps of a replacement, each as the state in which a power cut could leave the folder.
#[test]
fn a_power_cut_at_any_point_leaves_a_good_set() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old.mds"), dir.path().join("new.mds"));
    write(&old, 1, "test", &key());
    write(&new, 2, "test", &key());
    let new_bytes = fs::read(&new).unwrap();
    let fresh = |name: &str| {
        let folder = dir.path().join(name);
        let store = SetStore::open(&folder, vec![key().verifying()]).unwrap();
        install(&store, &old).unwrap();
        (folder, store)
    };
    // While the copy is being written, cut at many lengths; under either name it has meanwhile.
    for (index, end) in (0..new_bytes.len()).step_by(1500).enumerate() {
        for name in ["incoming.mds.new", "incoming.mds"] {
            let (folder, store) = fresh(&format!("copy-{index}-{name}"));
            fs::write(folder.join(name), &new_bytes[..end]).unwrap();
            assert_eq!(store.last_good().set.unwrap().manifest().version, 1);
            assert_eq!(install(&store, &new).unwrap().as_deref(), Some("test-2"), "and works on");
        }
    }
    // After the link, after its rename, after the last rename.
    for step in 0..3 {
        let (folder, store) = fresh(&format!("step-{step}"));
        fs::write(folder.join("incoming.mds"), &new_bytes).unwrap();
        fs::hard_link(folder.join("current.mds"), folder.join("previous.new")).unwrap();
        if step >= 1 {
            fs::rename(folder.join("previous.new"), folder.join("previous.mds")).unwrap();
        }
        if step >= 2 {
            fs::rename(folder.join("incoming.mds"), folder.join("current.mds")).unwrap();
        }
        let version = store.last_good().set.unwrap().manifest().version;
        assert_eq!(version, if step == 2 { 2 } else { 1 });
        let again = install(&store, &new).unwrap();
        assert_eq!(again.is_none(), step == 2);
        assert_eq!(store.last_good().set.unwrap().manifest().version, 2);
    }
}

#[test]
fn a_set_stays_readable_while_newer_ones_take_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = SetStore::open(&dir.path().join("kept"), vec![key().verifying()]).unwrap();
    let offer = dir.path().join("offer.mds");
    write(&offer, 1, "test", &key());
    install(&store, &offer).unwrap();
    let first = store.last_good().set.unwrap();
    for version in 2..5 {
        write(&offer, version, "test", &key());
        install(&store, &offer).unwrap();
    }
    let rules = first.part(PartKind::Rules).unwrap();
    assert!(rules.as_ref().starts_with(b"alert tcp"));
}
