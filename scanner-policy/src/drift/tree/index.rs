//! Places by where they are and what they are called. Many small tables, of which one alone grows at a time, so that not all of
//! it is in memory twice.

use hashbrown::HashTable;

/// Tables, a power of two.
const TABLES: u64 = 256;

#[derive(Debug)]
pub(super) struct Index(Vec<HashTable<u32>>);

impl Default for Index {
    fn default() -> Self {
        Self((0..TABLES).map(|_| HashTable::new()).collect())
    }
}

impl Index {
    /// The number of that hash for which `same` holds.
    pub(super) fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        let table = self.0.get(table_of(hash))?;
        table.find(hash, |number| same(*number)).copied()
    }

    /// Adds a number that is not in it; `hash_of` gives the hash of any in it.
    pub(super) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        if let Some(table) = self.0.get_mut(table_of(hash)) {
            table.insert_unique(hash, number, |number| hash_of(*number));
        }
    }
}

/// By bits that no table looks at: a table takes the lowest and the highest ones.
fn table_of(hash: u64) -> usize {
    usize::try_from((hash >> 40) % TABLES).unwrap_or_default()
}
