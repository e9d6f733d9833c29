//! An image with very many files, for measurements.

use anyhow::Result;

use super::archive::{Entry, Image, archive as archived};

/// Name of the image.
pub(super) const NAME: &str = "lab.local/many:1";

/// Its archive: `userland`, and that many small files, 1,000 in each directory.
pub(super) fn archive(mut entries: Vec<Entry>, files: usize) -> Result<Vec<u8>> {
    for number in 0..files {
        let (directory, name) = (number / 1_000, number % 1_000);
        let path = format!("opt/application/lib/package-{directory:03}/source-{name:04}.dat");
        entries.push(Entry::File(path.into(), number.to_string().into(), 0o644));
    }
    archived(&Image {
        name: "many",
        entries,
        user: "",
        env: &["PATH=/bin"],
        entrypoint: &["/bin/sleep", "36000"],
    })
}
