//! The image of the probe: one static program in an OCI image layout, the same bytes from each build.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::ui::say;

/// Where the program is in the image.
const PROGRAM: &str = "secure-scan-probe";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to write the image, as a tar file
    #[arg(long, default_value = "target/secure-scan-probe.tar")]
    out: PathBuf,
    /// Name that the image gets when it is loaded
    #[arg(long, default_value = concat!("secure-scan-probe:", env!("CARGO_PKG_VERSION")))]
    name: String,
    /// Build it a second time from a copy of the sources elsewhere, and fail if the digest differs
    #[arg(long)]
    twice: bool,
}

/// An image layout in a tar file, and the digest by which a cluster names the image.
pub(crate) struct Layout {
    pub(crate) tar: Vec<u8>,
    pub(crate) digest: String,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let source = source()?;
    let image = layout(
        &fs::read(build(&source, &source.join("target/probe"))?)?,
        &args.name,
    )?;
    if args.twice {
        let other = again(&source, &args.name)?;
        ensure!(
            other == image.digest,
            "two builds, two digests: {} and {other}",
            image.digest
        );
        say("two builds, one digest");
    }
    fs::write(&args.out, &image.tar)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    say(&format!("wrote {}", args.out.display()));
    say(&format!("name the image by its digest: @{}", image.digest));
    Ok(ExitCode::SUCCESS)
}

/// Digest of the image built from a copy of what git knows, in another folder.
fn again(source: &Path, name: &str) -> Result<String> {
    let copy = tempfile::tempdir()?;
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(source)
        .output()?;
    ensure!(listed.status.success(), "git does not list the sources");
    for file in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (source.join(file), copy.path().join(file));
        // Deleted, and not yet committed.
        if from.is_file() {
            fs::create_dir_all(to.parent().context("a file has a folder")?)?;
            fs::copy(from, to)?;
        }
    }
    let program = build(copy.path(), &copy.path().join("target"))?;
    Ok(layout(&fs::read(program)?, name)?.digest)
}

/// The folder of the workspace.
pub(crate) fn source() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Ok(folder.canonicalize()?)
}

/// Builds the probe of `source` as a static program, which runs in any image. Paths of this machine
/// are not in it.
pub(crate) fn build(source: &Path, target: &Path) -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let flags = [
        "-Ctarget-feature=+crt-static".to_owned(),
        format!("--remap-path-prefix={}=/source", source.display()),
        format!("--remap-path-prefix={cargo}=/cargo"),
    ];
    let output = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            "secure-scan-probe",
        ])
        .args(["--target", &triple, "--target-dir"])
        .arg(target)
        .current_dir(source)
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .output()?;
    ensure!(
        output.status.success(),
        "cannot build the probe: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(target.join(triple).join("release").join(PROGRAM))
}

/// An OCI image layout with `program` alone; see the OCI image specification, "Image Layout".
pub(crate) fn layout(program: &[u8], name: &str) -> Result<Layout> {
    let mut layer = tar::Builder::new(Vec::new());
    // Nobody in the pod needs to read it, and the kernel lets no other process look into a program that
    // its user may not read ("Ptrace access mode checking", ptrace(2)).
    append(&mut layer, PROGRAM, program, 0o111)?;
    let layer = layer.into_inner()?;
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = serde_json::to_vec(&json!({
        "architecture": machine,
        "os": "linux",
        "config": {
            "Entrypoint": [format!("/{PROGRAM}")],
            "User": "65532:65532",
            "Labels": {"org.opencontainers.image.licenses": "Apache-2.0"},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    }))?;
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
    }))?;
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    entry["platform"] = json!({"architecture": machine, "os": "linux"});
    entry["annotations"] = json!({
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rsplit(':').next(),
    });
    let index = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    }))?;
    let mut out = tar::Builder::new(Vec::new());
    append(
        &mut out,
        "oci-layout",
        b"{\"imageLayoutVersion\":\"1.0.0\"}",
        0o644,
    )?;
    append(&mut out, "index.json", &index, 0o644)?;
    for blob in [&config, &layer, &manifest] {
        let name = digest(blob).replace(':', "/");
        append(&mut out, &format!("blobs/{name}"), blob, 0o644)?;
    }
    Ok(Layout {
        tar: out.into_inner()?,
        digest: digest(&manifest),
    })
}

fn descriptor(kind: &str, blob: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": digest(blob), "size": blob.len()})
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A file of root, at the beginning of time.
fn append(out: &mut tar::Builder<Vec<u8>>, path: &str, data: &[u8], mode: u32) -> Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(mode);
    header.set_size(data.len() as u64);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    Ok(out.append_data(&mut header, path, data)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_gives_one_image_that_names_its_parts_by_digest() {
        let one = layout(b"program", "probe:1").unwrap();
        let two = layout(b"program", "probe:1").unwrap();
        assert_eq!((&one.tar, &one.digest), (&two.tar, &two.digest));
        assert_ne!(layout(b"other", "probe:1").unwrap().digest, one.digest);
        // A name is not part of the data that the digest covers.
        assert_eq!(layout(b"program", "probe:2").unwrap().digest, one.digest);
        let mut archive = tar::Archive::new(one.tar.as_slice());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|e| e.unwrap().path().unwrap().display().to_string())
            .collect();
        let manifest = format!("blobs/{}", one.digest.replace(':', "/"));
        assert_eq!(names.len(), 5);
        assert_eq!(names[4], manifest);
    }
}
