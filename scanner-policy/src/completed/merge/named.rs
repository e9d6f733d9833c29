//! Sections whose data name their files: what the container did not show of a place is added.

use std::collections::BTreeSet;

use scanner_core::inventory::{
    Collected, CommandEntry, FileKind, Gap, GapKind, Gaps, Inventory, LanguagePackage,
};

use super::{Commands, Language, Merge};
use crate::completed::{
    completion::{Key, key},
    counts::unnamed_gap,
    fill::is_refused,
};

impl Merge {
    /// The gaps of a section whose data name their files: those that the image may fill, and all others.
    fn divided(&self, gaps: &Gaps) -> (Vec<Gap>, Gaps) {
        let fills = |gap: &Gap| {
            let place = gap.path.as_ref();
            place.is_some_and(|place| {
                let hidden = self.mounts.hide(place) || self.mounts.below(place).next().is_some();
                let whole = is_refused(gap) && gap.attribute.is_none() && gap.item.is_none();
                whole && !hidden && !self.image.is_beyond_a_link(place)
            })
        };
        let filled: Vec<Gap> = gaps.iter().filter(|gap| fills(gap)).cloned().collect();
        let mut left = gaps.only(|gap| !filled.contains(gap));
        if left.is_empty() && gaps.total() > filled.len() as u64 {
            left.add(unnamed_gap());
        }
        (filled, left)
    }

    /// A directory of programs that the container did not show has those of the image. One that is a link there may lead to
    /// another place of the container.
    pub(super) fn fill_commands(&mut self, merged: &mut Inventory) {
        let Collected::Partial { data, gaps } = &mut merged.commands else {
            return;
        };
        let (filled, mut left) = self.divided(gaps);
        if filled.is_empty() {
            return;
        }
        let mut data = std::mem::take(data);
        for name in &self.programs {
            if data.iter().any(|command| command.name == *name) {
                continue;
            }
            let dirs = filled.iter().filter_map(|gap| gap.path.as_ref());
            for path in dirs.map(|dir| dir.join(&name.as_str().into())) {
                match self.image.file(&path).map(|(_, file)| file) {
                    Some(file) if file.kind == FileKind::File && file.mode & 0o111 != 0 => {
                        let name = name.clone();
                        data.push(CommandEntry { name, path });
                        break;
                    }
                    Some(file) if file.kind == FileKind::Symlink => {
                        left.add(Gap::new(GapKind::NotReadable).at(path));
                    }
                    _ => {}
                }
            }
        }
        merged.commands = Collected::with_gaps(data, left.clone());
        self.commands = Commands { filled, left };
    }

    /// Packages of languages name their files: those of places that the container did not show are added.
    pub(super) fn fill_language(&mut self, merged: &mut Inventory) {
        let Collected::Complete { data: all } = &self.image.language else {
            return;
        };
        let Collected::Partial { data, gaps } = &mut merged.language_packages else {
            return;
        };
        let (filled, left) = self.divided(gaps);
        if filled.is_empty() {
            return;
        }
        let is_within = |package: &LanguagePackage| {
            let mut places = filled.iter().filter_map(|gap| gap.path.as_ref());
            places.any(|place| package.path.is_below(place))
        };
        let known: BTreeSet<Key<'_>> = data.iter().map(key).collect();
        let new = all
            .iter()
            .filter(|p| is_within(p) && !known.contains(&key(p)));
        let packages: Vec<LanguagePackage> = new.cloned().collect();
        let mut data = std::mem::take(data);
        data.extend(packages.iter().cloned());
        merged.language_packages = Collected::with_gaps(data, left.clone());
        self.language = Language {
            packages,
            filled,
            left,
        };
    }
}
