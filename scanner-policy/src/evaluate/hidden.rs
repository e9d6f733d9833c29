//! Fields of files that a check does not see, because it does not ask for them.

use std::sync::Arc;

use cel::Value;

use crate::check::Check;

/// Fields that only `digest: true` and `capabilities: true` collect: without these, reading the fields is an error and not
/// a comparison with nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) digest: bool,
    pub(super) capabilities: bool,
}

impl Hidden {
    pub(super) fn from(check: &Check) -> Self {
        Self {
            digest: !check.files.iter().any(|s| s.digest),
            capabilities: !check.files.iter().any(|s| s.capabilities),
        }
    }

    /// Takes the fields away from every file of a list.
    pub(super) fn take_from(self, files: &mut Value) {
        let Value::List(items) = files else { return };
        for item in Arc::make_mut(items) {
            self.take_from_one(item);
        }
    }

    pub(super) fn take_from_one(self, file: &mut Value) {
        let Value::Map(fields) = file else { return };
        let fields = Arc::make_mut(&mut fields.map);
        let mut take = |name: &str| fields.remove(&cel::objects::Key::from(name));
        take("capabilities_known");
        take("followed");
        take("modified");
        if self.digest {
            take("digest");
            take("link");
        }
        if self.capabilities {
            take("capabilities");
        }
    }
}
