//! The value of an expression for all files, made from its values for single ones.

use cel::{Value, common::value::Val};

use super::outcome::wrong;
use crate::{
    evidence::Evidence,
    expression::{Expression, FileError, Fold, Ready},
};

/// An expression that is being evaluated file by file.
pub(super) struct Folding {
    ready: Ready,
    fold: Fold,
    /// How many lists come before the value.
    stages: usize,
    evidence: Evidence,
    /// The first item of the lists that is no evidence.
    no_item: Option<String>,
    decided: bool,
    /// The error that comes first in an evaluation of the whole list, and its stage.
    first: Option<(usize, String)>,
    /// An error that a later file may undo; the last one counts.
    open: Option<String>,
}

/// The value of an expression for all files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Folded {
    Evidence(Evidence),
    Bool(bool),
}

impl Folding {
    /// `None` when the expression is no single pass over files.
    pub(super) fn new(expression: &Expression, ready: Ready) -> Option<Self> {
        let pass = expression.pass()?;
        Some(Self {
            ready,
            fold: pass.fold,
            stages: pass.stages(),
            evidence: Evidence::default(),
            no_item: None,
            decided: false,
            first: None,
            open: None,
        })
    }

    /// Whether no later file can change anything.
    pub(super) fn is_done(&self) -> bool {
        // After a decision, a later file may still be an error of a list that comes before the value.
        let first = self.first.as_ref();
        first.is_some_and(|(stage, _)| *stage == 0) || (self.decided && self.stages == 0)
    }

    const fn absorbs(&self) -> bool {
        matches!(self.fold, Fold::Decides { absorbs: true, .. })
    }

    /// Takes one file; says whether a second time would count again.
    pub(super) fn file(&mut self, expression: &Expression, file: Box<dyn Val>) -> bool {
        match (self.ready.of_file(expression, file), self.fold) {
            (Ok(Value::List(items)), Fold::Lists) => {
                for item in items.iter() {
                    if let Err(message) = self.evidence.add(item) {
                        self.no_item.get_or_insert(message);
                    }
                }
                !items.is_empty()
            }
            (Ok(Value::Bool(value)), Fold::Decides { by, .. }) => {
                self.decided |= value == by;
                false
            }
            (Ok(other), _) => {
                let message = wrong("the expression", "a list, or true or false", &other);
                self.error(FileError { stage: 0, message });
                true
            }
            (Err(error), _) => {
                self.error(error);
                true
            }
        }
    }

    fn error(&mut self, FileError { stage, message }: FileError) {
        if stage >= self.stages && self.absorbs() {
            if !self.decided {
                self.open = Some(message);
            }
        } else if self.first.as_ref().is_none_or(|(first, _)| stage < *first) {
            self.first = Some((stage, message));
        }
    }

    /// The value for all files.
    pub(super) fn end(self) -> Result<Folded, String> {
        if let Some((_, message)) = self.first {
            return Err(message);
        }
        let error = match self.fold {
            Fold::Lists => self.no_item,
            Fold::Decides { .. } if self.decided => None,
            Fold::Decides { .. } => self.open,
        };
        if let Some(message) = error {
            return Err(message);
        }
        Ok(match self.fold {
            Fold::Lists => Folded::Evidence(self.evidence),
            Fold::Decides { by, .. } => Folded::Bool(self.decided == by),
        })
    }
}
