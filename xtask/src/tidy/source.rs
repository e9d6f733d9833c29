//! One Rust file: its modules, identifiers, strings and comments, each with its line.

use std::ops::Range;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::Lit;

use super::{
    passage::Passage,
    scope::{self, Scope},
};

/// The facts about one Rust file that the rules need.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) scope: Scope,
    pub(crate) lines: usize,
    /// First and last lines of code that only tests are built with.
    pub(crate) tests: Vec<(usize, usize)>,
    pub(crate) identifiers: Vec<(String, usize)>,
    pub(crate) strings: Vec<Passage>,
    pub(crate) comments: Vec<Passage>,
}

impl Source {
    /// # Errors
    ///
    /// When the text is not valid Rust: the line, and what the parser says.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let failed = |span: Span, error: String| (span.start().line, error);
        let tokens: TokenStream = text
            .parse()
            .map_err(|error: proc_macro2::LexError| failed(error.span(), error.to_string()))?;
        let file = syn::parse2(tokens.clone())
            .map_err(|error: syn::Error| failed(error.span(), error.to_string()))?;
        let (scope, tests) = scope::read(&file);
        let mut words = Walk {
            text,
            end: 0,
            line: 1,
            source: Self {
                scope,
                tests,
                lines: text.lines().count(),
                ..Self::default()
            },
        };
        words.walk(tokens, false);
        words.comments(text.len());
        Ok(words.source)
    }

    /// Whether only tests are built with this line.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.tests
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&line))
    }
}

/// Reads the tokens in order. Between two tokens stand only spaces and comments.
struct Walk<'a> {
    text: &'a str,
    /// The end of the last token, and its line.
    end: usize,
    line: usize,
    source: Source,
}

impl Walk<'_> {
    fn walk(&mut self, tokens: TokenStream, in_attribute: bool) {
        let (mut last, mut before) = (String::new(), String::new());
        for token in tokens {
            // A name of before that a reader still accepts, as in `#[serde(alias = "old")]`.
            let is_alias = in_attribute && before == "alias" && last == "=";
            let now = match &token {
                TokenTree::Ident(ident) => ident.to_string(),
                TokenTree::Punct(punct) => punct.as_char().to_string(),
                _ => String::new(),
            };
            let attribute_follows = in_attribute || last == "#" || (before == "#" && last == "!");
            before = std::mem::replace(&mut last, now);
            match token {
                TokenTree::Group(group) => {
                    if self.is_comment(&group.span().byte_range()) {
                        continue;
                    }
                    self.pass(group.span_open());
                    self.walk(group.stream(), attribute_follows);
                    self.pass(group.span_close());
                }
                TokenTree::Ident(ident) => {
                    if self.pass(ident.span()) {
                        let line = ident.span().start().line;
                        self.source.identifiers.push((ident.to_string(), line));
                    }
                }
                TokenTree::Punct(punct) => {
                    self.pass(punct.span());
                }
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    if self.pass(literal.span())
                        && !is_alias
                        && let Lit::Str(string) = Lit::new(literal)
                    {
                        let text = string.value();
                        self.source.strings.push(Passage { line, text });
                    }
                }
            }
        }
    }

    /// Whether the parser made the token from a documentation comment, which stays to be read as
    /// the comment that it is.
    fn is_comment(&self, place: &Range<usize>) -> bool {
        let token = self.text.get(place.clone()).unwrap_or_default();
        token.starts_with("//") || token.starts_with("/*")
    }

    /// Passes one token; false for one that is a comment.
    fn pass(&mut self, span: Span) -> bool {
        let place = span.byte_range();
        if self.is_comment(&place) {
            return false;
        }
        self.comments(place.start);
        self.end = self.end.max(place.end);
        self.line = span.end().line;
        true
    }

    fn comments(&mut self, start: usize) {
        let gap = self.text.get(self.end..start).unwrap_or_default();
        if gap.contains("//") || gap.contains("/*") {
            let text = gap
                .lines()
                .map(|line| line.trim().trim_start_matches(['/', '!', '*']))
                .collect::<Vec<_>>()
                .join("\n");
            self.source.comments.push(Passage {
                line: self.line,
                text,
            });
        }
    }
}
