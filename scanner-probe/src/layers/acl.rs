//! Lists of access (`acl(5)`), as the kernel takes them from an archive.

use super::inodes::Body;

/// Names of the attributes; the second is for directories alone.
pub(super) const NAMES: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];
const VERSION: [u8; 4] = [2, 0, 0, 0];
/// Tag, permissions and number, little endian, see `linux/posix_acl_xattr.h`.
const ENTRY: usize = 8;
/// No user and no group has it.
const NOBODY: [u8; 4] = [0xff; 4];

/// What comes next in a list: it is in this order.
#[derive(PartialEq, Eq)]
enum Next {
    Owner,
    Users,
    Groups,
    Others,
    End,
}

/// Whether the kernel takes the attribute with that value. One of another version or without entries it leaves unset, and so
/// it does on a link with any that it can read. See `posix_acl_from_xattr`, `set_posix_acl` and `posix_acl_valid` in the
/// kernel's `fs/posix_acl.c`.
pub(super) fn taken(name: &[u8], value: &[u8], body: &Body) -> bool {
    let Some((version, entries)) = value.split_first_chunk::<4>() else {
        return value.is_empty();
    };
    if *version != VERSION {
        return true;
    }
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    let is_set = || match body {
        Body::Link(_) => true,
        Body::Directory(_) => in_order(entries),
        Body::File(_) | Body::Special(_) => in_order(entries) && name == NAMES[0],
    };
    rest.is_empty() && entries.iter().copied().all(is_read) && (entries.is_empty() || is_set())
}

/// Whether the kernel knows the tag, and the user or the group that it names.
fn is_read([tag, high, _, _, number @ ..]: [u8; ENTRY]) -> bool {
    let is_known = match tag {
        0x01 | 0x04 | 0x10 | 0x20 => true,
        0x02 | 0x08 => number != NOBODY,
        _ => false,
    };
    is_known && high == 0
}

fn in_order(entries: &[[u8; ENTRY]]) -> bool {
    let (mut next, mut named) = (Next::Owner, false);
    for [tag, _, permissions, none, ..] in entries {
        if *none != 0 || *permissions > 7 {
            return false;
        }
        next = match (tag, next) {
            (0x01, Next::Owner) => Next::Users,
            (0x02, Next::Users) => {
                named = true;
                Next::Users
            }
            (0x04, Next::Users) => Next::Groups,
            (0x08, Next::Groups) => {
                named = true;
                Next::Groups
            }
            // The mask; a list that names a user or a group must have one.
            (0x10, Next::Groups) => Next::Others,
            (0x20, Next::Others) => Next::End,
            (0x20, Next::Groups) if !named => Next::End,
            _ => return false,
        };
    }
    next == Next::End
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const ANY: [u8; 4] = NOBODY;
    const USER: [u8; 4] = [7, 0, 0, 0];

    fn file() -> Body {
        Body::File(crate::layers::inodes::File::default())
    }

    fn directory() -> Body {
        Body::Directory(BTreeMap::new())
    }

    fn list(entries: &[(u8, u8, [u8; 4])]) -> Vec<u8> {
        let mut list = VERSION.to_vec();
        for (tag, permissions, number) in entries {
            list.extend([*tag, 0, *permissions, 0]);
            list.extend(number);
        }
        list
    }

    #[test]
    fn lists_are_taken_as_the_kernel_takes_them() {
        let plain = list(&[(0x01, 7, ANY), (0x04, 5, ANY), (0x20, 5, ANY)]);
        let masked = list(&[
            (0x01, 7, ANY),
            (0x02, 6, USER),
            (0x04, 5, ANY),
            (0x08, 5, USER),
            (0x10, 7, ANY),
            (0x20, 0, ANY),
        ]);
        for good in [
            &plain,
            &masked,
            &VERSION.to_vec(),
            &Vec::new(),
            &vec![1, 0, 0, 0, 9],
        ] {
            assert!(taken(NAMES[0], good, &file()), "{good:?}");
        }
        let bad = [
            b"x".to_vec(),
            [&plain[..], b"x"].concat(),
            plain[..20].to_vec(),
            list(&[(0x01, 8, ANY), (0x04, 5, ANY), (0x20, 5, ANY)]),
            list(&[(0x04, 5, ANY), (0x01, 7, ANY), (0x20, 5, ANY)]),
            // Who is named needs a mask, and a number.
            list(&[
                (0x01, 7, ANY),
                (0x02, 6, USER),
                (0x04, 5, ANY),
                (0x20, 5, ANY),
            ]),
            list(&[
                (0x01, 7, ANY),
                (0x02, 6, ANY),
                (0x04, 5, ANY),
                (0x10, 7, ANY),
                (0x20, 5, ANY),
            ]),
        ];
        for bad in bad {
            assert!(!taken(NAMES[0], &bad, &directory()), "{bad:?}");
        }
        assert!(taken(NAMES[1], &plain, &directory()));
        assert!(
            !taken(NAMES[1], &plain, &file()),
            "only directories hand it on"
        );
        let link = Body::Link(Box::default());
        let disordered = list(&[(0x20, 5, ANY), (0x01, 9, ANY)]);
        assert!(taken(NAMES[1], &disordered, &link), "a link has none");
        assert!(!taken(NAMES[1], &list(&[(0x40, 5, ANY)]), &link));
    }
}
