//! One file on its way through the checks: converted once, whatever number of checks see it.

use cel::{Value, common::value::Val};
use scanner_core::inventory::FileEntry;

use super::{hidden::Hidden, seen::Seen};

/// A file, and what checks see of it.
pub(super) struct Entry<'a> {
    pub(super) file: &'a FileEntry,
    /// Each combination of fields that checks ask for.
    forms: [Option<Box<dyn Val>>; 4],
    hash: Option<u64>,
}

impl<'a> Entry<'a> {
    pub(super) const fn new(file: &'a FileEntry) -> Self {
        Self {
            file,
            forms: [None, None, None, None],
            hash: None,
        }
    }

    pub(super) fn hash(&mut self, seen: &Seen) -> u64 {
        *self.hash.get_or_insert_with(|| seen.hash(self.file))
    }

    /// The file as a check with these fields hidden sees it.
    pub(super) fn value(&mut self, hidden: Hidden) -> Option<Box<dyn Val>> {
        let form = usize::from(hidden.digest) + 2 * usize::from(hidden.capabilities);
        let form = self.forms.get_mut(form)?;
        if form.is_none() {
            let mut value: Value = cel::to_value(self.file).ok()?;
            hidden.take_from_one(&mut value);
            *form = Some(value.try_into().ok()?);
        }
        form.clone()
    }
}
