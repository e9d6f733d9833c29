//! The profile format as it is written; published as `docs/profile.schema.json`.

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::{finding::Severity, inventory::FileSelector};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_saphyr::Spanned;

use crate::inputs::Kind;

/// A profile of secure-scan: checks, each one CEL expression over what is found in a target.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "secure-scan profile")]
pub(super) struct RawProfile {
    /// Lower-case letters, digits and '-'.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9-]{1,64}$"))]
    pub(super) name: Spanned<String>,
    /// Version of the profile, in quotes.
    pub(super) version: String,
    /// One line for a reader.
    pub(super) title: String,
    /// Profiles whose checks and inputs this one has too: shipped names, or files beside this one.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) extends: Vec<Spanned<String>>,
    /// Values that users set, read in expressions as `inputs.NAME`.
    #[serde(default)]
    pub(super) inputs: BTreeMap<String, RawInput>,
    /// Values for inputs of the profiles that are extended.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub(super) set: BTreeMap<String, Spanned<serde_json::Value>>,
    /// Changes to checks of the profiles that are extended.
    #[serde(default)]
    pub(super) r#override: Vec<RawOverride>,
    /// Checks.
    #[serde(default)]
    pub(super) checks: Vec<RawCheck>,
}

/// An input: its type and its default.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInput {
    /// What it holds.
    pub(super) r#type: Kind,
    /// What it is for.
    pub(super) description: String,
    /// Its value unless it is set. Without one, checks that read it are errors until it is set.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    pub(super) default: Option<Spanned<serde_json::Value>>,
}

/// A change to a check of a profile that is extended.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOverride {
    /// Id of the check.
    #[schemars(with = "String")]
    pub(super) id: Spanned<String>,
    /// Its severity here.
    #[serde(default)]
    pub(super) severity: Option<Severity>,
    /// Why it is disabled here; the report shows the reason.
    #[serde(default)]
    pub(super) disable: Option<String>,
}

/// What a check's pass claims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Everything was read: with parts missing the check is an error.
    #[default]
    Everything,
    /// Everything was read that the container's own processes can get to; the report names the rest. Where that is not known,
    /// and for an image, it means `everything`.
    Reachable,
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const WORDS: [&str; 2] = ["everything", "reachable"];
        match String::deserialize(from)?.as_str() {
            "everything" => Ok(Self::Everything),
            "reachable" => Ok(Self::Reachable),
            "full" => Err(D::Error::custom(
                "the scope `full` is now named `everything`: expected `everything` or `reachable`",
            )),
            other => Err(D::Error::unknown_variant(other, &WORDS)),
        }
    }
}

/// A check: exactly one of `pass` and `violations`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["pass"]}, {"required": ["violations"]}]))]
pub(super) struct RawCheck {
    /// Stable name: lower-case letters, digits and '-'.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9-]{1,64}$"))]
    pub(super) id: Spanned<String>,
    /// How it should be, in one line: the headline of a pass.
    pub(super) title: String,
    /// What is wrong when it fails, in one line: the headline of a failure. `title` takes its place when absent.
    #[serde(default)]
    pub(super) fails: String,
    /// How much a failure matters.
    pub(super) severity: Severity,
    /// Why it matters.
    pub(super) rationale: String,
    /// What to do.
    pub(super) fix: String,
    /// Words by which checks are selected.
    #[serde(default)]
    pub(super) tags: BTreeSet<String>,
    /// Sections of benchmarks and standards, and addresses of pages, that ask for it.
    #[serde(default)]
    pub(super) references: Vec<String>,
    /// What a pass claims.
    #[serde(default)]
    pub(super) scope: Scope,
    /// Why it claims that, in one sentence.
    #[serde(default)]
    pub(super) scope_because: String,
    /// Files that the check sees; needed exactly when an expression reads `files`.
    #[serde(default)]
    pub(super) files: Vec<FileSelector>,
    /// Commands that the check looks for; needed exactly when an expression reads `commands`.
    #[serde(default)]
    pub(super) commands: BTreeSet<String>,
    /// CEL: false when the check does not apply to this target.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) applies_when: Option<Spanned<String>>,
    /// CEL: true when all is well.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) pass: Option<Spanned<String>>,
    /// CEL: what is wrong, as a list of texts or numbers; empty when all is well.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) violations: Option<Spanned<String>>,
}

/// The JSON Schema of the format, pretty-printed.
pub(super) fn json_schema() -> String {
    let schema = schemars::schema_for!(RawProfile);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
