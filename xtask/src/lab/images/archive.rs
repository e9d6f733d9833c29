//! Archives of images, as a container runtime imports them.

use std::{borrow::Cow, io::Write};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

/// An image: its entries in one layer, and how it starts.
pub(super) struct Image {
    pub(super) name: &'static str,
    pub(super) entries: Vec<Entry>,
    pub(super) user: &'static str,
    pub(super) env: &'static [&'static str],
    pub(super) entrypoint: &'static [&'static str],
}

pub(super) enum Entry {
    File(Cow<'static, str>, Vec<u8>, u32),
    Dir(Cow<'static, str>, u32),
    Link(String, &'static str),
}

/// A docker archive of one layer; the same image always gives the same bytes.
pub(super) fn archive(image: &Image) -> Result<Vec<u8>> {
    pack(image, &layer(&image.entries)?)
}

/// A layer with these entries.
pub(super) fn layer(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut layer = tar::Builder::new(Vec::new());
    for entry in entries {
        match entry {
            Entry::File(path, data, mode) => append(&mut layer, path, data, *mode)?,
            Entry::Dir(path, mode) => {
                let mut header = header(*mode, 0);
                header.set_entry_type(tar::EntryType::Directory);
                layer.append_data(&mut header, &**path, &[][..])?;
            }
            Entry::Link(path, target) => {
                let mut header = header(0o777, 0);
                header.set_entry_type(tar::EntryType::Symlink);
                layer.append_link(&mut header, path, target)?;
            }
        }
    }
    Ok(layer.into_inner()?)
}

/// A docker archive of `image` with that layer.
pub(super) fn pack(image: &Image, layer: &[u8]) -> Result<Vec<u8>> {
    let config = serde_json::to_vec(&serde_json::json!({
        "architecture": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64"),
        "os": "linux",
        "config": {"Entrypoint": image.entrypoint, "Env": image.env, "User": image.user},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(layer))]},
        "history": [],
    }))?;
    let manifest = serde_json::to_vec(&serde_json::json!([{
        "Config": format!("{}.json", sha256(&config)),
        "RepoTags": [format!("lab.local/{}:1", image.name)],
        "Layers": [format!("{}/layer.tar", sha256(layer))],
    }]))?;
    let mut out = tar::Builder::new(Vec::new());
    append(
        &mut out,
        &format!("{}.json", sha256(&config)),
        &config,
        0o644,
    )?;
    append(
        &mut out,
        &format!("{}/layer.tar", sha256(layer)),
        layer,
        0o644,
    )?;
    append(&mut out, "manifest.json", &manifest, 0o644)?;
    Ok(out.into_inner()?)
}

fn append<W: Write>(out: &mut tar::Builder<W>, path: &str, data: &[u8], mode: u32) -> Result<()> {
    Ok(out.append_data(&mut header(mode, data.len() as u64), path, data)?)
}

fn header(mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header
}

pub(super) fn sha256(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}
