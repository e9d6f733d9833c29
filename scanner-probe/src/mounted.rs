//! Which mounted filesystems a walk enters.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, StatxFlags, fstatfs, statx};

/// What a walk does with a filesystem that is mounted below its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mounted {
    /// It holds files: they are walked.
    Entered,
    /// The kernel generates its files when they are read: nobody has put a file there.
    MadeUp,
    /// It would be mounted by looking into it: it is not entered, and reported as a gap.
    Waiting,
    /// The walk must stay on the filesystem of its start.
    Left,
}

/// Flag of statx(2) for the root of a mount, since Linux 5.8; it also says whether the kernel knows the flag.
const MOUNT_ROOT: u64 = 0x2000;

/// Types, as in statfs(2), of filesystems whose files the kernel generates; see `linux/magic.h`. The shell collector knows
/// them by name, in `mounts.sh`.
const MADE_UP: [i128; 21] = [
    0x6c6f_6f70, // binder
    0x4249_4e4d, // binfmt_misc
    0xcafe_4a11, // bpf
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6265_6570, // configfs
    0x6462_6720, // debugfs
    0x0000_1cd1, // devpts
    0xde5e_81e4, // efivarfs
    0x6573_5543, // fusectl
    0x1980_0202, // mqueue
    0x6e66_7364, // nfsd
    0x0000_9fa0, // proc
    0x6165_676c, // pstore
    0x0765_5821, // resctrl
    0x6759_6969, // rpc_pipefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x6265_6572, // sysfs
    0x7472_6163, // tracefs
];
const AUTOFS: i128 = 0x0187;

/// Whether something is mounted at a directory that is on another device than the one above it: a subvolume of btrfs has a
/// device of its own too, and no line in a table of mounts. `None` where the kernel does not say.
pub(crate) fn is_mount(dir: &OwnedFd) -> Option<bool> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    let found = statx(dir, c"", flags, StatxFlags::BASIC_STATS).ok()?;
    of_attributes(
        found.stx_attributes_mask.bits(),
        found.stx_attributes.bits(),
    )
}

fn of_attributes(known: u64, set: u64) -> Option<bool> {
    (known & MOUNT_ROOT != 0).then_some(set & MOUNT_ROOT != 0)
}

/// What a walk does with the filesystem of a directory, which may be opened with `O_PATH`.
pub(crate) fn kind(dir: &OwnedFd) -> Mounted {
    // The call takes a type as a number of the machine's width, with or without a sign.
    let kind = fstatfs(dir).map(|stat| i128::from(stat.f_type) & 0xffff_ffff);
    match kind {
        Ok(AUTOFS) => Mounted::Waiting,
        Ok(kind) if MADE_UP.contains(&kind) => Mounted::MadeUp,
        // A filesystem of an unknown type is walked.
        Ok(_) | Err(_) => Mounted::Entered,
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Mode, OFlags, open};

    use super::*;

    #[test]
    fn a_directory_with_a_device_of_its_own_is_a_mount_where_the_kernel_says_so() {
        assert_eq!(of_attributes(MOUNT_ROOT, MOUNT_ROOT), Some(true));
        // A subvolume.
        assert_eq!(of_attributes(MOUNT_ROOT | 4, 4), Some(false));
        // A kernel that does not know the flag.
        assert_eq!(of_attributes(4, 0), None);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let is_mount = |path: &str| is_mount(&open(path, flags, Mode::empty()).unwrap());
        assert_eq!(is_mount("/proc"), Some(true));
        assert_eq!(is_mount("/proc/self"), Some(false));
    }
}
