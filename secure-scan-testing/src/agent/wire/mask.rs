//! Capabilities as a mask of bits.

/// Names of capabilities by bit, as in `linux/capability.h`.
const CAPABILITIES: &str = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE \
     NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE \
     SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL \
     SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE";

/// The mask of these capabilities, in hexadecimal digits.
pub(super) fn mask(names: &[String]) -> String {
    let bit = |name: &String| {
        let name = name.strip_prefix("CAP_").unwrap_or(name);
        CAPABILITIES
            .split_whitespace()
            .position(|known| known == name)
    };
    let bits = names
        .iter()
        .filter_map(bit)
        .fold(0_u64, |all, bit| all | 1 << bit);
    format!("{bits:016x}")
}
