//! A mount table, see proc(5).

use super::line::{Parsed, each_of_bytes, field};
use crate::{model::Mount, path::FilePath};

/// Mounts; a mount table without a root was cut.
pub(super) fn mounts(lines: &[&[u8]]) -> Parsed<Vec<Mount>> {
    let (all, unreadable) = each_of_bytes(lines, mount);
    let rootless = all.iter().all(|m| m.target != "/");
    (all, unreadable + u64::from(rootless))
}

pub(super) fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').map(unescape);
    let (source, target, fstype) = (fields.next()?, fields.next()?, fields.next()?);
    let options = field(&fields.next()?);
    Some(Mount {
        target: FilePath::from_bytes(&target),
        source: field(&source),
        fstype: field(&fstype),
        options: options.split(',').map(str::to_owned).collect(),
    })
}

/// A byte that would end a field is `\040` or such in mount tables, see fstab(5) and `seq_path(9)`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.split_at_checked(3).filter(|_| *first == b'\\');
        let byte = octal.and_then(|(digits, left)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 8).ok()?, left))
        });
        let (byte, left) = byte.unwrap_or((*first, after));
        out.push(byte);
        rest = left;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mounts_are_unescaped() {
        let found = mount(b"tmpfs /a\\040b\\012\\134040\xff tmpfs rw,nosuid 0 0").unwrap();
        assert_eq!(&*found.target.to_bytes(), b"/a b\n\\040\xff");
        assert_eq!(found.options, ["rw", "nosuid"]);
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in any::<String>()) {
            let _ = mount(line.as_bytes());
        }
    }
}
