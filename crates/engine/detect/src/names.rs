//! Names of bits and numbers as small integers.

use hashbrown::HashMap;

/// Interns names in order of appearance.
#[derive(Debug, Default)]
pub struct Names {
    by_name: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Names {
    pub fn intern(&mut self, name: &str) -> u32 {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.by_name.insert(name.into(), id);
        id
    }

    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|n| &**n)
    }

    #[must_use]
    pub fn name(&self, id: u32) -> Option<&str> {
        self.names.get(id as usize).map(|n| &**n)
    }
}
