//! The checks of drift: what each kind of difference means, the worst first.

use scanner_core::finding::{CheckResult, CheckStatus, EngineRef, Findings, Severity};

use super::{
    differences::{Differences, Fixed},
    request::Depth,
};
use crate::evidence::Evidence;

/// A check: identifier, headline of a pass and of a failure, severity, why it matters, what to do.
type Check = (
    &'static str,
    &'static str,
    &'static str,
    Severity,
    &'static str,
    &'static str,
);

const FIX: &str = "find out who changed it; replace the container rather than mending it";

const CHECKS: [Check; 11] = [
    (
        "drift-executable-added",
        "No program was added to the container",
        "A program was added to the container",
        Severity::Critical,
        "a program that is not in the image was brought in while the container ran",
        FIX,
    ),
    (
        "drift-executable-changed",
        "No program of the image was changed",
        "A program of the image was changed",
        Severity::Critical,
        "a changed program or library runs instead of what was built and scanned",
        FIX,
    ),
    (
        "drift-link-changed",
        "Every link leads where it does in the image",
        "A link leads elsewhere than in the image",
        Severity::High,
        "a link that was swapped makes a known name open something else",
        FIX,
    ),
    (
        "drift-device-added",
        "No device file was added",
        "A device file was added",
        Severity::High,
        "a device file is a way to the kernel and to the node's disks",
        FIX,
    ),
    (
        "drift-mount",
        "Nothing is mounted that the pod does not ask for",
        "Something is mounted that the pod does not ask for",
        Severity::High,
        "a mount that nobody planned can hide a changed file from every comparison",
        "find out who mounted it, and take the capability to mount from the container",
    ),
    (
        "drift-executable-removed",
        "Every program of the image is still there",
        "A program of the image was removed",
        Severity::Medium,
        "removed programs are missed by those who look into the container, and cover traces",
        FIX,
    ),
    (
        "drift-permissions-changed",
        "Modes and owners are those of the image",
        "Modes or owners differ from those of the image",
        Severity::Medium,
        "wider permissions let other users of the container change what they should not",
        FIX,
    ),
    (
        "drift-configuration-changed",
        "The configuration in /etc is that of the image",
        "Configuration in /etc was added, changed or removed",
        Severity::Medium,
        "changed configuration changes what a program does, and who may use it",
        "keep what must change in a volume, and the root filesystem read-only",
    ),
    (
        "drift-file-changed",
        "No other file of the image was changed",
        "Another file of the image was changed",
        Severity::Medium,
        "changed data changes what a program does",
        "keep what must change in a volume, and the root filesystem read-only",
    ),
    (
        "drift-file-added",
        "No other file was added",
        "Another file was added",
        Severity::Low,
        "what a program writes into its root filesystem is lost with the container",
        "keep what must be written in a volume, and the root filesystem read-only",
    ),
    (
        "drift-file-removed",
        "Every other file of the image is still there",
        "Another file of the image was removed",
        Severity::Low,
        "removed files can cover traces",
        FIX,
    ),
];

/// The checks that rest on the capabilities of programs.
const ON_CAPABILITIES: [&str; 3] = [
    "drift-executable-changed",
    "drift-permissions-changed",
    "drift-unseen",
];

/// One result for each check, and one that says what could not be compared.
pub(super) fn findings(drift: Differences, depth: Depth) -> Findings {
    let lists = [
        drift.executables_added,
        drift.executables_changed,
        drift.links_changed,
        drift.devices_added,
        drift.mounts,
        drift.executables_removed,
        drift.permissions,
        drift.configuration,
        drift.files_changed,
        drift.files_added,
        drift.files_removed,
    ];
    let unseen = [drift.blank, drift.beyond_image, drift.beyond];
    let unseen = unseen.into_iter().fold(drift.unseen, Evidence::and);
    let whole = unseen.is_empty();
    let mut limits = vec![
        format!(
            "left out, since something is mounted there: {}",
            bounded(&drift.left_out)
        ),
        "shows files as they are now: what was changed and put back is not seen".into(),
        how(drift.by_digest, drift.by_time, depth),
        match drift.owned {
            0 => "no package of the image is known to own a file".into(),
            owned => format!(
                "names the package of {owned} files and links, by the lists of the package managers in the image"
            ),
        },
    ];
    limits.extend(cannot_differ(&drift.fixed));
    let uncompared = without_capabilities(&drift.uncompared);
    limits.extend(uncompared.clone());
    let settled = without_capabilities(&drift.fixed.capabilities);
    limits.extend(settled.map(|programs| format!("{programs}; they cannot differ")));
    let mut results: Vec<CheckResult> = CHECKS
        .into_iter()
        .zip(lists)
        .map(|((id, title, fails, severity, rationale, fix), found)| {
            let (status, message) = match (found.total(), whole) {
                (0, true) => (
                    CheckStatus::Pass,
                    format!("none among {} files and directories", drift.compared),
                ),
                (0, false) => (
                    CheckStatus::Error,
                    format!(
                        "none among {} files and directories, but not all could be compared; see drift-unseen",
                        drift.compared
                    ),
                ),
                (count, _) => (CheckStatus::Fail, format!("{count} found")),
            };
            result(id, title, severity, status, message, found, (rationale, fix))
                .with_failing_title(fails)
        })
        .collect();
    let (status, message) = match (unseen.total(), &drift.changeable) {
        (0, _) => (
            CheckStatus::Pass,
            uncompared.unwrap_or_else(|| read(&drift.fixed).to_owned()),
        ),
        (count, None) => (CheckStatus::Error, format!("{count} could not be compared")),
        (count, Some(why)) => (
            CheckStatus::Error,
            format!("{count} could not be compared, and may differ: {why}"),
        ),
    };
    results.push(result(
        "drift-unseen",
        "All that may differ was compared",
        Severity::Medium,
        status,
        message,
        unseen,
        (
            "a change in what cannot be read is not found",
            "read the container with a probe and not with its own shell, which reads no capabilities of files; mount the root filesystem read-only (readOnlyRootFilesystem): what the container's user cannot read is then what the image \
             has; the image is read as root where its namespace allows that",
        ),
    ));
    for result in &mut results {
        result.limits.clone_from(&limits);
        if ON_CAPABILITIES.contains(&result.id.as_str()) {
            result.not_read = drift.uncompared.total();
        }
    }
    Findings::new(reference(), results)
}

/// What a scan that only reads an image says: how much it read.
pub(super) fn image_read(files: u64) -> Findings {
    let (status, message) = match files {
        0 => (CheckStatus::Error, "no file was seen".to_owned()),
        files => (CheckStatus::Pass, format!("{files} files and directories")),
    };
    let read = result(
        "drift-image-read",
        "The image was read",
        Severity::Medium,
        status,
        message,
        Evidence::default(),
        ("the container is compared with it", "scan again"),
    );
    Findings::new(reference(), vec![read])
}

/// Name and version of the checks of drift.
pub(super) fn reference() -> EngineRef {
    EngineRef::new("drift", "1").with_title("The running container is its image")
}

/// What was compared how.
fn how(by_digest: u64, by_time: u64, depth: Depth) -> String {
    if depth.full {
        return format!("{by_digest} files were compared by their SHA-256 digests");
    }
    format!(
        "{by_digest} files were compared by their SHA-256 digests: those with an execute bit, named like a library or a script, or below /etc; \
         {by_time} others by size, mode, owner and time, which an intruder can set"
    )
}

/// The words for what was not read and cannot differ from the image.
fn cannot_differ(fixed: &Fixed) -> Option<String> {
    let count = fixed.paths.max(fixed.places.total());
    if count == 0 {
        return None;
    }
    let paths = if count == 1 { "path" } else { "paths" };
    Some(format!(
        "{count} {paths} cannot differ: read-only root filesystem, which no process of the pod can change; not read: {}",
        bounded(&fixed.places)
    ))
}

/// The words for programs of which one side did not read the capabilities.
fn without_capabilities(programs: &Evidence) -> Option<String> {
    let first = programs.kept().first()?;
    Some(match programs.total() {
        1 => format!("capabilities of {first} were not compared: one side did not read them"),
        count => format!(
            "capabilities of {count} programs were not compared, such as {first}: one side did not read them"
        ),
    })
}

/// How much was read, where nothing that was not read can differ.
fn read(fixed: &Fixed) -> &'static str {
    if fixed.places.is_empty() && fixed.capabilities.is_empty() {
        "both sides were read completely"
    } else {
        "what was not read cannot differ"
    }
}

fn bounded(items: &Evidence) -> String {
    let shown = items.kept();
    match items.total().saturating_sub(shown.len() as u64) {
        0 if shown.is_empty() => "nothing".into(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn result(
    id: &str,
    title: &str,
    severity: Severity,
    status: CheckStatus,
    message: String,
    found: Evidence,
    (rationale, fix): (&str, &str),
) -> CheckResult {
    let mut result = CheckResult::new(id, title, severity).with_advice(rationale, fix);
    result.status = status;
    result.message = message;
    found.put(&mut result);
    result.tags = vec!["drift".into()];
    result
}
