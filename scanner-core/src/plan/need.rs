//! What an operator must be allowed to do.

/// What the operator must be allowed to do: an API group (the core group is the empty string), a resource, verbs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Need {
    /// API group.
    pub group: String,
    /// Resource or subresource.
    pub resource: String,
    /// Verbs.
    pub verbs: Vec<String>,
    of_target: bool,
}

impl Need {
    /// Verbs on one resource, of any name in the namespace.
    pub fn new(group: &str, resource: &str, verbs: &[&str]) -> Self {
        Self {
            group: group.to_owned(),
            resource: resource.to_owned(),
            verbs: verbs.iter().map(|&verb| verb.to_owned()).collect(),
            of_target: false,
        }
    }

    /// The same on the target's pod alone: a right to objects of its name is enough.
    #[must_use]
    pub const fn of_target(mut self) -> Self {
        self.of_target = true;
        self
    }

    /// Whether it is about the target's pod alone.
    pub const fn is_of_target(&self) -> bool {
        self.of_target
    }
}
