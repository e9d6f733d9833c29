//! What one module defines, declares and imports, read from its syntax tree.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Field, File, ImplItem, Item, ItemUse, Macro, Meta, Path, UseTree, Visibility,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::attributes::{is_test, path_attribute};

/// One module, with the modules inside it.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// What each name in the module stands for; a name can be a module and a function at once.
    pub(crate) names: BTreeMap<String, Vec<Name>>,
    /// Paths of glob imports.
    pub(crate) globs: Vec<Vec<String>>,
    /// Every path that the code outside tests names.
    pub(crate) paths: Vec<PathUse>,
    pub(crate) children: Vec<Child>,
}

#[derive(Debug)]
pub(crate) enum Name {
    Defined,
    Module,
    Import(Vec<String>),
}

/// A path as written. An empty first segment stands for a leading `::`.
#[derive(Debug)]
pub(crate) struct PathUse {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A private `use`.
    Import,
    /// A `use` that others can see.
    Reexport,
    Glob,
    /// A path in an expression, a type, a pattern, a macro or an attribute.
    Inline,
}

/// A module that another one declares; without a body it has a file of its own.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) name: String,
    pub(crate) file: Option<String>,
    pub(crate) body: Option<Scope>,
}

/// The module of a file, and the lines of its code that only tests are built with.
pub(crate) fn read(file: &File) -> (Scope, Vec<(usize, usize)>) {
    let mut reader = Reader::default();
    for item in &file.items {
        reader.visit_item(item);
    }
    if is_test(&file.attrs) {
        return (Scope::default(), vec![(1, usize::MAX)]);
    }
    (reader.scope, reader.tests)
}

#[derive(Default)]
struct Reader {
    scope: Scope,
    tests: Vec<(usize, usize)>,
    /// How many blocks surround the current item; what a block defines does not belong to the module.
    blocks: usize,
}

impl Reader {
    fn define(&mut self, name: String, meaning: Name) {
        if self.blocks == 0 || matches!(meaning, Name::Import(_)) {
            self.scope.names.entry(name).or_default().push(meaning);
        }
    }

    fn skip_test(&mut self, attributes: &[Attribute], item: &impl Spanned) -> bool {
        let skip = is_test(attributes);
        if skip {
            let span = item.span();
            self.tests.push((span.start().line, span.end().line));
        }
        skip
    }

    fn import(&mut self, item: &ItemUse) {
        let kind = match item.vis {
            Visibility::Inherited => Kind::Import,
            _ => Kind::Reexport,
        };
        let mut prefix = Vec::new();
        if item.leading_colon.is_some() {
            prefix.push(String::new());
        }
        self.import_tree(&item.tree, &prefix, kind);
    }

    fn import_tree(&mut self, tree: &UseTree, prefix: &[String], kind: Kind) {
        let joined = |name: &syn::Ident| {
            let mut segments = prefix.to_vec();
            if name != "self" || prefix.is_empty() {
                segments.push(text(name));
            }
            segments
        };
        match tree {
            UseTree::Path(path) => self.import_tree(&path.tree, &joined(&path.ident), kind),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import_tree(tree, prefix, kind);
                }
            }
            UseTree::Name(name) => {
                let segments = joined(&name.ident);
                if let Some(bound) = segments.last() {
                    self.define(bound.clone(), Name::Import(segments.clone()));
                }
                self.push(segments, &name.ident, kind);
            }
            UseTree::Rename(rename) => {
                let segments = joined(&rename.ident);
                self.define(text(&rename.rename), Name::Import(segments.clone()));
                self.push(segments, &rename.ident, kind);
            }
            UseTree::Glob(glob) => {
                self.scope.globs.push(prefix.to_vec());
                self.scope.paths.push(PathUse {
                    segments: prefix.to_vec(),
                    line: glob.span().start().line,
                    kind: Kind::Glob,
                });
            }
        }
    }

    fn push(&mut self, segments: Vec<String>, place: &impl Spanned, kind: Kind) {
        self.scope.paths.push(PathUse {
            segments,
            line: place.span().start().line,
            kind,
        });
    }

    /// The syntax tree ends at a macro, so paths inside are read from its tokens.
    fn tokens(&mut self, tokens: TokenStream, strings: bool) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 || path.is_empty() {
                        self.finish(&mut path, line);
                        line = ident.span().start().line;
                    }
                    path.push(text(&ident));
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.finish(&mut path, line);
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream(), strings),
                        TokenTree::Literal(literal) if strings => {
                            let line = literal.span().start().line;
                            if let syn::Lit::Str(string) = syn::Lit::new(literal) {
                                self.finish(&mut path_in(&string.value()), line);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        self.finish(&mut path, line);
    }

    fn finish(&mut self, path: &mut Vec<String>, line: usize) {
        let segments = std::mem::take(path);
        if segments.len() > 1 {
            self.scope.paths.push(PathUse {
                segments,
                line,
                kind: Kind::Inline,
            });
        }
    }

    fn module(&mut self, module: &syn::ItemMod) {
        self.define(text(&module.ident), Name::Module);
        let body = module.content.as_ref().map(|(_, items)| {
            let mut inner = Self::default();
            for item in items {
                inner.visit_item(item);
            }
            self.tests.append(&mut inner.tests);
            inner.scope
        });
        self.scope.children.push(Child {
            name: text(&module.ident),
            file: module.attrs.iter().find_map(path_attribute),
            body,
        });
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = parts(item);
        if self.skip_test(attributes, item) {
            return;
        }
        match item {
            Item::Use(item) => return self.import(item),
            Item::Mod(item) => return self.module(item),
            Item::ExternCrate(item) => {
                let bound = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
                let path = vec![String::new(), text(&item.ident)];
                self.define(text(bound), Name::Import(path));
            }
            _ => {}
        }
        if let Some(name) = name {
            self.define(text(name), Name::Defined);
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !self.skip_test(attributes, item) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast Field) {
        if !self.skip_test(&field.attrs, field) {
            visit::visit_field(self, field);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.blocks += 1;
        visit::visit_block(self, block);
        self.blocks -= 1;
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.segments.len() > 1 {
            let mut segments: Vec<String> =
                path.leading_colon.iter().map(|_| String::new()).collect();
            segments.extend(path.segments.iter().map(|segment| text(&segment.ident)));
            self.push(segments, path, Kind::Inline);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.visit_path(&list.path);
            self.tokens(list.tokens.clone(), list.path.is_ident("serde"));
        }
    }
}

fn text(ident: &syn::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}

/// The path in a string such as `#[serde(with = "crate::bytes")]`.
fn path_in(string: &str) -> Vec<String> {
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    };
    let parts: Vec<&str> = string.split("::").collect();
    if parts.iter().all(|part| is_name(part)) {
        parts.into_iter().map(str::to_owned).collect()
    } else {
        Vec::new()
    }
}

fn parts(item: &Item) -> (&[Attribute], Option<&syn::Ident>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::ExternCrate(item) => (&item.attrs, None),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::ForeignMod(item) => (&item.attrs, None),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Mod(item) => (&item.attrs, None),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::TraitAlias(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}
