//! Reads an image from an archive: an OCI image layout in a tar file, or what `docker save` wrote.
//!
//! Every blob that is read is compared with the digest by which it is named, and every layer with the configuration of the
//! image. If an archive describes its image in two ways, both must agree.

mod blob;
mod fault;
mod image;
mod json;
mod packing;
mod platform;

use std::{
    io::{self, Read},
    path::Path,
};

use self::{
    blob::Blobs,
    fault::bad,
    image::{Image, Layer},
    packing::{Hashed, unpack},
};
use crate::layers::Layers;

/// Most layers.
const MAX_LAYERS: usize = 512;
/// Most bytes of all layers together once they are unpacked: a small archive can hold any number of them, and name
/// one several times.
const MAX_UNPACKED: u64 = 128 << 30;

/// Reads the image in `path`; of an image for several platforms, the one for this machine. Digests of its files are taken
/// if they are wanted.
///
/// # Errors
///
/// Fails when it is not an archive of an image, when it holds several images or contradicts itself, when a blob does not
/// match its digest, and when a container runtime would refuse it.
pub fn open(path: &Path, digests: bool) -> io::Result<Layers> {
    let mut blobs = Blobs::open(path)?;
    let Image { layers, manifest } = image::of(&mut blobs)?;
    if layers.len() > MAX_LAYERS {
        return Err(bad("the image has too many layers"));
    }
    let mut whole = Layers::new(digests);
    whole.manifest = manifest;
    let mut left = MAX_UNPACKED;
    for layer in &layers {
        read(&mut blobs, layer, &mut left, |plain| whole.add(plain))?;
    }
    // Only now is it known where links lead.
    let mut left = MAX_UNPACKED;
    for (number, missing) in whole.missing() {
        if let Some(layer) = layers.get(number) {
            let fill = |plain: &mut dyn Read| whole.fill(plain, &missing);
            read(&mut blobs, layer, &mut left, fill)?;
        }
    }
    Ok(whole)
}

/// Has `take` read a layer of at most `left` bytes, and compares it with its digests.
fn read(
    blobs: &mut Blobs,
    layer: &Layer,
    left: &mut u64,
    take: impl FnOnce(&mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut packed = Hashed::new(blobs.read(&layer.name)?, MAX_UNPACKED);
    let mut plain = Hashed::new(unpack(&mut packed)?, *left);
    let taken = take(&mut plain);
    // Bytes after the end of the archive belong to the digests too.
    let drained = io::copy(&mut plain, &mut io::sink());
    let complete = drained.is_ok();
    *left = plain.left();
    let sum = plain.sum();
    io::copy(&mut packed, &mut io::sink())?;
    // A changed layer is reported as changed, whatever else is wrong with it.
    let packed = packed.sum();
    if layer
        .packed
        .as_ref()
        .is_some_and(|digest| *digest != packed)
    {
        return Err(bad("a part of the image is not what its digest says"));
    }
    if complete && layer.plain != sum {
        return Err(bad(
            "a layer is not what its digest in the configuration says",
        ));
    }
    taken.and(drained.map(drop))
}

#[cfg(test)]
mod tests;
