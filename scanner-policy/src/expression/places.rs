//! `is_read_only(path)`, `is_private_volume(path)`, `is_from_kubelet(path)` and `is_termination_log(path)`: who can write at a path,
//! and what the kubelet mounted there, by the mounts and the specification. If these are not known, as in an image, all are
//! false, but for the last one at the usual place.

use std::sync::Arc;

use cel::{Context, Value};
use scanner_core::inventory::Section;

/// The variable of the mounts, with a name that no profile can write.
pub(crate) const MOUNTS: &str = "@mounts";
/// The same for volumes.
pub(crate) const VOLUMES: &str = "@volumes";
/// The same for mounts of what the kubelet wrote.
pub(crate) const KUBELET: &str = "@kubelet";
/// The same for the file of the last words of the container.
pub(crate) const TERMINATION_LOGS: &str = "@termination_logs";

/// Starts a mount that cannot be written.
pub(crate) const READ_ONLY: char = 'r';
/// Starts one that can.
pub(crate) const WRITABLE: char = 'w';

/// Sections that a call reads if they are known.
pub(super) fn read_by(function: &str) -> &'static [Section] {
    match function {
        "is_read_only" | "is_from_kubelet" | "is_termination_log" => {
            &[Section::Mounts, Section::Pod]
        }
        "is_private_volume" => &[Section::Mounts, Section::Processes, Section::Pod],
        _ => &[],
    }
}

/// Adds the functions to a context of these variables.
pub(super) fn add(
    context: &mut Context<'static, 'static>,
    variables: &[(&str, Value)],
) -> Result<(), cel::DeclarationError> {
    let mounts: Arc<[(bool, String)]> = texts(variables, MOUNTS)
        .filter_map(|text| {
            let place = text.strip_prefix([READ_ONLY, WRITABLE])?;
            Some((text.starts_with(READ_ONLY), place.to_owned()))
        })
        .collect();
    let volumes: Vec<String> = texts(variables, VOLUMES).map(str::to_owned).collect();
    let kubelet: Vec<String> = texts(variables, KUBELET).map(str::to_owned).collect();
    let known = Arc::clone(&mounts);
    context.add_function("is_read_only", move |path: Arc<String>| {
        is_read_only(&known, &path)
    })?;
    let known = Arc::clone(&mounts);
    context.add_function("is_from_kubelet", move |path: Arc<String>| {
        let of_mount = deepest(&known, &path);
        of_mount.is_some_and(|place| kubelet.iter().any(|its| its == place))
    })?;
    let logs: Vec<String> = texts(variables, TERMINATION_LOGS)
        .map(str::to_owned)
        .collect();
    context.add_function("is_termination_log", move |path: Arc<String>| {
        logs.iter().any(|log| log == path.as_str())
    })?;
    context.add_function("is_private_volume", move |path: Arc<String>| {
        let of_mount = deepest(&mounts, &path);
        of_mount.is_some_and(|place| volumes.iter().any(|volume| bare(volume) == bare(place)))
    })
}

/// Whether every mount that may hold the path is read-only: the last one above it, and each of the deepest.
fn is_read_only(mounts: &[(bool, String)], path: &str) -> bool {
    let above = || mounts.iter().filter(|(_, place)| is_below(path, place));
    let deepest = above().map(|(_, place)| bare(place).len()).max();
    let last = above().next_back().is_some_and(|(read_only, _)| *read_only);
    let mut of_deepest = above().filter(|(_, place)| Some(bare(place).len()) == deepest);
    last && of_deepest.all(|(read_only, _)| *read_only)
}

/// Where the mount of a path is, unless one above it was mounted later and may hide it.
fn deepest<'a>(mounts: &'a [(bool, String)], path: &str) -> Option<&'a str> {
    let above = || mounts.iter().filter(|(_, place)| is_below(path, place));
    let (_, last) = above().next_back()?;
    let depth = above().map(|(_, place)| bare(place).len()).max()?;
    (bare(last).len() == depth).then_some(last)
}

fn texts<'a>(variables: &'a [(&str, Value)], name: &str) -> impl Iterator<Item = &'a str> {
    let found = variables.iter().find(|(known, _)| *known == name);
    let items = match found {
        Some((_, Value::List(items))) => &items[..],
        _ => &[],
    };
    items.iter().filter_map(|item| match item {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    })
}

fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// Whether a path is a place or below it.
fn is_below(path: &str, place: &str) -> bool {
    let rest = path.strip_prefix(bare(place));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(all: &[&str]) -> Vec<(bool, String)> {
        let one = |text: &&str| (text.starts_with(READ_ONLY), text[1..].to_owned());
        all.iter().map(one).collect()
    }

    #[test]
    fn a_path_is_read_only_by_the_mount_that_it_is_on() {
        for (all, path, expected) in [
            (&["w/"][..], "/etc", false),
            (&["r/"], "/etc", true),
            (&["r/"], "/", true),
            (&["w/", "r/etc/app"], "/etc/app", true),
            (&["w/", "r/etc/app"], "/etc/app/x", true),
            (&["w/", "r/etc/app"], "/etc/application", false),
            (&["w/", "r/etc/app"], "/etc", false),
            (&["r/", "w/tmp"], "/tmp/x", false),
            // One over the other, at the same place or above it.
            (&["w/", "r/a", "w/a"], "/a/x", false),
            (&["w/", "w/a", "r/a"], "/a/x", false),
            (&["w/", "r/a/b", "w/a"], "/a/b/x", false),
            (&["w/", "w/a/b", "r/a"], "/a/b/x", false),
            (&[], "/a", false),
        ] {
            assert_eq!(is_read_only(&mounts(all), path), expected, "{all:?} {path}");
        }
    }

    #[test]
    fn a_path_is_in_the_volume_whose_mount_it_is_on() {
        for (all, path, expected) in [
            (&["r/", "w/tmp"][..], "/tmp", Some("/tmp")),
            (&["r/", "w/tmp/"], "/tmp/x", Some("/tmp/")),
            (
                &["r/", "w/tmp", "w/tmp/other"],
                "/tmp/other/x",
                Some("/tmp/other"),
            ),
            (&["r/", "w/tmp/other", "w/tmp"], "/tmp/other/x", None),
        ] {
            assert_eq!(deepest(&mounts(all), path), expected, "{all:?} {path}");
        }
    }
}
