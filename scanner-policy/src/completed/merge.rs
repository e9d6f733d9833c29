//! One answer of a container as it is passed on: what it did not show comes from the image.

mod named;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use scanner_core::inventory::{
    Attribute, Collected, Coverage, FileEntry, FileKind, FilePath, FileSelector, FromImage, Gap,
    Gaps, Inventory, InventoryRequest, LanguagePackage, Section, sink::FilesEnd,
};

use super::{
    accounts,
    completion::Completion,
    counts::{Counts, by_attribute},
    fill::Filling,
    image::WholeImage,
    mounts::Mounts,
    seen::{Seen, is_same},
};
use crate::fixed::is_fixed;

/// One answer as it is passed on.
pub(super) struct Merge {
    image: Arc<WholeImage>,
    asked: Vec<FileSelector>,
    /// Programs that the engine looks for.
    programs: BTreeSet<String>,
    /// The selections that ask for each attribute, reduced to that attribute.
    attributes: [(Attribute, Vec<FileSelector>); 2],
    counts: Counts,
    mounts: Mounts,
    seen: Seen,
    fixed: bool,
    /// Sections that came from the image, each with its file. If the container's file proves to be another one, the section
    /// is taken back.
    accounts: Vec<(Section, FilePath)>,
    language: Language,
    commands: Commands,
}

/// What the image adds to the packages of languages.
#[derive(Default)]
struct Language {
    packages: Vec<LanguagePackage>,
    filled: Vec<Gap>,
    left: Gaps,
}

/// What the image adds to the programs that were looked for.
#[derive(Default)]
struct Commands {
    filled: Vec<Gap>,
    left: Gaps,
}

/// How an answer ended.
pub(super) struct Ended {
    /// The end of the files.
    pub(super) files: FilesEnd,
    /// Whether the sections of [`Merge::sections`] hold; otherwise they are as the container gave them.
    pub(super) sections_hold: bool,
    /// What the report says about it.
    pub(super) completion: Completion,
}

impl Merge {
    /// An answer to all that engines ask for, for one of them, which asks for `request`.
    pub(super) fn new(
        image: Arc<WholeImage>,
        request: InventoryRequest,
        all: Vec<FileSelector>,
    ) -> Self {
        let asked = request.files;
        Self {
            programs: request.commands,
            seen: Seen::new(&image),
            image,
            attributes: by_attribute(&asked),
            counts: Counts::new(all),
            asked,
            mounts: Mounts::default(),
            fixed: false,
            accounts: Vec::new(),
            language: Language::default(),
            commands: Commands::default(),
        }
    }

    /// Takes every section but the files. Gives the same with what the image adds, or nothing where it adds nothing.
    pub(super) fn sections(&mut self, container: &Inventory) -> Option<Inventory> {
        self.mounts = Mounts::of(container);
        self.fixed = is_fixed(container);
        let mut merged = container.clone();
        self.accounts = accounts::fill(&mut merged, &self.image, &self.mounts);
        self.fill_language(&mut merged);
        self.fill_commands(&mut merged);
        let all = self.of_sections();
        let has_taken = !all.is_empty();
        merged.from_image = Some(all);
        has_taken.then_some(merged)
    }

    /// What came from the image if nothing of the sections did.
    pub(super) fn nothing(&self) -> FromImage {
        FromImage::new(self.fixed)
    }

    fn of_sections(&self) -> FromImage {
        let mut all = self.nothing();
        for (section, path) in &self.accounts {
            all.add(*section, accounts::gap(path));
        }
        for gap in &self.language.filled {
            all.add(Section::LanguagePackages, gap.clone());
        }
        for gap in &self.commands.filled {
            all.add(Section::Commands, gap.clone());
        }
        all
    }

    /// Takes a file; gives it with what the container did not show of it and the image has.
    pub(super) fn file<'a>(&mut self, file: &'a FileEntry) -> Cow<'a, FileEntry> {
        self.seen.take(&self.image, &self.mounts, file);
        self.counts.take(file);
        if !self.asked.iter().any(|selector| selector.misses(file)) {
            return Cow::Borrowed(file);
        }
        let mut whole = file.clone();
        if let Some(was) = self.of_image(file) {
            complete(&mut whole, &was);
        }
        for (attribute, asked) in &self.attributes {
            let is_blank = |file: &FileEntry| asked.iter().any(|selector| selector.misses(file));
            if !is_blank(file) {
                continue;
            }
            match self.image.tree.find(file.path.as_text()) {
                Some(id) if !is_blank(&whole) => self.seen.completed(&self.image, id, *attribute),
                _ => self.seen.left_blank(&file.path, *attribute),
            }
        }
        Cow::Owned(whole)
    }

    /// The same file of the image, where it is the same.
    fn of_image(&self, file: &FileEntry) -> Option<FileEntry> {
        if file.followed || self.mounts.hide(&file.path) || self.image.is_beyond_a_link(&file.path)
        {
            return None;
        }
        let (_, was) = self.image.file(&file.path)?;
        is_same(&was, file).then_some(was)
    }

    /// Takes how completely the files were collected; hands on those of the image first.
    pub(super) fn end(self, end: &FilesEnd, give: impl FnMut(&FileEntry)) -> Ended {
        let filling = Filling {
            image: &self.image,
            mounts: &self.mounts,
            seen: &self.seen,
            asked: &self.asked,
            counts: &self.counts,
        };
        let mut files = end.clone();
        let sections_hold = self.sections_hold(&filling);
        let mut all = if sections_hold {
            self.of_sections()
        } else {
            self.nothing()
        };
        let mut coverage = BTreeMap::new();
        if let Coverage::Partial { gaps } = &end.coverage {
            let filled = filling.of(gaps);
            filling.files(&filled, give);
            for gap in &filled.gaps {
                all.add(Section::Files, gap.clone());
            }
            if !filled.gaps.is_empty() {
                files.coverage = filled.coverage();
                // Only contents of files stay missing; the files themselves are all listed.
                let contents = filled.left.iter().all(|gap| gap.attribute.is_some());
                files.listed |= contents && !filled.places.is_empty();
                coverage.insert(Section::Files, files.coverage.clone());
            }
        }
        let mut packages = Vec::new();
        if sections_hold {
            let accounts = self.accounts.iter();
            coverage.extend(accounts.map(|(section, _)| (*section, self.coverage_of(*section))));
            let named = [
                (
                    Section::LanguagePackages,
                    &self.language.filled,
                    &self.language.left,
                ),
                (
                    Section::Commands,
                    &self.commands.filled,
                    &self.commands.left,
                ),
            ];
            for (section, filled, left) in named {
                if !filled.is_empty() {
                    let left = Collected::with_gaps((), left.clone()).coverage();
                    coverage.insert(section, left);
                }
            }
            packages.clone_from(&self.language.packages);
        }
        files.from_image = Some(all.clone());
        Ended {
            files,
            sections_hold,
            completion: Completion {
                from_image: all,
                coverage,
                language_packages: packages,
            },
        }
    }

    /// Whether the container shows the files and places whose sections came from the image to be the same.
    fn sections_hold(&self, filling: &Filling<'_>) -> bool {
        let mut accounts = self.accounts.iter().map(|(_, path)| path);
        let is_same = |path: &FilePath| {
            let file = self.image.file(path);
            file.is_some_and(|(id, _)| self.seen.is_as_in_image(id))
        };
        let mut places = self.language.filled.iter().chain(&self.commands.filled);
        accounts.all(is_same)
            && places.all(|gap| filling.rest(gap).is_some_and(|rest| rest.is_empty()))
    }

    fn coverage_of(&self, section: Section) -> Coverage {
        match section {
            Section::Users => self.image.users.coverage(),
            Section::Groups => self.image.groups.coverage(),
            _ => self.image.shadow.coverage(),
        }
    }
}

/// Adds to `file` what it does not have.
fn complete(file: &mut FileEntry, was: &FileEntry) {
    match file.kind {
        FileKind::File => {
            if file.digest.is_empty() {
                file.digest.clone_from(&was.digest);
            }
            if !file.capabilities_known && was.capabilities_known {
                file.capabilities.clone_from(&was.capabilities);
                file.capability_sets.clone_from(&was.capability_sets);
                file.capabilities_known = true;
            }
        }
        FileKind::Symlink if file.link.is_empty() => file.link.clone_from(&was.link),
        _ => {}
    }
}
