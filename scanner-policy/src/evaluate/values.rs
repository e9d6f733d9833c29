//! The sections of an inventory as CEL values, as expressions see them.

use std::collections::{BTreeMap, HashMap};

use cel::Value;
use scanner_core::inventory::{Collected, Inventory, Section};
use serde::Serialize;

use super::{hidden::Hidden, places};
use crate::{check::Check, expression::INPUTS, inputs::Input};

/// Sections and inputs as CEL values, converted once for all checks.
pub(crate) struct Values {
    pub(super) sections: BTreeMap<Section, Value>,
    places: [(&'static str, Value); 4],
    inputs: Value,
}

impl Values {
    /// `today` is the value of inputs that stand for the day of the scan.
    pub(crate) fn new(
        inventory: &Inventory,
        inputs: &BTreeMap<String, Input>,
        today: &Value,
    ) -> Self {
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
            .filter_map(|(name, input)| Some((name.clone(), input.value_on(today)?)));
        Self {
            sections: all,
            places: places::variables(inventory),
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
            inventory.files.data()?;
            let selected = inventory.matching(&check.files);
            let mut value = cel::to_value(selected).ok()?;
            Hidden::from(check).take_from(&mut value);
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
    let mut all: Vec<_> = sections.chain([(INPUTS, values.inputs.clone())]).collect();
    if check.expressions().any(|e| !e.beside().is_empty()) {
        all.extend(values.places.iter().cloned());
    }
    all
}
