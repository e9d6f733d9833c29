//! Hints for wrong usage, such as a flag whose value a newcomer does not know.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use secure_scan::Remedy;

use crate::remedy::remedy_words;

/// The flag that names the image of the probe.
const PROBE_IMAGE: &str = "--probe-image";

/// What to do about wrong usage, if clap does not already say it.
pub(crate) fn hint(error: &Error) -> Option<String> {
    let missing = match error.get(ContextKind::InvalidArg)? {
        ContextValue::Strings(all) => all.iter().any(|arg| arg.starts_with(PROBE_IMAGE)),
        ContextValue::String(one) => one.starts_with(PROBE_IMAGE),
        _ => false,
    };
    let is_missing = missing && error.kind() == ErrorKind::MissingRequiredArgument;
    is_missing.then(|| remedy_words(&Remedy::NameProbeImage))
}
