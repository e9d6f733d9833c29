//! Where a walk starts.

use rustix::{
    fs::{FileType, OFlags, fstat},
    io::Errno,
};
use scanner_inventory::{FilePath, GapKind};

use super::{entry::is, shut::shut};
use crate::{
    mounted::{self, Mounted},
    root::Root,
    tree::refusal,
};

/// The kind of gap for a start that cannot be entered. It is unknown which directory on the way is shut, and who owns it.
pub(super) fn of_start(root: &Root, place: &str, error: Errno) -> GapKind {
    match refusal(error) {
        GapKind::NotSearchable => {
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::PATH;
            shut(root.resolve(place, flags))
        }
        kind => kind,
    }
}

/// Whether the walk of another start reaches this one: it lies below that, and there is neither a link nor a filesystem in
/// between that the walk does not enter (any other filesystem if it `stays` on its own). A start that cannot be read counts
/// as not reached.
pub(super) fn seen_from_above(
    root: &Root,
    start: &FilePath,
    starts: &[FilePath],
    stays: bool,
) -> bool {
    let above = starts
        .iter()
        .rev()
        .find(|other| *other != start && start.is_below(other));
    let Some(above) = above.map(FilePath::as_text) else {
        return false;
    };
    let start = start.as_text();
    let entered = root.resolve(above, OFlags::DIRECTORY | OFlags::PATH);
    let Some(walked) = entered.and_then(|dir| fstat(&dir)).ok() else {
        return false;
    };
    let mut device = walked.st_dev;
    let way = start.match_indices('/').map(|(at, _)| &start[..at]);
    way.filter(|path| path.len() > above.len())
        .chain([start])
        .all(|path| {
            let Ok(Some(found)) = root.stat(path) else {
                return false;
            };
            let is_crossed = std::mem::replace(&mut device, found.st_dev) != found.st_dev;
            let is_entered = || {
                let place = root.resolve(path, OFlags::PATH);
                place.is_ok_and(|place| mounted::kind(&place) == Mounted::Entered)
            };
            is(&found, FileType::Directory) && (!is_crossed || (!stays && is_entered()))
        })
}
