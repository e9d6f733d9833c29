//! What is installed in a target.

use scanner_inventory::{Inventory, LanguagePackage, OsRelease, Package};
use serde::{Deserialize, Serialize};

/// What is installed in a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Packages {
    /// The distribution that they belong to, where the target says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OsRelease>,
    /// The packages; the coverage of the report says whether these are all.
    pub items: Vec<Package>,
    /// Packages of languages; the coverage of the report says whether these are all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub language: Vec<LanguagePackage>,
}

impl Packages {
    /// What `inventory` says of packages, if it was asked for them and could look.
    pub fn of(inventory: &Inventory) -> Option<Self> {
        let items = inventory.packages.data().cloned();
        let language = inventory.language_packages.data().cloned();
        if items.is_none() && language.is_none() {
            return None;
        }
        Some(Self {
            os: inventory.os.data().cloned(),
            items: items.unwrap_or_default(),
            language: language.unwrap_or_default(),
        })
    }

    /// How many packages there are, of the distribution and of languages.
    pub fn count(&self) -> usize {
        self.items.len() + self.language.len()
    }
}
