//! Which images are for this machine, as containerd matches platforms.

use std::io;

use super::json::Json;

/// Whether a descriptor names an image or images, and not an attestation of one. Only its platform decides, as in runtimes:
/// they would run an image that an annotation calls an attestation.
pub(super) fn is_image(descriptor: &Json) -> io::Result<bool> {
    let platform = descriptor.get("platform")?;
    let said = [platform.text("os")?, platform.text("architecture")?];
    Ok(!said.iter().any(|said| said.eq_ignore_ascii_case("unknown")))
}

/// How well an image fits this machine. Of those that do not fit exactly, runtimes choose by orders of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    No,
    /// It is for another kind of machine, whose programs this one runs too.
    Fallback,
    /// It does not say, or is for a variant of this machine.
    Near,
    Exact,
}

pub(super) fn fit(descriptor: &Json) -> io::Result<Fit> {
    let platform = descriptor.get("platform")?;
    if platform.is_null() {
        return Ok(Fit::Near);
    }
    let said = |key: &str| Ok::<_, io::Error>(platform.text(key)?.to_ascii_lowercase());
    let (os, machine, variant) = (said("os")?, said("architecture")?, said("variant")?);
    // No operating system counts as this one.
    if !matches!(os.as_str(), "" | "linux") {
        return Ok(Fit::No);
    }
    let (names, variants, others): ([&str; 3], &[&str], &[&str]) = match std::env::consts::ARCH {
        "x86_64" => (["amd64", "x86_64", "x86-64"], &["v1"], &["386", "i386"]),
        "aarch64" => (
            ["arm64", "aarch64", "arm64"],
            &["8", "v8", "v8.0"],
            &["arm", "armhf", "armel"],
        ),
        other => ([other; 3], &[], &[]),
    };
    let is_plain = variant.is_empty() || variants.contains(&variant.as_str());
    Ok(match machine.as_str() {
        machine if names.contains(&machine) && is_plain => Fit::Exact,
        machine if names.contains(&machine) => Fit::Near,
        machine if others.contains(&machine) => Fit::Fallback,
        _ => Fit::No,
    })
}
