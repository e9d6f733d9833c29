//! Adds the hardened sidecar to manifests, for those who deploy it with their workload.
//!
//! Text is only ever added: comments, order and formatting of the manifest stay. Before it is returned, the result is
//! parsed again, and must be the original plus the additions.

mod edit;
mod error;
mod sidecar;
mod tree;

use k8s_openapi::api::core::v1::PodSpec;
use scanner_core::{escape::visible, target::ContainerName};
use serde_json::Value;

use crate::names::SIDECAR_CONTAINER;
use crate::names::SIDECAR_LABEL;
use crate::{
    names::DEFAULT_CONTAINER,
    pod::{access_planner, injected::NO_TOKEN, security_context, security_context::PodSecurity},
};
use edit::{Addition, Step};
pub use error::{InjectError, MAX_MANIFEST, Reason};
use sidecar::Sidecar;

/// Longest note on a workload, in characters.
const MAX_NOTE: usize = 1000;

/// What to add.
#[derive(Debug, Clone)]
pub struct Options {
    /// Image of the probe, best named by digest.
    pub probe_image: String,
    /// Container that the sidecar reads [default: the only or default one of each workload].
    pub container: Option<ContainerName>,
    /// User and group that the container runs as, where the manifest does not say.
    pub user: Option<(i64, i64)>,
    /// Pod Security level of the namespace.
    pub level: PodSecurity,
}

/// A manifest with the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// The manifest.
    pub text: String,
    /// What was done to each workload, one line each.
    pub notes: Vec<String>,
}

/// Adds the sidecar to every workload of a manifest. A workload that has exactly this sidecar
/// already is left as it is.
///
/// # Errors
///
/// Fails, and adds nothing, when one workload cannot get it or the place is not certain.
pub fn inject(source: &str, options: &Options) -> Result<Injected, InjectError> {
    if source.len() > MAX_MANIFEST {
        return Err(InjectError::TooLong);
    }
    printable(source)?;
    let before = parsed(source)?;
    let roots = tree::documents(source).map_err(|e| InjectError::Syntax(shown(&e)))?;
    if before.len() != roots.len() {
        return Err(InjectError::SelfCheck);
    }
    let (mut additions, mut notes) = (Vec::new(), Vec::new());
    for (number, document) in before.iter().enumerate() {
        for (path, workload) in workloads(document) {
            let name = named(workload);
            let refused = |reason| InjectError::Refused {
                workload: name.clone(),
                reason,
            };
            let (found, note) =
                plan(number, &path, document, workload, options).map_err(refused)?;
            additions.extend(found);
            notes.push(visible(&format!("{name}: {note}"), MAX_NOTE));
        }
    }
    if notes.is_empty() {
        return Err(InjectError::NoWorkload);
    }
    let mut insertions = Vec::new();
    for addition in &additions {
        let place = edit::place(source, &roots[addition.document], addition);
        insertions.push(place.map_err(|why| InjectError::Refused {
            workload: named(&before[addition.document]),
            reason: Reason::Unsafe(path_text(&addition.path), why.text()),
        })?);
    }
    let text = edit::insert(source, insertions);
    check(before, &additions, &text)?;
    Ok(Injected { text, notes })
}

/// Checks, document by document, that the result is the original plus the additions.
fn check(mut expected: Vec<Value>, additions: &[Addition], text: &str) -> Result<(), InjectError> {
    for addition in additions {
        let document = expected.get_mut(addition.document);
        if !document.is_some_and(|document| edit::apply(document, addition)) {
            return Err(InjectError::SelfCheck);
        }
    }
    if parsed(text).ok() == Some(expected) {
        Ok(())
    } else {
        Err(InjectError::SelfCheck)
    }
}

/// Refuses what YAML 1.2 allows nowhere in a text (section 5.1), comments included: control characters.
fn printable(source: &str) -> Result<(), InjectError> {
    let acts = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    for (line, text) in source.lines().enumerate() {
        if let Some(c) = text.chars().find(|c| acts(*c)) {
            let (line, code) = (line + 1, u32::from(c));
            return Err(InjectError::Syntax(format!(
                "line {line}: YAML does not allow the character U+{code:04X}"
            )));
        }
    }
    Ok(())
}

fn parsed(text: &str) -> Result<Vec<Value>, InjectError> {
    serde_saphyr::from_multiple(text).map_err(|e| InjectError::Syntax(shown(&e)))
}

/// What went wrong and where, without the lines of the manifest that an error may quote.
fn shown(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    visible(line.trim_start_matches("error: "), 400)
}

/// Kind and name, for a reader.
fn named(workload: &Value) -> String {
    let field = |value: &Value| visible(value.as_str().unwrap_or("without a name"), 80);
    format!(
        "{} {}",
        field(&workload["kind"]),
        field(&workload["metadata"]["name"])
    )
}

fn path_text(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Key(key) => (*key).to_owned(),
        Step::Index(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// Where the pod template of that kind is; `None` for a kind that makes no pods.
fn template(object: &Value) -> Option<&'static [&'static str]> {
    match (object["apiVersion"].as_str()?, object["kind"].as_str()?) {
        ("v1", "Pod") => Some(&[]),
        ("apps/v1", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch/v1", "Job") => Some(&["spec", "template"]),
        ("batch/v1", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// The workloads of a document, which may be a list, and where they are.
fn workloads(document: &Value) -> Vec<(Vec<Step>, &Value)> {
    if template(document).is_some() {
        return vec![(vec![], document)];
    }
    let is_list = document["kind"] == "List" && document["apiVersion"] == "v1";
    let items = document["items"].as_array().filter(|_| is_list);
    let items = items.into_iter().flatten().enumerate();
    items
        .filter(|(_, item)| template(item).is_some())
        .map(|(index, item)| (vec![Step::Key("items"), Step::Index(index)], item))
        .collect()
}

/// What one workload gets, and a line on it.
fn plan(
    number: usize,
    path: &[Step],
    document: &Value,
    workload: &Value,
    options: &Options,
) -> Result<(Vec<Addition>, String), Reason> {
    let below = template(workload).unwrap_or_default();
    let template = below.iter().fold(workload, |node, key| &node[*key]);
    let spec: PodSpec = serde_json::from_value(template["spec"].clone())
        .map_err(|e| Reason::NoTemplate(shown(&e)))?;
    let default = template["metadata"]["annotations"][DEFAULT_CONTAINER].as_str();
    let target = pick(&spec, options.container.as_ref(), default)?;
    let mut runs = security_context::of_spec(&spec, &target);
    if let Some((uid, gid)) = options.user {
        if runs.uid.is_some_and(|own| own != uid) || runs.gid.is_some_and(|own| own != gid) {
            let text = |id: Option<i64>| id.map_or_else(|| "?".into(), |id| id.to_string());
            let own = format!("{}:{}", text(runs.uid), text(runs.gid));
            return Err(Reason::OtherUser(own));
        }
        (runs.uid, runs.gid) = (Some(uid), Some(gid));
    }
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return Err(Reason::Windows);
    }
    let context = access_planner::plan(&runs, options.level)?;
    if spec.share_process_namespace == Some(false) {
        return Err(Reason::NotShared);
    }
    let restarts = spec.restart_policy.as_deref().unwrap_or("Always") == "Always";
    let is_job = workload["apiVersion"] == "batch/v1";
    let sidecar = Sidecar {
        target: &target,
        image: &options.probe_image,
        context: &context,
        ends: is_job || !restarts,
    };
    let mut full = path.to_vec();
    full.extend(below.iter().map(|key| Step::Key(key)));
    if present(template, &spec) {
        return if same(template, &sidecar, &full, document, number) {
            Ok((vec![], "has this sidecar already, left as it is".into()))
        } else {
            Err(Reason::Present)
        };
    }
    let kind = if sidecar.ends {
        "native sidecar, so that the pod can complete (Kubernetes 1.29 or later)"
    } else {
        "sidecar"
    };
    let note = format!(
        "{kind} beside container {target}, as {}:{}: {}",
        context.uid, context.gid, context.why
    );
    Ok((sidecar.additions(number, &full, template, &spec), note))
}

/// The container that is looked at.
fn pick(
    spec: &PodSpec,
    wanted: Option<&ContainerName>,
    default: Option<&str>,
) -> Result<String, Reason> {
    let names: Vec<&str> = spec.containers.iter().map(|c| c.name.as_str()).collect();
    let own: Vec<&str> = names
        .iter()
        .copied()
        .filter(|n| *n != SIDECAR_CONTAINER)
        .collect();
    let name = match (
        wanted.map(ContainerName::as_str).or(default),
        own.as_slice(),
    ) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => return Err(Reason::WhichContainer(visible(&own.join(", "), 300))),
    };
    if own.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(Reason::NoContainer(visible(name, 80)))
    }
}

/// Whether something of an injection is there.
fn present(template: &Value, spec: &PodSpec) -> bool {
    let containers = spec.containers.iter();
    let inits = spec.init_containers.iter().flatten();
    let mut names = containers.chain(inits).map(|c| &c.name);
    let mut volumes = spec.volumes.iter().flatten();
    names.any(|name| name == SIDECAR_CONTAINER)
        || volumes.any(|volume| volume.name == NO_TOKEN)
        || template["metadata"]["labels"].get(SIDECAR_LABEL).is_some()
}

/// Whether the whole injection is there, as it would be made: the template without it gets it again.
fn same(
    template: &Value,
    sidecar: &Sidecar<'_>,
    path: &[Step],
    document: &Value,
    number: usize,
) -> bool {
    let mut bare = template.clone();
    for (list, name) in [
        ("containers", SIDECAR_CONTAINER),
        ("initContainers", SIDECAR_CONTAINER),
        ("volumes", NO_TOKEN),
    ] {
        let items = bare["spec"].get_mut(list);
        if let Some(items) = items.and_then(Value::as_array_mut) {
            items.retain(|item| item["name"] != name);
            if items.is_empty()
                && let Some(spec) = bare["spec"].as_object_mut()
            {
                spec.remove(list);
            }
        }
    }
    let labels = bare.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.remove(SIDECAR_LABEL);
    }
    let Ok(spec) = serde_json::from_value::<PodSpec>(bare["spec"].clone()) else {
        return false;
    };
    let mut again = document.clone();
    let mut place = &mut again;
    for step in path {
        place = match step {
            Step::Key(key) => &mut place[*key],
            Step::Index(index) => &mut place[*index],
        };
    }
    *place = bare.clone();
    let additions = sidecar.additions(number, path, &bare, &spec);
    additions.iter().all(|a| edit::apply(&mut again, a)) && again == *document
}

#[cfg(test)]
mod tests;
