//! Builds the lab's binaries from the Go module proxy and installs its Debian packages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::state::cache;
use crate::ui::say;

const KUBE_FLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37";

/// Debian packages and a file that shows each is there.
const PACKAGES: [(&str, &str); 8] = [
    ("etcd-server", "/usr/bin/etcd"),
    ("runc", "/usr/sbin/runc"),
    ("containernetworking-plugins", "/usr/lib/cni/bridge"),
    ("iptables", "/usr/sbin/iptables"),
    ("ipset", "/usr/sbin/ipset"),
    ("busybox-static", "/usr/share/doc/busybox-static"),
    ("openssl", "/usr/bin/openssl"),
    ("mmdebstrap", "/usr/bin/mmdebstrap"),
];

/// One Go module below `lab/` and the programs that come from it.
struct Module {
    folder: &'static str,
    flags: &'static str,
    tags: &'static str,
    programs: &'static [(&'static str, &'static str)],
}

const MODULES: [Module; 4] = [
    Module {
        folder: "kube",
        flags: KUBE_FLAGS,
        tags: "",
        programs: &[("labkube", ".")],
    },
    Module {
        folder: "containerd",
        flags: "-s -w",
        tags: "no_btrfs no_devmapper no_zfs",
        programs: &[
            (
                "containerd",
                "github.com/containerd/containerd/v2/cmd/containerd",
            ),
            (
                "containerd-shim-runc-v2",
                "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            ),
            ("ctr", "github.com/containerd/containerd/v2/cmd/ctr"),
        ],
    },
    Module {
        folder: "netpol",
        flags: "-s -w",
        tags: "",
        programs: &[("netpol", ".")],
    },
    Module {
        folder: "tools",
        flags: "-s -w",
        tags: "",
        programs: &[("init", "./init"), ("pause", "./pause"), ("app", "./app")],
    },
];

/// The `lab/` folder of this checkout.
pub(super) fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab")
}

/// Installs and builds what is missing; the folder that holds every program.
pub(super) fn all() -> Result<PathBuf> {
    packages()?;
    let bin = cache()?.join("lab").join(&digest()?[..16]);
    fs::create_dir_all(&bin)?;
    for module in &MODULES {
        for (program, package) in module.programs {
            if !bin.join(program).exists() {
                build(&bin, module, program, package)?;
            }
        }
    }
    Ok(bin)
}

/// Installs the Debian packages that the lab and the tests need and that are missing.
pub(crate) fn packages() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, file)| !Path::new(file).exists())
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

/// Installs Debian packages.
pub(crate) fn install(missing: &[&str]) -> Result<()> {
    say(&format!(
        "installing Debian packages: {}",
        missing.join(" ")
    ));
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the lab needs root to install packages and to start; run as root, or use your own cluster"
    );
    let mut update = Command::new("apt-get");
    update.args(["update", "-qq"]);
    quiet("apt-get update", update)?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(missing)
        .env("DEBIAN_FRONTEND", "noninteractive");
    quiet("apt-get install", install)
}

fn build(bin: &Path, module: &Module, program: &str, package: &str) -> Result<()> {
    let partial = bin.join(format!(".{program}.{}", std::process::id()));
    let mut go = Command::new("go");
    go.current_dir(source().join(module.folder))
        .args([
            "build",
            "-trimpath",
            "-tags",
            module.tags,
            "-ldflags",
            module.flags,
            "-o",
        ])
        .arg(&partial)
        .arg(package)
        .env("CGO_ENABLED", "0");
    quiet(&format!("building {program}"), go)?;
    fs::rename(&partial, bin.join(program)).context("cannot keep what was built")
}

/// Runs a long command with a sign of life every 20 seconds; its output is shown if it fails.
fn quiet(name: &str, mut command: Command) -> Result<()> {
    let started = Instant::now();
    let (done, waits) = mpsc::channel::<()>();
    let label = name.to_owned();
    let alive = std::thread::spawn(move || {
        while waits.recv_timeout(Duration::from_secs(20)) == Err(mpsc::RecvTimeoutError::Timeout) {
            say(&format!("  {label}: {} s", started.elapsed().as_secs()));
        }
    });
    say(name);
    let output = command.output();
    drop(done);
    let _ = alive.join();
    let output = output.with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{name} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    say(&format!(
        "  {name}: done in {:.0} s",
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Digest of every Go source and flag: another source is another cache folder.
fn digest() -> Result<String> {
    let mut hash = Sha256::new();
    for module in &MODULES {
        hash.update(format!(
            "{}\0{}\0{}\0",
            module.folder, module.flags, module.tags
        ));
        let mut files = Vec::new();
        list(&source().join(module.folder), &mut files)?;
        files.sort();
        for file in files {
            hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            hash.update(fs::read(&file)?);
        }
    }
    Ok(hex::encode(hash.finalize()))
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("no folder {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
