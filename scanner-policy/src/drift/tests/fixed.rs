//! What was not read of a container that nobody can have changed is as in the image.

mod places;

use scanner_core::{
    finding::{CheckStatus, Findings},
    inventory::{
        Attribute, Collected, ContainerFacts, FileEntry, FileKind, Gap, GapKind, Inventory, Mount,
        PodFacts,
    },
};

use super::support::*;

/// An image with directories for one user each, and files that nobody else may read.
fn hardened() -> Vec<FileEntry> {
    let of = |path: &str, kind, mode, uid| FileEntry {
        kind,
        mode,
        uid,
        ..file(path, mode, if kind == FileKind::File { "x" } else { "" })
    };
    let more = [
        of("/etc", FileKind::Directory, 0o755, 0),
        of("/etc/shadow", FileKind::File, 0o640, 0),
        of("/root", FileKind::Directory, 0o700, 0),
        of("/root/.bashrc", FileKind::File, 0o644, 0),
        of("/root/.ssh", FileKind::Directory, 0o700, 0),
        of("/root/.ssh/id", FileKind::File, 0o600, 0),
        of("/var", FileKind::Directory, 0o755, 0),
        of("/var/cache", FileKind::Directory, 0o700, 7),
        of("/var/cache/x", FileKind::File, 0o600, 7),
    ];
    let mut all = base();
    all.extend(more);
    for file in &mut all {
        file.modified = Some(1_700_000_000);
    }
    all
}

fn shut(path: &str) -> Gap {
    Gap::new(GapKind::NotSearchable).at(path)
}

fn blank(path: &str) -> Gap {
    let gap = Gap::new(GapKind::Unknown).at(path);
    gap.of_attribute(Attribute::Digest)
}

/// What a user of no account sees of it, with what it does not see.
fn shown() -> Vec<FileEntry> {
    let mut files = hardened();
    files.retain(|file| {
        let path = file.path.as_text();
        !path.starts_with("/root/") && !path.starts_with("/var/cache/")
    });
    at(&mut files, "/etc/shadow").digest = String::new();
    files
}

fn gaps() -> Vec<Gap> {
    vec![shut("/root"), shut("/var/cache"), blank("/etc/shadow")]
}

fn at<'a>(files: &'a mut [FileEntry], path: &str) -> &'a mut FileEntry {
    let mut files = files.iter_mut();
    files.find(|file| file.path == *path).expect("it is there")
}

/// A container with these files and a root filesystem that is mounted read-only.
fn container(files: Vec<FileEntry>, gaps: impl IntoIterator<Item = Gap>) -> Inventory {
    let mut all = tree(vec![]);
    all.files = Collected::with_gaps(files, gaps.into_iter().collect());
    pod(&mut all).read_only_root_filesystem = true;
    mounts(&mut all)[0].options = vec!["ro".into()];
    all
}

fn pod(one: &mut Inventory) -> &mut PodFacts {
    match &mut one.pod {
        Collected::Complete { data } => data,
        other => panic!("{other:?}"),
    }
}

fn mounts(one: &mut Inventory) -> &mut Vec<Mount> {
    match &mut one.mounts {
        Collected::Complete { data } => data,
        other => panic!("{other:?}"),
    }
}

fn unread(files: Vec<FileEntry>, gaps: impl IntoIterator<Item = Gap>) -> Inventory {
    Inventory {
        files: Collected::with_gaps(files, gaps.into_iter().collect()),
        ..tree(vec![])
    }
}

/// Every check passes, and its limits say this of what was not read.
fn cannot_differ(found: &Findings, limit: &str) {
    for result in &found.results {
        assert_eq!(result.status, CheckStatus::Pass, "{result:?}");
        let is_limit = |text: &String| text.contains(limit);
        assert!(result.limits.iter().any(is_limit), "{:?}", result.limits);
    }
    let last = found.results.last().expect("drift-unseen");
    assert_eq!(last.message, "what was not read cannot differ");
}

/// It is not complete, for this reason, and what was not read is listed.
fn may_differ(found: &Findings, why: &str) {
    let last = found.results.last().expect("drift-unseen");
    assert_eq!(last.status, CheckStatus::Error, "{why}");
    assert!(last.message.contains(why), "{why}: {}", last.message);
    assert!(
        last.evidence.iter().any(|line| line.contains("/root")),
        "{why}: {:?}",
        last.evidence
    );
    let says = |limit: &String| limit.contains("cannot differ");
    assert!(!last.limits.iter().any(says), "{why}");
    assert_eq!(found.count(CheckStatus::Pass), 0, "{why}");
}

#[test]
fn what_a_user_may_not_read_of_a_fixed_root_is_the_image() {
    let found = compare(&tree(hardened()), &container(shown(), gaps()));
    // Four files that were not seen, and contents of one.
    let limit = "5 paths cannot differ: read-only root filesystem, which no process of the pod can change; not read: \
                 /etc/shadow, /root, /var/cache";
    cannot_differ(&found, limit);
    // Where the image's reader may not read either, nothing more is known.
    let both = compare(&unread(shown(), gaps()), &container(shown(), gaps()));
    cannot_differ(&both, "3 paths cannot differ");
    // What the image's reader may not read, and the container's user may.
    let mut own = hardened();
    own.retain(|file| !file.path.as_text().starts_with("/root/"));
    let of_user = compare(&unread(shown(), gaps()), &container(own, [shut("/root")]));
    cannot_differ(&of_user, "3 paths cannot differ");
    // A place of the image below one that the container does not show.
    let mut deep = hardened();
    deep.retain(|file| file.path != *"/root/.ssh/id");
    let below = compare(
        &unread(deep, [shut("/root/.ssh")]),
        &container(shown(), gaps()),
    );
    cannot_differ(&below, "4 paths cannot differ");
    // Nothing is said about it if everything was read.
    let whole = compare(&tree(hardened()), &container(hardened(), []));
    let limits = &whole.results[0].limits;
    assert!(!limits.iter().any(|limit| limit.contains("cannot differ")));
}

#[test]
fn capabilities_of_a_fixed_root_cannot_differ() {
    let mut files = hardened();
    for file in &mut files {
        file.capabilities_known = false;
    }
    let found = compare(&tree(hardened()), &container(files.clone(), []));
    let last = found.results.last().expect("drift-unseen");
    assert_eq!(last.message, "what was not read cannot differ");
    assert!(found.results.iter().all(|result| result.not_read == 0));
    let says = |limit: &String| limit.ends_with("did not read them; they cannot differ");
    assert!(last.limits.iter().any(says), "{:?}", last.limits);
    // Not where something differs that cannot.
    at(&mut files, "/srv/data").size = 11;
    let found = compare(&tree(hardened()), &container(files, []));
    assert_eq!(found.results.last().expect("drift-unseen").not_read, 4);
}

#[test]
fn what_somebody_may_have_changed_is_not_compared_and_says_why() {
    type Change = fn(&mut Inventory);
    let changes: [(&str, Change); 8] = [
        ("readOnlyRootFilesystem is not set", |one| {
            pod(one).read_only_root_filesystem = false;
        }),
        ("is not mounted read-only", |one| {
            mounts(one)[0].options = vec!["rw".into()];
        }),
        ("the container is privileged", |one| {
            pod(one).privileged = true;
        }),
        ("has capability SYS_ADMIN", |one| {
            pod(one).added_capabilities = vec!["cap_sys_admin".into()];
        }),
        ("hostPID", |one| pod(one).host_pid = true),
        ("the pod's specification is not known", |one| {
            one.pod = Collected::NotRequested;
        }),
        ("not all mounts of the container are known", |one| {
            let known = mounts(one).clone();
            one.mounts = Collected::with_gaps(known, Gap::new(GapKind::Unknown).into());
        }),
        ("container evil\\u{a} of the pod is privileged", |one| {
            pod(one).containers.push(ContainerFacts {
                name: "evil\n".into(),
                kind: "ephemeral".into(),
                privileged: true,
                ..ContainerFacts::default()
            });
        }),
    ];
    for (why, change) in changes {
        let mut one = container(shown(), gaps());
        change(&mut one);
        may_differ(&compare(&tree(hardened()), &one), why);
    }
}

#[test]
fn a_fixed_root_that_differs_from_its_image_is_not_believed() {
    type Change = fn(&mut Vec<FileEntry>);
    let changes: [(&str, Change); 6] = [
        ("drift-executable-added", |files| {
            files.push(file("/usr/bin/tool", 0o755, "zz"));
        }),
        ("drift-executable-removed", |files| {
            files.retain(|file| file.path != *"/bin/sh");
        }),
        ("drift-configuration-changed", |files| {
            at(files, "/etc/passwd").digest = sha256("other");
        }),
        ("drift-permissions-changed", |files| {
            at(files, "/root").mode = 0o701;
        }),
        ("drift-file-changed", |files| {
            at(files, "/srv/data").size = 11;
        }),
        ("drift-link-changed", |files| {
            at(files, "/var/run").link = "/tmp".into();
        }),
    ];
    for (id, change) in changes {
        let mut files = shown();
        change(&mut files);
        let found = compare(&tree(hardened()), &container(files, gaps()));
        assert_eq!(failed(&found), [id]);
        may_differ(&found, "what is shown of it differs from the image");
    }
    // A mount that nobody planned was made by somebody who may mount.
    let mut one = container(shown(), gaps());
    mounts(&mut one).push(mount("/opt"));
    let found = compare(&tree(hardened()), &one);
    assert_eq!(failed(&found), ["drift-mount"]);
    may_differ(&found, "what is shown of it differs from the image");
}
