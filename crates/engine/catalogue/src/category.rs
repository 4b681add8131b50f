//! Web categories by host name; a name may have several (the layout of the UT1 lists).
//!
//! Holds always: sixteen bytes a name; sets of categories are shared; the hash key is the
//! owner's, so collisions cannot be prepared. A name's categories are those of the most specific
//! listed entry.

use std::hash::Hasher;

use hashbrown::HashMap;
use siphasher::sip::SipHasher13;

use crate::lines::{BadLine, is_id, told};
use crate::name::{bare, is_name, parents};

const MAX_CATEGORIES: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub id: String,
    /// As the portal shows it.
    pub name: String,
}

/// An immutable table of names with their categories.
#[derive(Debug, Default)]
pub struct Categories {
    key: (u64, u64),
    categories: Vec<Category>,
    names: Vec<(u64, u32)>,
    sets: Vec<Vec<u16>>,
}

impl Categories {
    #[must_use]
    pub fn builder(key: (u64, u64)) -> CategoriesBuilder {
        CategoriesBuilder { key, categories: Vec::new(), index: HashMap::new(), names: HashMap::new() }
    }

    /// Number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The categories of `host`; none for a name that is not listed.
    pub fn of(&self, host: &[u8]) -> impl Iterator<Item = &Category> {
        let lower = bare(host).to_ascii_lowercase();
        let set = parents(&lower).find_map(|name| self.set(name));
        set.into_iter().flatten().filter_map(|n| self.categories.get(usize::from(*n)))
    }

    fn set(&self, name: &[u8]) -> Option<&[u16]> {
        let hash = hash(self.key, name);
        let at = self.names.binary_search_by_key(&hash, |(h, _)| *h).ok()?;
        let (_, set) = self.names.get(at)?;
        self.sets.get(usize::try_from(*set).ok()?).map(Vec::as_slice)
    }
}

fn hash(key: (u64, u64), name: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
    hasher.write(name);
    hasher.finish()
}

/// Collects names.
#[derive(Debug)]
pub struct CategoriesBuilder {
    key: (u64, u64),
    categories: Vec<Category>,
    index: HashMap<String, u16>,
    names: HashMap<u64, Vec<u16>>,
}

impl CategoriesBuilder {
    /// Reads lines `category ID NAME` and `NAME CATEGORY[,CATEGORY…]`, parted by tabs. A category
    /// without a line of its own is shown by its identifier.
    pub fn text(&mut self, text: &str) -> Vec<BadLine> {
        let mut bad = Vec::new();
        for (line, content) in told(text) {
            let columns: Vec<&str> = content.split('\t').collect();
            let done = match columns.as_slice() {
                ["category", id, name] => self.category(id, Some(name)).map(drop),
                [name, categories] => self.name(name, categories),
                _ => Err("expected a name, a tab, and categories".to_owned()),
            };
            bad.extend(done.err().map(|reason| BadLine::new(line, reason)));
        }
        bad
    }

    fn category(&mut self, id: &str, name: Option<&str>) -> Result<u16, String> {
        let id = id.to_ascii_lowercase().replace('_', "-");
        if !is_id(&id) {
            return Err(format!("{id:?} is no identifier"));
        }
        let number = match self.index.get(&id) {
            Some(number) => *number,
            None if self.categories.len() >= MAX_CATEGORIES => return Err("too many categories".to_owned()),
            None => {
                let number = u16::try_from(self.categories.len()).map_err(|_| "too many".to_owned())?;
                self.categories.push(Category { id: id.clone(), name: id.clone() });
                self.index.insert(id, number);
                number
            }
        };
        if let (Some(name), Some(entry)) = (name, self.categories.get_mut(usize::from(number))) {
            name.clone_into(&mut entry.name);
        }
        Ok(number)
    }

    fn name(&mut self, name: &str, categories: &str) -> Result<(), String> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if !is_name(&name) {
            return Err(format!("{name:?} is no host name"));
        }
        let numbers: Vec<u16> =
            categories.split(',').map(|id| self.category(id.trim(), None)).collect::<Result<_, _>>()?;
        let set = self.names.entry(hash(self.key, name.as_bytes())).or_default();
        for number in numbers {
            if !set.contains(&number) {
                set.push(number);
            }
        }
        Ok(())
    }

    #[must_use]
    pub fn build(self) -> Categories {
        let mut known: HashMap<Vec<u16>, u32> = HashMap::new();
        let mut sets = Vec::new();
        let mut names: Vec<(u64, u32)> = Vec::with_capacity(self.names.len());
        for (hash, mut set) in self.names {
            set.sort_unstable();
            let number = *known.entry(set).or_insert_with_key(|set| {
                sets.push(set.clone());
                u32::try_from(sets.len() - 1).unwrap_or(u32::MAX)
            });
            names.push((hash, number));
        }
        names.sort_unstable();
        Categories { key: self.key, categories: self.categories, names, sets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_04_a_name_has_several_categories_and_the_nearest_entry_decides() {
        let mut builder = Categories::builder((1, 2));
        let bad = builder.text(
            "category\tnews\tニュース\nnews.example\tnews,sports\nnews.example\tpress\nshop.news.example\tshopping\nbad line\n",
        );
        assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [5]);
        let table = builder.build();
        let of = |host: &str| table.of(host.as_bytes()).map(|c| c.name.as_str()).collect::<Vec<_>>();
        assert_eq!(of("www.news.example:80"), ["ニュース", "sports", "press"]);
        assert_eq!(of("a.SHOP.news.example."), ["shopping"]);
        assert_eq!(of("oldnews.example"), Vec::<&str>::new());
    }
}
