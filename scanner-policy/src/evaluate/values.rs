//! What expressions see of an inventory, as CEL values.

use std::collections::{BTreeMap, HashMap};

use cel::Value;
use scanner_core::inventory::{Collected, FileEntry, Inventory, Section};
use serde::Serialize;

use crate::{check::Check, expression::INPUTS, inputs::Input};

/// Sections and inputs as CEL values, converted once for all checks.
pub(crate) struct Values {
    pub(super) sections: BTreeMap<Section, Value>,
    inputs: Value,
}

impl Values {
    pub(crate) fn new(inventory: &Inventory, inputs: &BTreeMap<String, Input>) -> Self {
        let mut all = BTreeMap::new();
        let mut put = |section, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(section, value);
            }
        };
        put(Section::Identity, value(&inventory.identity));
        put(Section::Users, value(&inventory.users));
        put(Section::Groups, value(&inventory.groups));
        put(Section::Shadow, value(&inventory.shadow));
        put(Section::Processes, value(&inventory.processes));
        put(Section::Listeners, value(&inventory.listeners));
        put(Section::Connections, value(&inventory.connections));
        put(Section::Mounts, value(&inventory.mounts));
        put(Section::Env, value(&inventory.env));
        put(Section::Packages, value(&inventory.packages));
        put(
            Section::LanguagePackages,
            value(&inventory.language_packages),
        );
        put(Section::Os, value(&inventory.os));
        put(Section::Kernel, value(&inventory.kernel));
        put(Section::Pod, value(&inventory.pod));
        let inputs = inputs
            .iter()
            .filter_map(|(name, input)| Some((name.clone(), input.value.clone()?)));
        Self {
            sections: all,
            inputs: Value::Map(inputs.collect::<HashMap<_, _>>().into()),
        }
    }
}

pub(super) fn value<T: Serialize>(collected: &Collected<T>) -> Option<Value> {
    cel::to_value(collected.data()?).ok()
}

/// What a check sees: only its own files and commands.
pub(super) fn variables(
    check: &Check,
    inventory: &Inventory,
    values: &Values,
) -> Vec<(&'static str, Value)> {
    let own = |section: &Section| match section {
        Section::Files => {
            let all = inventory.files.data()?.iter();
            // Selections of several checks meet in one file, which an agent then tells more than once.
            let mut told: HashMap<&str, &FileEntry> = HashMap::new();
            let selected: Vec<_> = all
                .filter(|file| check.files.iter().any(|s| s.matches(file)))
                .filter(|file| told.insert(file.path.as_text(), file) != Some(*file))
                .collect();
            let mut value = cel::to_value(selected).ok()?;
            hide_contents(check, &mut value);
            Some(value)
        }
        Section::Commands => {
            let all = inventory.commands.data()?.iter();
            let selected: Vec<_> = all.filter(|c| check.commands.contains(&c.name)).collect();
            cel::to_value(selected).ok()
        }
        other => values.sections.get(other).cloned(),
    };
    let sections = check.sections.iter();
    let sections = sections.filter_map(|s| Some((s.name(), own(s)?)));
    sections.chain([(INPUTS, values.inputs.clone())]).collect()
}

/// Takes what only `digest: true` and `capabilities: true` collect away from a check that does not ask
/// for it: reading it is an error then, not a comparison with nothing.
pub(super) fn hide_contents(check: &Check, files: &mut Value) {
    let Value::List(items) = files else { return };
    let mut hidden = vec!["capabilities_known"];
    if !check.files.iter().any(|s| s.digest) {
        hidden.extend(["digest", "link"]);
    }
    if !check.files.iter().any(|s| s.capabilities) {
        hidden.push("capabilities");
    }
    for item in std::sync::Arc::make_mut(items) {
        if let Value::Map(fields) = item {
            let fields = std::sync::Arc::make_mut(&mut fields.map);
            for field in &hidden {
                fields.remove(&cel::objects::Key::from(*field));
            }
        }
    }
}
