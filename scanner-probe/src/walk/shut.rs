//! Whom a directory that cannot be listed keeps out.

use std::os::fd::AsFd;

use rustix::{
    fs::{AtFlags, Mode, Stat, fstat, statat},
    io::Errno,
    process::{getegid, geteuid, getgroups},
};
use scanner_inventory::GapKind;

/// How a directory that cannot be listed is shut. Nobody of this identity may search it if the kernel refuses that to this
/// process and the mode of the directory does too. Its owner could open it again; and what a security module refuses to
/// this process, it may allow to another one.
pub(super) fn shut(place: Result<impl AsFd, Errno>) -> GapKind {
    let is_closed = |place: &dyn AsFd| {
        let searched = statat(place.as_fd(), c".", AtFlags::SYMLINK_NOFOLLOW);
        searched.err() == Some(Errno::ACCESS)
            && fstat(place.as_fd()).is_ok_and(|stat| keeps_out(&stat))
    };
    match place {
        Ok(place) if is_closed(&place) => GapKind::NotSearchable,
        _ => GapKind::NotListable,
    }
}

/// Whether a directory is another user's, and its mode does not let this identity search it.
fn keeps_out(stat: &Stat) -> bool {
    let bits = Mode::from_raw_mode(stat.st_mode);
    let is_own_group = || {
        let own =
            getgroups().map(|groups| groups.iter().any(|group| group.as_raw() == stat.st_gid));
        getegid().as_raw() == stat.st_gid || own.unwrap_or(true)
    };
    stat.st_uid != geteuid().as_raw()
        && !bits.contains(Mode::XOTH)
        && !(bits.contains(Mode::XGRP) && is_own_group())
}
