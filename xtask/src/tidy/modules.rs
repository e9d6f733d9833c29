//! All modules of the workspace, and the files that define what a path names.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    files::is_test_file,
    scope::{Child, Kind, Name, Scope},
    source::Source,
    workspace::Crate,
};

type Id = usize;

/// All modules outside tests.
pub(crate) struct Modules<'a> {
    modules: Vec<Module<'a>>,
    /// Root modules of the libraries, by the name that code calls them.
    libraries: BTreeMap<&'a str, Id>,
}

struct Module<'a> {
    file: &'a str,
    scope: &'a Scope,
    parent: Option<Id>,
    root: Id,
    children: BTreeMap<&'a str, Id>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Module(Id),
    /// Something that this module defines.
    Item(Id),
    /// Something outside the workspace, or nothing that is known.
    Elsewhere,
}

/// That code of one file names what another file defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) line: usize,
    /// The path as written.
    pub(crate) path: String,
}

/// Places that a search has already been at, so that imports in a ring end it.
type Seen = BTreeSet<(Id, String, usize)>;

impl<'a> Modules<'a> {
    pub(crate) fn new(crates: &'a [Crate], sources: &'a BTreeMap<String, Source>) -> Self {
        let mut modules = Self {
            modules: Vec::new(),
            libraries: BTreeMap::new(),
        };
        for member in crates {
            for root in &member.roots {
                if is_test_file(root) {
                    continue;
                }
                let Some((file, source)) = sources.get_key_value(root) else {
                    continue;
                };
                let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
                let id = modules.add(file, &source.scope, None, folder, sources);
                if let Some((name, library)) = &member.library
                    && library == root
                {
                    modules.libraries.insert(name, id);
                }
            }
        }
        modules
    }

    /// Adds a module, and those that it declares; theirs are the files in `folder`.
    fn add(
        &mut self,
        file: &'a str,
        scope: &'a Scope,
        parent: Option<Id>,
        folder: &str,
        sources: &'a BTreeMap<String, Source>,
    ) -> Id {
        let id = self.modules.len();
        self.modules.push(Module {
            file,
            scope,
            parent,
            root: parent.map_or(id, |parent| self.modules[parent].root),
            children: BTreeMap::new(),
        });
        for child in &scope.children {
            let inner = format!("{folder}/{}", child.name);
            let added = if let Some(body) = &child.body {
                Some(self.add(file, body, Some(id), &inner, sources))
            } else {
                let found = find(child, folder, file, sources);
                found
                    .filter(|(file, _)| !is_test_file(file))
                    .map(|(file, source)| self.add(file, &source.scope, Some(id), &inner, sources))
            };
            if let Some(added) = added {
                self.modules[id].children.insert(&child.name, added);
            }
        }
        id
    }

    /// Every import from one file of another, in order.
    pub(crate) fn imports(&self) -> BTreeSet<Import<'a>> {
        let mut imports = BTreeSet::new();
        for (id, module) in self.modules.iter().enumerate() {
            for path in &module.scope.paths {
                let found = self.resolve(id, &path.segments, &mut Seen::new());
                let mut files = BTreeSet::new();
                for target in found {
                    self.files(target, path.kind, &mut files);
                }
                files.remove(module.file);
                imports.extend(files.into_iter().map(|to| Import {
                    from: module.file,
                    to,
                    line: path.line,
                    path: path.segments.join("::"),
                }));
            }
        }
        imports
    }

    /// Every path that names a library of ours: `to` is its root, for it may pass on what others define.
    pub(crate) fn mentions(&self) -> BTreeSet<Import<'a>> {
        let mut mentions = BTreeSet::new();
        for (id, module) in self.modules.iter().enumerate() {
            for path in &module.scope.paths {
                if let Some(library) = self.library(id, &path.segments) {
                    mentions.insert(Import {
                        from: module.file,
                        to: self.modules[library].file,
                        line: path.line,
                        path: path.segments.join("::"),
                    });
                }
            }
        }
        mentions
    }

    /// The library that a path begins with.
    fn library(&self, from: Id, path: &[String]) -> Option<Id> {
        let name = path.iter().find(|name| !name.is_empty())?;
        let &library = self.libraries.get(name.as_str())?;
        let local = self.look_up(from, name, &mut Seen::new());
        let is_library = local.is_empty() || local.contains(&Target::Module(library));
        (is_library || path.first().is_some_and(String::is_empty)).then_some(library)
    }

    /// The files that code comes to need when it names the target.
    fn files(&self, target: Target, kind: Kind, files: &mut BTreeSet<&'a str>) {
        match (target, kind) {
            (Target::Item(id), _) | (Target::Module(id), Kind::Reexport) => {
                files.insert(self.modules[id].file);
            }
            (Target::Module(id), Kind::Glob) => {
                for (name, meanings) in &self.modules[id].scope.names {
                    for meaning in 0..meanings.len() {
                        for target in self.meaning(id, name, meaning, &mut Seen::new()) {
                            if matches!(target, Target::Item(_)) {
                                self.files(target, Kind::Inline, files);
                            }
                        }
                    }
                }
            }
            // A module by itself is only a prefix of the names in it.
            (Target::Module(_) | Target::Elsewhere, _) => {}
        }
    }

    fn resolve(&self, from: Id, path: &[String], seen: &mut Seen) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let mut found = match first.as_str() {
            "crate" => vec![Target::Module(self.modules[from].root)],
            "self" => vec![Target::Module(from)],
            "super" => self.modules[from]
                .parent
                .map(Target::Module)
                .into_iter()
                .collect(),
            "" => Vec::new(),
            name => self.look_up(from, name, seen),
        };
        let mut rest = rest;
        if found.is_empty() {
            let name = if first.is_empty() {
                let Some((name, after)) = rest.split_first() else {
                    return Vec::new();
                };
                rest = after;
                name
            } else {
                first
            };
            let library = self.libraries.get(name.as_str());
            found = vec![library.map_or(Target::Elsewhere, |&id| Target::Module(id))];
        }
        for segment in rest {
            found = self.step(&found, segment, seen);
        }
        found
    }

    /// What a segment means within the path so far.
    fn step(&self, found: &[Target], segment: &str, seen: &mut Seen) -> Vec<Target> {
        let modules = |target: &&Target| matches!(target, Target::Module(_));
        // A function may have the name of a module, but nothing is named within a function.
        let only_modules = found.iter().any(|target| modules(&target));
        let mut next = BTreeSet::new();
        for &target in found {
            match target {
                Target::Module(id) if segment == "super" => {
                    next.extend(self.modules[id].parent.map(Target::Module));
                }
                Target::Module(id) => {
                    let inner = self.look_up(id, segment, seen);
                    if inner.is_empty() {
                        // A macro made it, or it is not known why: the module answers for it.
                        next.insert(Target::Item(id));
                    }
                    next.extend(inner);
                }
                other if !only_modules => {
                    next.insert(other);
                }
                _ => {}
            }
        }
        next.into_iter().collect()
    }

    fn look_up(&self, id: Id, name: &str, seen: &mut Seen) -> Vec<Target> {
        let scope = self.modules[id].scope;
        let mut found = BTreeSet::new();
        let meanings = scope.names.get(name).map_or(0, Vec::len);
        for meaning in 0..meanings {
            found.extend(self.meaning(id, name, meaning, seen));
        }
        if meanings == 0 {
            for (number, glob) in scope.globs.iter().enumerate() {
                let place = (id, format!("*{name}"), number);
                if !seen.insert(place.clone()) {
                    continue;
                }
                for target in self.resolve(id, glob, seen) {
                    if let Target::Module(module) = target {
                        found.extend(self.look_up(module, name, seen));
                    }
                }
                seen.remove(&place);
            }
        }
        found.into_iter().collect()
    }

    fn meaning(&self, id: Id, name: &str, number: usize, seen: &mut Seen) -> Vec<Target> {
        let module = &self.modules[id];
        let meanings = module.scope.names.get(name);
        match meanings.and_then(|meanings| meanings.get(number)) {
            Some(Name::Defined) => vec![Target::Item(id)],
            Some(Name::Module) => {
                let child = module.children.get(name);
                child
                    .map(|&child| Target::Module(child))
                    .into_iter()
                    .collect()
            }
            Some(Name::Import(path)) => {
                let place = (id, name.to_owned(), number);
                if !seen.insert(place.clone()) {
                    return Vec::new();
                }
                let found = self.resolve(id, path, seen);
                seen.remove(&place);
                found
            }
            None => Vec::new(),
        }
    }
}

/// The file of a module that is declared without a body.
fn find<'a>(
    child: &Child,
    folder: &str,
    parent: &str,
    sources: &'a BTreeMap<String, Source>,
) -> Option<(&'a str, &'a Source)> {
    let candidates = match &child.file {
        Some(file) => {
            let beside = parent.rsplit_once('/').map_or("", |(folder, _)| folder);
            vec![format!("{beside}/{file}")]
        }
        None => vec![
            format!("{folder}/{}.rs", child.name),
            format!("{folder}/{}/mod.rs", child.name),
        ],
    };
    candidates
        .iter()
        .find_map(|path| sources.get_key_value(path))
        .map(|(path, source)| (path.as_str(), source))
}
