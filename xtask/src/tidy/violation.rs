//! What breaks a rule, and what to do about it.

use std::fmt;

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) rule: Rule,
    pub(crate) what: String,
    /// Further places that belong to it.
    pub(crate) notes: Vec<String>,
    pub(crate) hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    Syntax,
    Layers,
    Circles,
    Length,
    Words,
}

impl Rule {
    pub(crate) const ALL: [Self; 5] = [
        Self::Syntax,
        Self::Layers,
        Self::Circles,
        Self::Length,
        Self::Words,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Syntax => "syntax",
            Self::Layers => "layers",
            Self::Circles => "circles",
            Self::Length => "length",
            Self::Words => "words",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}:{}: {}", self.path, self.line, self.what)?;
        for note in &self.notes {
            writeln!(out, "  {note}")?;
        }
        write!(out, "  hint: {}", self.hint)
    }
}
