//! Why a section could not be collected, as agents say it.

/// Errors with which the kernel denies access: EACCES and EPERM.
const REFUSED: [&str; 2] = ["(os error 13)", "(os error 1)"];

/// Whether a section could not be collected because the agent may not read its source, which another user may be able to
/// read. False if reading failed for another reason.
///
/// ```
/// use scanner_inventory::is_refusal;
///
/// assert!(is_refusal("/etc/shadow cannot be read by this user"));
/// assert!(!is_refusal("the agent did not answer this section"));
/// ```
pub fn is_refusal(reason: &str) -> bool {
    let Some((_, why)) = reason.split_once(" cannot be read") else {
        return false;
    };
    why.starts_with(" by this user") || REFUSED.iter().any(|error| why.contains(error))
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn what_the_shell_and_the_probe_say_of_a_file_that_they_may_not_read_is_a_refusal() {
        let shell = include_str!("collector/start.sh");
        let says = shell.lines().filter_map(|line| {
            let text = line.trim().strip_prefix("echo \"!missing ")?;
            text.strip_suffix('"')
        });
        let says: Vec<String> = says.map(|text| text.replace("$1", "/etc/shadow")).collect();
        assert!(
            !says.is_empty() && says.iter().any(|text| is_refusal(text)),
            "{says:?}"
        );
        for text in says.iter().filter(|text| text.contains("cannot be read")) {
            assert!(is_refusal(text), "{text}");
        }
        let probe = include_str!("../../scanner-probe/src/end.rs");
        assert!(probe.contains("\"{what} cannot be read: {error}\""));
        // EPERM, EACCES; ENOENT, EIO, ELOOP, and errors whose numbers begin alike.
        for (error, refused) in [
            (1, true),
            (13, true),
            (2, false),
            (5, false),
            (40, false),
            (11, false),
            (131, false),
        ] {
            let error = Error::from_raw_os_error(error);
            let text = format!("/etc/shadow cannot be read: {error}");
            assert_eq!(is_refusal(&text), refused, "{text}");
        }
        for other in [
            "",
            "no shell",
            "/proc cannot be read",
            "cannot be read by this user",
        ] {
            assert!(!is_refusal(other), "{other}");
        }
    }
}
