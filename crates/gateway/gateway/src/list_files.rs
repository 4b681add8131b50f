//! Files that rules name, from folders of this machine.
//!
//! Responsible for finding a name (beside the rules first, then in the data folder), and for
//! writing data sets back. Holds always: at most [`MAX_LIST_FILE_BYTES`] of a file are read;
//! nothing is written outside the data folder.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use mimamori_engine::{EngineConfig, ListFileError, ListFiles, SavedSet};

/// Largest list file that is read.
pub const MAX_LIST_FILE_BYTES: u64 = 256 << 20;

/// Folders in which list files are looked for.
#[derive(Clone, Debug, Default)]
pub struct ListFolders {
    folders: Vec<PathBuf>,
}

impl ListFolders {
    /// The folders of `rules`, in their order, then `data`.
    #[must_use]
    pub fn beside(rules: &[PathBuf], data: Option<&Path>) -> ListFolders {
        let mut folders: Vec<PathBuf> = Vec::new();
        let of_rules = rules.iter().map(|r| r.parent().unwrap_or(Path::new("")).to_owned());
        for folder in of_rules.chain(data.map(Path::to_owned)) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        ListFolders { folders }
    }
}

impl ListFolders {
    /// Beside `rules`, and in the data folder that `config` names.
    #[must_use]
    pub fn of(config: &EngineConfig, rules: &[PathBuf]) -> ListFolders {
        ListFolders::beside(rules, config.rule_files.data_folder.as_deref().map(Path::new))
    }
}

impl ListFiles for ListFolders {
    fn read(&self, name: &str) -> Result<Vec<u8>, ListFileError> {
        // `join` takes an absolute name as it is.
        let found = self.folders.iter().map(|f| f.join(name)).find(|p| p.is_file());
        let alone = || Some(PathBuf::from(name)).filter(|p| p.is_absolute() && p.is_file());
        let Some(path) = found.or_else(alone) else { return Err(ListFileError::NotFound) };
        let unreadable = |e: io::Error| ListFileError::Unreadable(e.to_string());
        let file = fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "limited by take")]
        file.take(MAX_LIST_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_LIST_FILE_BYTES {
            return Err(ListFileError::TooLarge { max_bytes: MAX_LIST_FILE_BYTES });
        }
        Ok(bytes)
    }
}

/// Writes data sets below `folder`; each file is whole or untouched. The first failure is told
/// after all were tried.
///
/// # Errors
/// When a set could not be written.
pub fn save(folder: &Path, sets: &[SavedSet]) -> io::Result<()> {
    let mut failure = Ok(());
    for set in sets {
        if let Err(error) = save_one(folder, set) {
            failure = Err(io::Error::new(error.kind(), format!("{}: {error}", set.file)));
        }
    }
    failure
}

fn save_one(folder: &Path, set: &SavedSet) -> io::Result<()> {
    let name = Path::new(&set.file);
    if !name.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is outside the data folder"));
    }
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut unfinished = path.clone().into_os_string();
    unfinished.push(".new");
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(set.text.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_beside_the_rules_and_writes_below_the_folder_only() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.lst"), "x").unwrap();
        let files = ListFolders::beside(&[dir.path().join("my.rules")], None);
        assert_eq!(files.read("a.lst"), Ok(b"x".to_vec()));
        assert_eq!(files.read("b.lst"), Err(ListFileError::NotFound));
        let set = |file: &str| SavedSet { file: file.to_owned(), text: "YQ==\n".to_owned() };
        save(dir.path(), &[set("sub/seen.csv")]).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("sub/seen.csv")).unwrap(), "YQ==\n");
        assert!(save(dir.path(), &[set("../up.csv")]).is_err());
        assert!(save(dir.path(), &[set("/tmp/abs.csv")]).is_err());
    }
}
