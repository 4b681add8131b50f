//! Sets from outside while the gateway runs: examined, tried, kept, or refused with a reason.
//!
//! Holds always: a set is in force only after its signature, its version and its rules were
//! found good; a refused one leaves the last good one in force and is told once.

use std::path::PathBuf;
use std::time::SystemTime;

use mimamori_definitions::{DefinitionSet, SetStore, VerifyingKey};
use mimamori_engine::EngineConfig;

use super::{Definitions, DefinitionsError};

/// Where sets come from, as the configuration says.
#[derive(Clone, Debug)]
pub struct SetConfig {
    /// The offered set: put there by hand or by the uplink, renamed into place.
    pub path: PathBuf,
    pub keys: Vec<VerifyingKey>,
    /// The gateway's own folder of sets.
    pub kept: PathBuf,
}

/// What a look for a newer set ended with.
#[derive(Debug)]
pub enum Look {
    /// Nothing newer.
    Unchanged,
    /// In force from now on.
    New(Box<Definitions>),
    /// The last good one stays.
    Refused(DefinitionsError),
}

/// A set in force at the start, and what has to be told about how it was found.
#[derive(Debug)]
pub struct Started {
    pub definitions: Definitions,
    pub refused: Vec<String>,
}

impl SetConfig {
    fn store(&self) -> Result<SetStore, DefinitionsError> {
        SetStore::open(&self.kept, self.keys.clone())
            .map_err(|source| DefinitionsError::Io { path: self.kept.clone(), source })
    }

    /// The newest good set at the start: the offered one if it is newer, else the last good one.
    /// With neither, the reason why not.
    pub fn start(&self, engine: &EngineConfig) -> Result<Started, DefinitionsError> {
        let kept = self.store()?.last_good();
        let mut refused: Vec<String> = kept.damaged.iter().map(ToString::to_string).collect();
        match self.look_beyond(kept.set.as_ref(), engine) {
            Look::New(definitions) => return Ok(Started { definitions: *definitions, refused }),
            Look::Unchanged => {}
            Look::Refused(error) => {
                if kept.set.is_none() {
                    return Err(error);
                }
                refused.push(error.to_string());
            }
        }
        let set = kept.set.ok_or(DefinitionsError::NoSet)?;
        Ok(Started { definitions: Definitions::of_set(set, engine)?, refused })
    }

    /// Looks whether the offered set is newer than the one in force.
    #[must_use]
    pub fn look(&self, engine: &EngineConfig) -> Look {
        match self.store() {
            Ok(store) => self.look_beyond(store.last_good().set.as_ref(), engine),
            Err(error) => Look::Refused(error),
        }
    }

    fn look_beyond(&self, current: Option<&DefinitionSet>, engine: &EngineConfig) -> Look {
        match self.try_newer(current, engine) {
            Ok(Some(definitions)) => Look::New(Box::new(definitions)),
            Ok(None) => Look::Unchanged,
            Err(error) => Look::Refused(error),
        }
    }

    fn try_newer(
        &self,
        current: Option<&DefinitionSet>,
        engine: &EngineConfig,
    ) -> Result<Option<Definitions>, DefinitionsError> {
        let store = self.store()?;
        let manifest = current.map(DefinitionSet::manifest);
        let Some(candidate) = store.examine(&self.path, manifest)? else { return Ok(None) };
        match Definitions::of_set(candidate.set.clone(), engine) {
            Ok(definitions) => {
                store.keep(candidate)?;
                Ok(Some(definitions))
            }
            Err(error) => {
                store.discard(candidate);
                Err(error)
            }
        }
    }

    /// When the offered set was last changed; `None`: there is none.
    #[must_use]
    pub fn changed(&self) -> Option<SystemTime> {
        std::fs::metadata(&self.path).and_then(|m| m.modified()).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mimamori_base::{SeededRng, Timestamp};
    use mimamori_definitions::build::{Format, List, SetBuilder};
    use mimamori_definitions::{SetWriter, SigningKey};
    use mimamori_reputation::Kind;

    use super::*;

    const GOOD: &str = "alert tcp any any -> any any (msg:\"x\"; sid:1;)\n";

    fn key() -> SigningKey {
        SigningKey::from_seed([3; 32]).unwrap()
    }

    fn write(path: &Path, version: u64, rules: &str) {
        let mut builder = SetBuilder::new(&SeededRng::new(version), Timestamp::EPOCH);
        let list = List { name: "r", format: Format::Rules, kind: Kind::Malware, family: "" };
        builder.add(rules.as_bytes(), &list, &mut |_| {});
        let list = List { name: "n", format: Format::Mimamori, kind: Kind::Malware, family: "" };
        builder.add(b"evil.example\tphishing\tBank\n", &list, &mut |_| {});
        let (parts, sources) = builder.finish();
        let set = SetWriter { channel: "t".into(), version, created: Timestamp::EPOCH, parts, sources };
        set.write(path, &key()).unwrap();
    }

    #[test]
    fn the_last_good_set_stays_whatever_is_offered() {
        let dir = tempfile::tempdir().unwrap();
        let config = SetConfig {
            path: dir.path().join("offered.mds"),
            keys: vec![key().verifying()],
            kept: dir.path().join("kept"),
        };
        let engine = EngineConfig::default();
        assert!(config.start(&engine).is_err(), "no set at all");
        write(&config.path, 1, GOOD);
        let started = config.start(&engine).unwrap();
        assert_eq!((started.definitions.version.as_str(), started.definitions.loaded()), ("t-1", 1));
        let listed = started.definitions.reputation.host(b"www.evil.example", None).unwrap();
        assert_eq!((listed.kind, listed.family), (Kind::Phishing, "Bank"));
        assert!(matches!(config.look(&engine), Look::Unchanged));
        // Signed, newer, but no rule can be used: whoever made it has to hear of it.
        write(&config.path, 2, "alert nonsense\n");
        assert!(matches!(config.look(&engine), Look::Refused(DefinitionsError::NoRules { .. })));
        std::fs::write(&config.path, b"MIMADEF1 cut").unwrap();
        assert!(matches!(config.look(&engine), Look::Refused(_)));
        // Started again with a bad one offered: the last good one is in force, and it is told.
        let started = config.start(&engine).unwrap();
        assert_eq!((started.definitions.version.as_str(), started.refused.len()), ("t-1", 1));
        write(&config.path, 3, GOOD);
        let Look::New(new) = config.look(&engine) else { panic!("a newer good set") };
        assert_eq!(new.version, "t-3");
        std::fs::remove_file(&config.path).unwrap();
        assert_eq!(config.start(&engine).unwrap().definitions.version, "t-3");
    }
}
