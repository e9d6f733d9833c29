//! Sections that come from one file each, which a user may be unable to read as a whole.

use scanner_core::inventory::{
    Collected, FileKind, FilePath, Gap, GapKind, Inventory, Section, is_refusal,
};

use super::{image::WholeImage, mounts::Mounts};

/// Those sections and their files.
pub(super) const FILES: [(Section, &str); 3] = [
    (Section::Users, "/etc/passwd"),
    (Section::Groups, "/etc/group"),
    (Section::Shadow, "/etc/shadow"),
];

/// Puts the sections that the container could not read into `inventory`, and returns which ones it took from the image.
pub(super) fn fill(
    inventory: &mut Inventory,
    image: &WholeImage,
    mounts: &Mounts,
) -> Vec<(Section, FilePath)> {
    let mut taken = Vec::new();
    for (section, path) in FILES {
        let path = FilePath::from(path);
        let file = image.file(&path);
        let is_file = file.is_some_and(|(_, file)| file.kind == FileKind::File);
        if !is_file || mounts.hide(&path) || image.is_beyond_a_link(&path) {
            continue;
        }
        let has_taken = match section {
            Section::Users => take(&mut inventory.users, &image.users),
            Section::Groups => take(&mut inventory.groups, &image.groups),
            _ => take(&mut inventory.shadow, &image.shadow),
        };
        if has_taken {
            taken.push((section, path));
        }
    }
    taken
}

/// Takes the section of the image where the container's user may not read it and the image was read as a whole.
fn take<T: Clone>(own: &mut Collected<T>, image: &Collected<T>) -> bool {
    let Collected::Unavailable { reason } = &*own else {
        return false;
    };
    let is_whole = match image {
        Collected::Complete { .. } => true,
        Collected::Partial { gaps, .. } => gaps.iter().all(|gap| gap.kind == GapKind::NoEntry),
        Collected::Unavailable { .. } | Collected::NotRequested => false,
    };
    let is_refused = is_refusal(reason) && is_whole;
    if is_refused {
        *own = image.clone();
    }
    is_refused
}

/// What such a section did not show.
pub(super) fn gap(path: &FilePath) -> Gap {
    Gap::new(GapKind::NotReadable).at(path.clone())
}
