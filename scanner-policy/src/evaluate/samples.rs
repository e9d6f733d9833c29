//! Made-up data on which a check is tried before any scan.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cel::Value;
use scanner_core::inventory::{
    Collected, ContainerFacts, EnvSource, FileEntry, FilePath, Group, Identity, Inventory,
    KernelFacts, Mount, OsRelease, PodFacts, Process, Section, VolumeFacts, VolumeMountFacts,
};

use super::{
    hidden::Hidden,
    outcome::outcome,
    values::{Values, value},
};
use crate::{
    check::Check,
    expression::{INPUTS, Meter},
    inputs::Input,
    types::Type,
};

/// Made-up values of every variable, with one item in each list.
pub(crate) struct Samples(Vec<(&'static str, Value)>);

impl Samples {
    pub(crate) fn new() -> Self {
        fn one<T: Default>() -> Collected<Vec<T>> {
            some_of(vec![T::default()])
        }
        fn some_of<T>(data: T) -> Collected<T> {
            Collected::Complete { data }
        }
        let words = || vec!["word".to_owned()];
        let inventory = Inventory {
            identity: some_of(Identity {
                groups: vec![0],
                capabilities: words(),
                bounding: words(),
                ..Identity::default()
            }),
            files: some_of(vec![FileEntry {
                capabilities: words(),
                ..FileEntry::default()
            }]),
            users: one(),
            groups: some_of(vec![Group {
                members: words(),
                ..Group::default()
            }]),
            shadow: one(),
            processes: some_of(vec![Process {
                groups: Some(vec![0]),
                capabilities: words(),
                bounding: words(),
                user_namespace: Some(0),
                mount_namespace: Some(0),
                other_namespaces: Some(false),
                root_device: Some(String::new()),
                root_fstype: Some(String::new()),
                mixed_ids: Some(false),
                raisable: Some(words()),
                cwd: Some(FilePath::default()),
                root: Some(FilePath::default()),
                places_reached: Some(false),
                ..Process::default()
            }]),
            listeners: one(),
            connections: one(),
            mounts: some_of(vec![Mount {
                options: words(),
                ..Mount::default()
            }]),
            env: one(),
            commands: one(),
            packages: one(),
            language_packages: one(),
            os: some_of(OsRelease::default()),
            kernel: some_of(KernelFacts::default()),
            pod: some_of(pod()),
            ..Inventory::default()
        };
        let values = Values::new(&inventory, &BTreeMap::new(), &Value::Null);
        let mut all: Vec<_> = values.sections.into_iter().collect();
        all.extend(value(&inventory.files).map(|v| (Section::Files, v)));
        all.extend(value(&inventory.commands).map(|v| (Section::Commands, v)));
        Self(all.into_iter().map(|(s, v)| (s.name(), v)).collect())
    }

    /// The types of every variable, where inputs have those types.
    pub(crate) fn types(&self, inputs: BTreeMap<String, Type>) -> Vec<(String, Type)> {
        let sections = self.0.iter();
        let sections = sections.map(|(name, value)| ((*name).to_owned(), Type::of(value)));
        let inputs = (INPUTS.to_owned(), Type::Record(inputs.into()));
        sections.chain([inputs]).collect()
    }
}

fn pod() -> PodFacts {
    let words = || vec!["word".to_owned()];
    let container = ContainerFacts {
        added_capabilities: words(),
        dropped_capabilities: words(),
        ports: vec![0],
        host_ports: vec![0],
        limits: words(),
        requests: words(),
        probe_hosts: words(),
        mounts: vec![VolumeMountFacts::default()],
        devices: words(),
        env: vec![EnvSource::default()],
        secret_env_from: words(),
        env_from: words(),
        ..ContainerFacts::default()
    };
    PodFacts {
        added_capabilities: words(),
        dropped_capabilities: words(),
        host_paths: words(),
        host_ports: vec![0],
        sysctls: words(),
        supplemental_groups: vec![0],
        volumes: vec![VolumeFacts::default()],
        containers: vec![container],
        ..PodFacts::default()
    }
}

/// Evaluates a check on made-up data, to find errors that its types do not show.
pub(crate) fn try_out(
    check: &Check,
    samples: &Samples,
    inputs: &BTreeMap<String, Input>,
) -> Result<(), String> {
    let inputs = inputs
        .iter()
        .map(|(name, input)| (name.clone(), input.kind.sample()));
    let inputs = Value::Map(inputs.collect::<HashMap<_, _>>().into());
    let mut variables = samples.0.clone();
    for (name, sample) in &mut variables {
        if *name == Section::Files.name() {
            Hidden::from(check).take_from(sample);
        }
    }
    variables.push((INPUTS, inputs));
    let meter = Arc::new(Meter::trial());
    outcome(check, &variables, &meter).map(drop)
}
