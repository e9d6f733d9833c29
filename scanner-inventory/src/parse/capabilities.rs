//! Names of capabilities, see capabilities(7).

/// Names of capabilities by bit, as in `linux/capability.h`.
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

pub(super) fn capabilities(mask: &str) -> Option<Vec<String>> {
    Some(capability_names(u64::from_str_radix(mask, 16).ok()?))
}

/// Names of the capabilities whose bits are set.
pub(super) fn capability_names(bits: u64) -> Vec<String> {
    let named = |bit: u32| {
        let known = CAPABILITIES.get(bit as usize);
        known.map_or_else(|| format!("CAP_{bit}"), |name| (*name).to_owned())
    };
    (0..64)
        .filter(|bit| bits >> bit & 1 == 1)
        .map(named)
        .collect()
}

/// The capabilities that executing a file can give.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OfFile {
    /// Names of the permitted and the inheritable ones.
    pub(super) names: Vec<String>,
    /// The same as getcap(8) writes them, each by itself.
    pub(super) sets: String,
}

/// A `security.capability` in hexadecimal; see `struct vfs_cap_data` in `linux/capability.h`.
pub(super) fn of_file(hex: &[u8]) -> Option<OfFile> {
    if hex.is_empty() {
        return Some(OfFile::default());
    }
    let pairs = hex.chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = pairs.map(byte).collect::<Option<_>>()?;
    let words: Vec<u64> = bytes
        .chunks(4)
        .map(|word| Some(u64::from(u32::from_le_bytes(word.try_into().ok()?))))
        .collect::<Option<_>>()?;
    let (permitted, inheritable, root) = match *words.as_slice() {
        // The revision is in the first byte, and whether they are effective in the last one; that of namespaces has their
        // root's id at the end.
        [0x0100_0000..=0x0100_0001, a, b] => (a, b, 0),
        [0x0200_0000..=0x0200_0001, a, b, c, d] => (a | c << 32, b | d << 32, 0),
        [0x0300_0000..=0x0300_0001, a, b, c, d, root] => (a | c << 32, b | d << 32, root),
        _ => return None,
    };
    let effective = words.first().is_some_and(|first| first & 1 == 1);
    let names = capability_names(permitted | inheritable);
    let bits = (0..64).filter(|bit| (permitted | inheritable) >> bit & 1 == 1);
    let mut sets: Vec<String> = names
        .iter()
        .zip(bits)
        .map(|(name, bit)| {
            let flag = |is_set: bool, flag: &'static str| if is_set { flag } else { "" };
            let (e, i, p) = (
                flag(effective, "e"),
                flag(inheritable >> bit & 1 == 1, "i"),
                flag(permitted >> bit & 1 == 1, "p"),
            );
            format!("{name}={e}{i}{p}")
        })
        .collect();
    if root != 0 && !sets.is_empty() {
        sets.push(format!("[rootid={root}]"));
    }
    Some(OfFile {
        names,
        sets: sets.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(hex: &str) -> String {
        of_file(hex.as_bytes()).unwrap().sets
    }

    #[test]
    fn what_a_file_gives_differs_by_set_and_by_root() {
        let raw = |first: &str, permitted: &str, inheritable: &str, more: &str| {
            sets(&format!(
                "{first}{permitted}{inheritable}0000000000000000{more}"
            ))
        };
        let (raws, none) = ("00200000", "00000000");
        assert_eq!(raw("01000002", raws, none, ""), "CAP_NET_RAW=ep");
        assert_eq!(raw("00000002", raws, none, ""), "CAP_NET_RAW=p");
        assert_eq!(raw("00000002", none, raws, ""), "CAP_NET_RAW=i");
        assert_eq!(
            raw("01000002", "01200000", raws, ""),
            "CAP_CHOWN=ep CAP_NET_RAW=eip"
        );
        let rooted = raw("01000003", raws, none, "e8030000");
        assert_eq!(rooted, "CAP_NET_RAW=ep [rootid=1000]");
        assert_eq!(raw("01000003", raws, none, none), "CAP_NET_RAW=ep");
        assert_eq!(of_file(b""), Some(OfFile::default()));
    }
}
