//! The oracle: a process that unpacks stacks of layers with containerd's own code, and our reading of them.

#![expect(
    clippy::unwrap_in_result,
    reason = "an error here is an answer, and a test that cannot go on ends"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use scanner_inventory::FileSelector;
use scanner_probe::{Tree as _, layers::Layers};
use serde_json::Value;

/// What is known of a file by both: mode with its type, owner, group, size, content, capabilities.
pub(crate) type Known = (u32, u64, u64, u64, String, String);
/// Files by their names.
pub(crate) type Files = BTreeMap<Vec<u8>, Known>;

pub(crate) struct Oracle {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    _dir: tempfile::TempDir,
}

impl Oracle {
    pub(crate) fn start() -> Self {
        let program = std::env::var_os("SCANNER_APPLY_ORACLE");
        let program =
            program.expect("SCANNER_APPLY_ORACLE names the oracle; run `cargo xtask archives`");
        let dir = tempfile::tempdir_in("/dev/shm").expect("a folder on a tmpfs");
        let mut child = Command::new(program)
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the oracle starts");
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().expect("it was piped")),
            child,
            _dir: dir,
        }
    }

    /// What containerd unpacks, or why it does not.
    pub(crate) fn unpack(&mut self, layers: &[Vec<u8>]) -> Result<Files, String> {
        self.unpacked(layers, 0)
    }

    /// What containerd makes of layers that it unpacks each by itself, for an overlay filesystem, or why it does not.
    pub(crate) fn overlay(&mut self, layers: &[Vec<u8>]) -> Result<Files, String> {
        self.unpacked(layers, 1 << 31)
    }

    fn unpacked(&mut self, layers: &[Vec<u8>], how: usize) -> Result<Files, String> {
        let mut asked = length(layers.len() | how).to_vec();
        for layer in layers {
            asked.extend(length(layer.len()));
            asked.extend(layer);
        }
        let answer = self.ask(&asked);
        if let Some(error) = answer["error"].as_str() {
            assert!(!error.contains("oracle cannot"), "{error}");
            return Err(error.to_owned());
        }
        let files = answer["files"].as_array().expect("the oracle names files");
        Ok(files.iter().map(known).collect())
    }

    /// Each image that a program runs which loads the archive, as digests of its layers; and why others are none.
    pub(crate) fn load(&mut self, archive: &[u8]) -> (BTreeSet<Vec<String>>, Value) {
        let head = [u32::MAX.to_be_bytes(), length(archive.len())].concat();
        let answer = self.ask(&[&head, archive].concat());
        let images = answer["images"].as_array().into_iter().flatten();
        let layers = |image: &Value| {
            let layers = image.as_array().into_iter().flatten();
            let layers = layers.map(|layer| layer.as_str().unwrap_or_default().to_owned());
            layers.collect()
        };
        (images.map(layers).collect(), answer["errors"].clone())
    }

    fn ask(&mut self, asked: &[u8]) -> Value {
        let input = self.input.as_mut().expect("the oracle runs");
        input.write_all(asked).expect("the oracle reads");
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .expect("the oracle answers");
        serde_json::from_str(&line).expect("the oracle answers in JSON")
    }
}

/// A number as the oracle reads it.
fn length(n: usize) -> [u8; 4] {
    let n = u32::try_from(n).expect("test layers are small");
    n.to_be_bytes()
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

fn known(file: &Value) -> (Vec<u8>, Known) {
    let number = |key: &str| file[key].as_u64().unwrap_or_default();
    let text = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
    let mode = u32::try_from(number("mode")).expect("a mode");
    let size = match mode & 0o170_000 {
        0o100_000 | 0o120_000 => number("size"),
        _ => 0,
    };
    let content = text("digest") + &text("link");
    let known = (
        mode,
        number("uid"),
        number("gid"),
        size,
        content,
        text("capability"),
    );
    (bytes(&text("path")), known)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    };
    hex.as_bytes().chunks(2).map(byte).collect()
}

/// What we read, or why we do not.
pub(crate) fn read(layers: &[Vec<u8>]) -> Result<Files, String> {
    listed(&image(layers)?)
}

pub(crate) fn image(layers: &[Vec<u8>]) -> Result<Layers, String> {
    let mut image = Layers::new(true);
    for layer in layers {
        image
            .add(layer.as_slice())
            .map_err(|error| error.to_string())?;
    }
    Ok(image)
}

/// Files of an image as an answer lists them.
pub(crate) fn listed(image: &Layers) -> Result<Files, String> {
    let selector = FileSelector {
        digest: true,
        capabilities: true,
        ..FileSelector::default()
    };
    let mut out = Vec::new();
    let lost = image
        .walk(&[&selector], false, &mut out)
        .expect("memory can be written to");
    if !lost.is_empty() {
        return Err(format!("not readable: {lost}"));
    }
    let mut files = Files::new();
    let mut open: Option<(Vec<u8>, Known)> = None;
    for line in out.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").expect("a whole line");
        match (line.split_first(), open.as_mut()) {
            (Some((b'=', digest)), Some((_, known))) => ascii(digest).clone_into(&mut known.4),
            (Some((b'>', to)), Some((_, known))) => known.4 = hex(to),
            (Some((b'~', to)), Some((_, known))) => known.4 = hex(&unescape(to)),
            (Some((b'^', capability)), Some((_, known))) => {
                ascii(capability).clone_into(&mut known.5);
            }
            _ => {
                files.extend(open.take());
                open = Some(entry(line));
            }
        }
    }
    files.extend(open);
    Ok(files)
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("ASCII")
}

fn entry(line: &[u8]) -> (Vec<u8>, Known) {
    let fields: Vec<&[u8]> = line.splitn(5, |byte| *byte == b' ').collect();
    let number = |at: usize| ascii(fields[at]).parse().expect("a number");
    let mode = u32::from_str_radix(ascii(fields[0]), 16).expect("a mode");
    let size = match mode & 0o170_000 {
        0o100_000 | 0o120_000 => number(3),
        _ => 0,
    };
    let known = (
        mode,
        number(1),
        number(2),
        size,
        String::new(),
        String::new(),
    );
    let name = match fields[4].split_first() {
        Some((b'\\', escaped)) => unescape(escaped),
        _ => fields[4].to_vec(),
    };
    (name, known)
}

/// Reads back what names are written as, by itself: a mistake of the writer is not made twice.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    let mut left = text;
    while let Some((first, rest)) = left.split_first() {
        if *first != b'\\' {
            name.push(*first);
            left = rest;
        } else if rest[0] == b'\\' {
            name.push(b'\\');
            left = &rest[1..];
        } else {
            assert_eq!(rest[0], b'x', "{}", text.escape_ascii());
            name.extend(bytes(ascii(&rest[1..3])));
            left = &rest[3..];
        }
    }
    name
}
