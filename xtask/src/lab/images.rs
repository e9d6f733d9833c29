//! Fixture images, made reproducibly from Debian's busybox and small sources.

mod archive;
mod many;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::state::State;
use crate::{image, ui::say};
use archive::{Entry, Image, archive, pack, sha256};

/// Name of the probe's image in the lab.
const PROBE: &str = "lab.local/probe";
const SLEEP: &[&str] = &[
    "/bin/sh",
    "-c",
    "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done",
];
const SHOP: &[&str] = &[
    "/bin/sh",
    "-c",
    "trap 'exit 0' TERM; nc -ll -p 8080 -e /bin/true & nc -ll -p 23 -e /bin/true & \
     while :; do sleep 3600 & wait $!; done",
];
const PATH: &[&str] = &["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
const SHOP_ENV: &[&str] = &[
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "DB_PASSWORD=hunter2-demo",
];
const APPLETS: &str = "awk cat chmod cksum cp cut date dd echo env expr find grep head hostname id \
    kill ls mkdir mount mv nc printf ps pwd readlink rm sed sh sleep sort stat tail tar test touch \
    tr true uname uniq wc which";

/// Builds every image as an archive in the cache.
pub(super) fn all(bin: &Path) -> Result<Vec<PathBuf>> {
    let busybox = fs::read("/bin/busybox").context("no busybox; install busybox-static")?;
    let app = fs::read(bin.join("app"))?;
    let images = [
        Image {
            name: "pause",
            entries: vec![Entry::File(
                "pause".into(),
                fs::read(bin.join("pause"))?,
                0o755,
            )],
            user: "",
            env: &[],
            entrypoint: &["/pause"],
        },
        Image {
            name: "busybox",
            entries: userland(&busybox),
            user: "",
            env: PATH,
            entrypoint: SLEEP,
        },
        Image {
            name: "demo",
            entries: shop(&busybox),
            user: "",
            env: SHOP_ENV,
            entrypoint: SHOP,
        },
        distroless("distroless", app.clone(), "65532:65532"),
        distroless("distroless-root", app, ""),
    ];
    let folder = bin.join("images");
    fs::create_dir_all(&folder)?;
    let mut archives = vec![debian(&folder)?, probe_archive(&folder, "1")?.0];
    for image in &images {
        let path = folder.join(format!("{}.tar", image.name));
        fs::write(&path, archive(image)?)?;
        archives.push(path);
    }
    Ok(archives)
}

/// A real Debian with its packages and one more user, as that user. Made once per recipe.
fn debian(folder: &Path) -> Result<PathBuf> {
    let recipe = [
        "--mode=root",
        "--variant=essential",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--customize-hook=echo shop:x:1000:1000::/srv:/bin/bash >> \"$1/etc/passwd\"",
        "--customize-hook=echo 'shop:*:19000:0:99999:7:::' >> \"$1/etc/shadow\"; chmod 0640 \"$1/etc/shadow\"",
        "bookworm",
    ];
    let path = folder.join(format!(
        "debian-{}.tar",
        &sha256(recipe.concat().as_bytes())[..16]
    ));
    if path.exists() {
        return Ok(path);
    }
    say("making the Debian fixture image");
    let layer = folder.join("debian-layer.tar");
    let output = Command::new("mmdebstrap")
        .args(recipe)
        .arg(&layer)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .context("no mmdebstrap")?;
    ensure!(
        output.status.success(),
        "mmdebstrap failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let image = Image {
        name: "debian",
        entries: vec![],
        user: "1000:1000",
        env: PATH,
        entrypoint: SLEEP,
    };
    // Renamed when it is whole: an interrupted run leaves nothing that looks finished.
    let part = path.with_extension("part");
    fs::write(&part, pack(&image, &fs::read(&layer)?)?)?;
    fs::rename(&part, &path)?;
    fs::remove_file(layer)?;
    Ok(path)
}

/// Builds the probe of this checkout, imports it into the running lab with that tag and by its
/// digest, and returns the digest.
pub(super) fn load_probe(state: &State, tag: &str) -> Result<String> {
    let bin = PathBuf::from(fs::read_to_string(state.dir.join("binaries"))?);
    let folder = tempfile::tempdir()?;
    let (archive, digest) = probe_archive(folder.path(), tag)?;
    import_one(state, &bin, &archive)?;
    Ok(digest)
}

/// Makes the image `lab.local/many:1` of busybox and that many small files, and imports it into the running lab.
pub(super) fn load_many(state: &State, files: usize) -> Result<()> {
    let bin = PathBuf::from(fs::read_to_string(state.dir.join("binaries"))?);
    let busybox = fs::read("/bin/busybox").context("no busybox; install busybox-static")?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("many.tar");
    fs::write(&path, many::archive(userland(&busybox), files)?)?;
    import_one(state, &bin, &path)
}

/// Removes it again.
pub(super) fn drop_many(state: &State) -> Result<()> {
    let bin = PathBuf::from(fs::read_to_string(state.dir.join("binaries"))?);
    ctr(state, &bin, &["rm", many::NAME])
}

/// The image of the probe as it is shipped, and its digest.
fn probe_archive(folder: &Path, tag: &str) -> Result<(PathBuf, String)> {
    let layout = image::layout(&fs::read(probe()?)?, &format!("{PROBE}:{tag}"))?;
    let path = folder.join("probe.tar");
    fs::write(&path, &layout.tar)?;
    fs::write(
        path.with_extension("digest"),
        format!("{tag} {}", layout.digest),
    )?;
    Ok((path, layout.digest))
}

/// The probe as a static program, which runs in any image.
pub(crate) fn probe() -> Result<PathBuf> {
    let source = image::source()?;
    image::build(&source, &source.join("target/probe"))
}

/// Imports the archives into the lab's containerd.
pub(super) fn import(state: &State, bin: &Path, archives: &[PathBuf]) -> Result<()> {
    for archive in archives {
        import_one(state, bin, archive)?;
    }
    Ok(())
}

fn import_one(state: &State, bin: &Path, archive: &Path) -> Result<()> {
    let path = archive.display().to_string();
    ctr(state, bin, &["import", &path])?;
    // A pull from a registry would name it by its digest too; an import does not.
    if let Ok(named) = fs::read_to_string(archive.with_extension("digest")) {
        let (tag, digest) = named.split_once(' ').context("a tag and a digest")?;
        let (tag, digest) = (format!("{PROBE}:{tag}"), format!("{PROBE}@{digest}"));
        ctr(state, bin, &["tag", "--force", &tag, &digest])?;
    }
    Ok(())
}

fn ctr(state: &State, bin: &Path, args: &[&str]) -> Result<()> {
    let pid = state.running()?.context("lab is down")?;
    let output = Command::new("nsenter")
        .args(["-t", &pid.to_string(), "-n", "-m", "-p", "--"])
        .arg(bin.join("ctr"))
        .arg("-a")
        .arg(state.dir.join("containerd.sock"))
        .args(["-n", "k8s.io", "images"])
        .args(args)
        .output()?;
    ensure!(
        output.status.success(),
        "cannot {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Name of the lab's probe by its digest.
pub(crate) fn probe_by_digest() -> Result<String> {
    let state = State::locate()?;
    let bin = PathBuf::from(fs::read_to_string(state.dir.join("binaries"))?);
    let named = fs::read_to_string(bin.join("images/probe.digest"))?;
    let (_, digest) = named.split_once(' ').context("a tag and a digest")?;
    Ok(format!("{PROBE}@{digest}"))
}

fn userland(busybox: &[u8]) -> Vec<Entry> {
    let mut entries = vec![
        Entry::Dir("bin".into(), 0o755),
        Entry::File("bin/busybox".into(), busybox.to_vec(), 0o755),
        Entry::Dir("etc".into(), 0o755),
        Entry::File(
            "etc/passwd".into(),
            b"root:x:0:0:root:/root:/bin/sh\n".to_vec(),
            0o644,
        ),
        Entry::File("etc/group".into(), b"root:x:0:\n".to_vec(), 0o644),
        Entry::File(
            "etc/shadow".into(),
            b"root:*:19000:0:99999:7:::\n".to_vec(),
            0o600,
        ),
        Entry::File(
            "etc/os-release".into(),
            b"ID=lab\nVERSION_ID=1\nPRETTY_NAME=\"Lab\"\n".to_vec(),
            0o644,
        ),
        Entry::Dir("root".into(), 0o700),
        Entry::Dir("tmp".into(), 0o1777),
    ];
    entries.extend(
        APPLETS
            .split_whitespace()
            .map(|a| Entry::Link(format!("bin/{a}"), "busybox")),
    );
    entries
}

/// A shop with planted faults, for the demo and the tests.
fn shop(busybox: &[u8]) -> Vec<Entry> {
    let mut entries = userland(busybox);
    entries.retain(
        |e| !matches!(e, Entry::File(path, ..) if path == "etc/passwd" || path == "etc/shadow"),
    );
    entries.extend([
        Entry::File(
            "etc/passwd".into(),
            b"root:x:0:0:root:/root:/bin/sh\nbackdoor:x:0:0::/:/bin/sh\n".to_vec(),
            0o644,
        ),
        Entry::File(
            "etc/shadow".into(),
            b"root:*:19000::::::\nbackdoor::19000::::::\n".to_vec(),
            0o644,
        ),
        Entry::Dir("opt".into(), 0o755),
        Entry::Dir("opt/shop".into(), 0o755),
        Entry::File("opt/shop/config.ini".into(), b"[shop]\n".to_vec(), 0o666),
        Entry::Dir("opt/shop/plugins".into(), 0o777),
        Entry::File("bin/helper".into(), busybox.to_vec(), 0o4755),
        Entry::Dir("root/.ssh".into(), 0o700),
        Entry::File(
            "root/.ssh/id_rsa".into(),
            b"not a real key\n".to_vec(),
            0o600,
        ),
    ]);
    entries
}

fn distroless(name: &'static str, app: Vec<u8>, user: &'static str) -> Image {
    Image {
        name,
        entries: vec![
            Entry::File("app".into(), app, 0o755),
            Entry::Dir("etc".into(), 0o755),
            Entry::File(
                "etc/passwd".into(),
                b"nonroot:x:65532:65532::/:/sbin/nologin\n".to_vec(),
                0o644,
            ),
        ],
        user,
        env: &[],
        entrypoint: &["/app"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_reproducible() {
        let one = archive(&distroless("x", b"app".to_vec(), "1:1")).unwrap();
        let two = archive(&distroless("x", b"app".to_vec(), "1:1")).unwrap();
        assert_eq!(sha256(&one), sha256(&two));
        let other = archive(&distroless("x", b"app".to_vec(), "2:2")).unwrap();
        assert_ne!(sha256(&one), sha256(&other));
    }
}
