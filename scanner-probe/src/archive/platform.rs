//! Which images are for this machine, as containerd matches platforms.

use std::io;

use super::json::Json;

/// Whether a descriptor names an image or images, and not what was said of one. That is told by its platform
/// alone, as runtimes do: they run what an annotation calls an attestation.
pub(super) fn is_image(descriptor: &Json) -> io::Result<bool> {
    let platform = descriptor.get("platform")?;
    let said = [platform.text("os")?, platform.text("architecture")?];
    Ok(!said.iter().any(|said| said.eq_ignore_ascii_case("unknown")))
}

/// Whether it is for this machine. One that does not say is looked into.
pub(super) fn fits(descriptor: &Json) -> io::Result<bool> {
    let platform = descriptor.get("platform")?;
    let (os, machine) = (platform.text("os")?, platform.text("architecture")?);
    let fits = |names: &[&str]| names.iter().any(|name| machine.eq_ignore_ascii_case(name));
    let machine = match std::env::consts::ARCH {
        "x86_64" => fits(&["amd64", "x86_64", "x86-64"]),
        "aarch64" => fits(&["arm64", "aarch64"]),
        other => fits(&[other]),
    };
    // No system is this one.
    Ok(platform.is_null() || machine && (os.is_empty() || os.eq_ignore_ascii_case("linux")))
}
