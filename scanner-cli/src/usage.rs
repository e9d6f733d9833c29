//! Wrong usage, and what to do about a flag whose value a newcomer does not have.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use secure_scan::Remedy;

use crate::remedy::remedy_words;

/// The flag that names the image of the probe.
const PROBE_IMAGE: &str = "--probe-image";

/// What to do about wrong usage, where that is more than clap says.
pub(crate) fn hint(error: &Error) -> Option<String> {
    let missing = match error.get(ContextKind::InvalidArg)? {
        ContextValue::Strings(all) => all.iter().any(|arg| arg.starts_with(PROBE_IMAGE)),
        ContextValue::String(one) => one.starts_with(PROBE_IMAGE),
        _ => false,
    };
    let is_missing = missing && error.kind() == ErrorKind::MissingRequiredArgument;
    is_missing.then(|| remedy_words(&Remedy::NameProbeImage))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn of(arguments: &str) -> Option<String> {
        let refused = Cli::try_parse_from(arguments.split(' '));
        hint(&refused.expect_err("wrong usage"))
    }

    #[test]
    fn a_forgotten_image_of_the_probe_is_explained_and_nothing_else_is() {
        if std::env::var_os("SECURE_SCAN_PROBE_IMAGE").is_some() {
            return;
        }
        for command in [
            "distroless web-0",
            "sidecar web-0",
            "image web:1",
            "drift web-0",
        ] {
            let hint = of(&format!("secure-scan {command}")).unwrap_or_default();
            for words in [
                "static program",
                "cargo xtask probe-image",
                "docs/probe-image.md",
            ] {
                assert!(hint.contains(words), "{command}: {hint}");
            }
        }
        assert!(of("secure-scan scan web-0 --complete-from-image").is_some());
        assert_eq!(of("secure-scan scan"), None);
        assert_eq!(of("secure-scan distroless web-0 --probe-image"), None);
        assert_eq!(of("secure-scan distroless web-0 --probe-image @"), None);
    }
}
