//! Errors of a profile, with the place in its text that they are about.

use std::{ops::Range, sync::Arc};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use scanner_core::escape::{lines, visible};
use serde_saphyr::Spanned;

/// Longest message, in characters.
const MAX_MESSAGE: usize = 2000;

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", place(.file, *.line, *.column))]
#[non_exhaustive]
pub struct ProfileError {
    /// Name of the file.
    pub file: String,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What is wrong and what was expected.
    pub message: String,
    /// Whether it is about the options of the profile, such as inputs and tags, and not about its text.
    pub asked: bool,
    text: Arc<str>,
    /// Bytes of the text that are meant.
    span: Range<usize>,
}

impl ProfileError {
    /// The lines of the profile with a mark under the place, safe to show; empty when the whole file is meant, and when
    /// the text is not known to be a profile.
    pub fn excerpt(&self, colour: bool) -> String {
        if self.line == 0 || self.text.is_empty() {
            return String::new();
        }
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let part = |range: Range<usize>| {
            let text = self.text.get(range).unwrap_or_default();
            lines(&text.replace("\r\n", "\n"))
        };
        let Range { start, end } = self.span;
        let (before, meant) = (part(0..start), part(start..end));
        let span = before.len()..before.len() + meant.len();
        let text = format!("{before}{meant}{}", part(end..self.text.len()));
        let file = shown(&self.file);
        let snippet = Snippet::source(text)
            .path(file.as_str())
            .annotation(AnnotationKind::Primary.span(span));
        renderer.render(&[Level::ERROR.primary_title(&self.message).element(snippet)])
    }
}

fn place(file: &str, line: u64, column: u64) -> String {
    match (shown(file), line) {
        (file, 0) => file,
        (file, line) => format!("{file}:{line}:{column}"),
    }
}

fn shown(file: &str) -> String {
    visible(file, 400)
}

/// Something of a profile that has no effect, or that will be an error in a scan of a large target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileWarning(pub ProfileError);

/// The text of one profile, for places in it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl Place {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        Self {
            file: Arc::from(file),
            text: Arc::from(text),
        }
    }

    pub(crate) fn whole(&self, mut message: String) -> ProfileError {
        if message.contains('\n') {
            message = message.replace('\n', " ");
        }
        ProfileError {
            file: self.file.to_string(),
            line: 0,
            column: 0,
            // It may quote the text.
            message: visible(&message, MAX_MESSAGE),
            asked: false,
            text: Arc::clone(&self.text),
            span: 0..0,
        }
    }

    /// An error about the options of the profile.
    pub(super) fn asked(&self, message: String) -> ProfileError {
        ProfileError {
            asked: true,
            ..self.whole(message)
        }
    }

    pub(crate) fn yaml(&self, error: &serde_saphyr::Error) -> ProfileError {
        let message = error.without_snippet().to_string();
        match error.location() {
            Some(place) => self.at(self.offset(place.line(), place.column()), message),
            None => self.whole(message),
        }
    }

    /// The same for a file that may be anything else by mistake: names of fields are quoted, values are not.
    pub(crate) fn yaml_without_values(
        &self,
        error: &serde_saphyr::Error,
        what: &str,
    ) -> ProfileError {
        use serde_saphyr::Error;
        let inner = error.without_snippet();
        let message = match inner {
            Error::SerdeInvalidType { expected, .. }
            | Error::SerdeInvalidValue { expected, .. } => {
                format!("a value is not of the kind that is expected: {expected}")
            }
            Error::SerdeUnknownField { .. }
            | Error::SerdeMissingField { .. }
            | Error::Eof { .. }
            | Error::MultipleDocuments { .. } => inner.to_string(),
            Error::DuplicateMappingKey { .. } => "a field is given twice".into(),
            _ => format!("this is not understood: expected {what}"),
        };
        match error.location() {
            Some(place) => self.at(self.offset(place.line(), place.column()), message),
            None => self.whole(message),
        }
    }

    /// An error about a text that another file names and that is no profile. Nothing of it is quoted: it may be anything.
    pub(super) fn no_profile(&self, error: &serde_saphyr::Error) -> ProfileError {
        let place = error.location().map_or(0, |place| place.line());
        ProfileError {
            line: place,
            column: error.location().map_or(0, |place| place.column()),
            text: Arc::from(""),
            ..self.whole("this is not a profile; its text is not shown".into())
        }
    }

    pub(super) fn error<T>(&self, at: &Spanned<T>, message: String) -> ProfileError {
        self.at(self.offset(at.defined.line(), at.defined.column()), message)
    }

    /// An error about the first line that begins with `word` and a colon.
    pub(super) fn word(&self, word: &str, message: String) -> ProfileError {
        let starts = |line: &str| {
            let rest = line.trim_start().strip_prefix(word);
            rest.is_some_and(|rest| rest.starts_with(':'))
        };
        let mut offset = 0;
        for line in self.text.split_inclusive('\n') {
            if starts(line) {
                let start = offset + line.len() - line.trim_start().len();
                return self.spanning(start..start + word.len(), message);
            }
            offset += line.len();
        }
        self.whole(message)
    }

    /// An error about the first place where `word` stands.
    pub(crate) fn find(&self, word: &str, message: String) -> ProfileError {
        match self.text.find(word) {
            Some(start) => self.spanning(start..start + word.len(), message),
            None => self.whole(message),
        }
    }

    /// An error about characters `range` of a text that is written at `at`.
    pub(super) fn within(
        &self,
        at: &Spanned<String>,
        range: Range<usize>,
        message: String,
    ) -> ProfileError {
        let start = self.offset(at.defined.line(), at.defined.column());
        match self.written(start, &at.value, &range) {
            Some(span) => self.spanning(span, message),
            None => self.at(start, message),
        }
    }

    /// The word that begins at byte `start`.
    fn at(&self, start: usize, message: String) -> ProfileError {
        let rest = self.text.get(start..).unwrap_or_default();
        let word = rest
            .find(|c: char| c.is_whitespace() || ",]}".contains(c))
            .unwrap_or(rest.len());
        self.spanning(start..start + word, message)
    }

    fn spanning(&self, span: Range<usize>, message: String) -> ProfileError {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        ProfileError {
            line: line as u64,
            column: column as u64,
            span,
            ..self.whole(message)
        }
    }

    /// The byte at which a line and column (in characters) are.
    fn offset(&self, line: u64, column: u64) -> usize {
        let line = usize::try_from(line).unwrap_or(1).max(1);
        let column = usize::try_from(column).unwrap_or(1).max(1);
        let mut start = 0;
        for text in self.text.split_inclusive('\n').take(line - 1) {
            start += text.len();
        }
        let rest = self.text.get(start..).unwrap_or_default();
        let within = rest.char_indices().nth(column - 1).map(|(n, _)| n);
        start + within.unwrap_or(rest.len())
    }

    /// Where characters `range` of `value` stand in the text, in which it begins at byte `start`,
    /// plain, quoted or as a block: quoting, escapes and folded lines are stepped over.
    fn written(&self, start: usize, value: &str, range: &Range<usize>) -> Option<Range<usize>> {
        let mut text = self.text.get(start..)?.char_indices().peekable();
        if matches!(text.peek(), Some((_, '>' | '|'))) {
            text.by_ref().find(|(_, c)| *c == '\n')?;
        } else if matches!(text.peek(), Some((_, '"' | '\''))) {
            text.next();
        }
        let (mut from, mut to) = (None, None);
        for (index, wanted) in value.chars().enumerate() {
            if index >= range.end.max(range.start + 1) {
                break;
            }
            if wanted.is_whitespace() {
                while text.next_if(|(_, c)| c.is_whitespace()).is_some() {}
                continue;
            }
            // Before a character there may be indentation, or what escapes it.
            let (place, found) = text.find(|(_, c)| *c == wanted || !" \n\t\\'".contains(*c))?;
            if found != wanted {
                return None;
            }
            if index >= range.start && from.is_none() {
                from = Some(start + place);
            }
            to = Some(start + place + found.len_utf8());
        }
        Some(from?..to?)
    }
}
