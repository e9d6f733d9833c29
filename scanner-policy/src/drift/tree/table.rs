//! Values that many files have in common, each kept once.

use std::{collections::HashMap, hash::Hash, num::NonZeroU32};

/// Values by their places, which are counted from 1.
#[derive(Debug)]
pub(super) struct Table<T> {
    values: Vec<T>,
    places: HashMap<T, NonZeroU32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    /// The place of a value, which is new there or not; `None` where there are more than have a place.
    pub(super) fn place(&mut self, value: &T) -> Option<NonZeroU32> {
        if let Some(known) = self.places.get(value) {
            return Some(*known);
        }
        let place = NonZeroU32::new(u32::try_from(self.values.len() + 1).ok()?)?;
        self.values.push(value.clone());
        self.places.insert(value.clone(), place);
        Some(place)
    }

    /// The value at a place.
    pub(super) fn get(&self, place: NonZeroU32) -> Option<&T> {
        self.values.get(usize::try_from(place.get()).ok()? - 1)
    }

    pub(super) fn has(&self, value: &T) -> bool {
        self.places.contains_key(value)
    }

    pub(super) const fn len(&self) -> usize {
        self.values.len()
    }
}
