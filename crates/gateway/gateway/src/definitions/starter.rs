//! The set that comes with the program: for the first minutes of an installation, and the demo.
//!
//! Holds always: it is made of the same files as `definitions/starter/set.toml` names.

use std::io;
use std::path::Path;

use mimamori_base::{Rng, Timestamp};
use mimamori_definitions::build::Problem;
use mimamori_definitions::{DefinitionSet, SetStore, SetWriter, SigningKey};

use super::DefinitionsError;
use super::recipe::{Cooked, Kitchen, Recipe, RecipeSource, SourceFile, cook};

const RECIPE: &str = include_str!("../../../../../definitions/starter/set.toml");
pub const RULES: &str = include_str!("../../../../../definitions/starter/mimamori.rules");
pub const DOMAINS: &str = include_str!("../../../../../definitions/starter/domains.tsv");
pub const APPLICATIONS: &str = include_str!("../../../../../definitions/starter/applications.tsv");
pub const CATEGORIES: &str = include_str!("../../../../../definitions/starter/categories.tsv");
pub const YARA: &str = include_str!("../../../../../definitions/starter/mimamori.yar");
const HASHES: &str = include_str!("../../../../../definitions/starter/hashes.txt");

/// The files as they were when the program was built.
struct BuiltIn;

impl Kitchen for BuiltIn {
    fn files(&self, source: &RecipeSource) -> io::Result<Vec<SourceFile>> {
        let text = match source.path.as_str() {
            "mimamori.rules" => RULES,
            "domains.tsv" => DOMAINS,
            "applications.tsv" => APPLICATIONS,
            "mimamori.yar" => YARA,
            "hashes.txt" => HASHES,
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(vec![SourceFile { name: source.path.clone(), category: None, bytes: text.as_bytes().to_vec() }])
    }

    fn tell(&self, _name: &str, _lines: u64) {}

    fn yara(&self, _sources: &[(String, String)]) -> Option<(Vec<u8>, u64, Vec<Problem>)> {
        None
    }
}

/// The starter set before it is signed. Its date is its version's, so that it is the same at
/// every start.
pub fn cooked(rng: &dyn Rng) -> Result<Cooked, DefinitionsError> {
    let recipe = Recipe::parse(RECIPE)?;
    Ok(cook(&recipe, &BuiltIn, rng, Timestamp::EPOCH)?)
}

/// The starter set in memory, trusted as the program is.
pub fn in_memory(rng: &dyn Rng) -> Result<DefinitionSet, DefinitionsError> {
    Ok(DefinitionSet::built_in(&cooked(rng)?.writer))
}

/// Writes a set signed with a key that is forgotten, and opens it the way a set from outside is
/// opened: copied, verified, kept. For the demonstration.
pub fn on_disk(writer: &SetWriter, folder: &Path, rng: &dyn Rng) -> Result<DefinitionSet, DefinitionsError> {
    let mut seed = [0; 32];
    rng.fill(&mut seed);
    let key = SigningKey::from_seed(seed)?;
    let store = SetStore::open(folder, vec![key.verifying()])
        .map_err(|source| DefinitionsError::Io { path: folder.to_owned(), source })?;
    let offered = folder.join("starter.mds");
    writer.write(&offered, &key)?;
    // A set that an earlier start signed has another key and gives way.
    let current = store.last_good().set;
    match store.examine(&offered, current.as_ref().map(DefinitionSet::manifest))? {
        Some(candidate) => Ok(store.keep(candidate)?),
        None => current.ok_or(DefinitionsError::NoSet),
    }
}

#[cfg(test)]
mod tests {
    use mimamori_base::SeededRng;
    use mimamori_definitions::PartKind;

    use super::*;

    #[test]
    fn nothing_of_it_is_refused() {
        let cooked = cooked(&SeededRng::new(1)).unwrap();
        assert_eq!(cooked.problems, []);
        let kinds: Vec<PartKind> = cooked.writer.parts.iter().map(|p| p.kind).collect();
        for kind in [PartKind::Rules, PartKind::Names, PartKind::FileHashes, PartKind::YaraSource] {
            assert!(kinds.contains(&kind), "{kind:?}");
        }
        assert!(cooked.writer.parts.iter().all(|p| p.entries > 0));
    }

    #[test]
    fn categories_and_applications_are_well_formed_and_many() {
        let mut categories = mimamori_catalogue::Categories::builder((1, 2));
        assert_eq!(categories.text(CATEGORIES), []);
        let categories = categories.build();
        assert!(categories.len() >= 2_000, "{} names", categories.len());
        let named: Vec<&str> = categories.categories().iter().map(|c| c.id.as_str()).collect();
        for line in CATEGORIES.lines().filter(|l| !l.starts_with("category\t") && !l.starts_with('#')) {
            let ids = line.split('\t').nth(1).unwrap_or_default();
            assert!(ids.split(',').all(|id| named.contains(&id)), "{line}");
        }
        let (catalogue, bad) = mimamori_catalogue::Catalogue::read(APPLICATIONS);
        assert_eq!(bad, []);
        let count = |what| APPLICATIONS.lines().filter(|l| l.starts_with(what)).count();
        assert!(count("app\t") >= 200 && count("protocol\t") >= 80);
        drop(catalogue);
    }

    #[test]
    fn it_goes_the_way_of_a_set_from_outside() {
        let dir = tempfile::tempdir().unwrap();
        let writer = cooked(&SeededRng::new(1)).unwrap().writer;
        for start in 1..3 {
            let set = on_disk(&writer, dir.path(), &SeededRng::new(start)).unwrap();
            assert!(set.manifest().label().starts_with("starter-"));
        }
    }
}
