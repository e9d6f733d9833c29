//! The file that remembers which images of the probe started on which nodes, so that each is tried once.

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{Mode, OFlags};
use secure_scan::{ImageMemory, TRIAL_LASTS, TriedImage};
use tempfile::NamedTempFile;

/// Most trials that are kept; the newest ones stay.
const MOST: usize = 1000;
/// Bytes of a file with that many.
const MAX_BYTES: u64 = (MOST as u64) * 96;

/// A file with one line for each trial: its time in seconds since 1970, and its key, which reveals no name. A file of
/// another form counts as absent.
pub(crate) struct ImageCache(PathBuf);

impl ImageCache {
    /// The file of the user that runs this: below `XDG_CACHE_HOME`, or `~/.cache`.
    pub(crate) fn of_user() -> Option<Self> {
        let absolute = |name: &str| {
            let path = PathBuf::from(env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let folder =
            absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        Some(Self(folder.join("secure-scan").join("probe-images")))
    }

    /// The known trials with their times; nothing if the file cannot be used.
    fn read(&self, now: u64) -> Vec<(u64, String)> {
        let text = text(&self.0).unwrap_or_default();
        let mut known = Vec::new();
        for line in text.lines() {
            let Some(entry) = entry(line) else {
                return Vec::new();
            };
            known.push(entry);
        }
        // A time in the future is from another clock.
        known.retain(|(since, _)| *since <= now && now - since < TRIAL_LASTS.as_secs());
        known
    }

    fn write(&self, known: &[(u64, String)]) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or_else(|| Path::new("/"));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        // Nobody else can open the new file (0600), and nobody sees it half written.
        let mut file = NamedTempFile::new_in(folder)?;
        for (since, key) in known {
            writeln!(file, "{since} {key}")?;
        }
        file.persist(&self.0).map(drop).map_err(|error| error.error)
    }

    fn remember_key(&self, key: String) {
        let now = now();
        let mut known = self.read(now);
        known.retain(|(_, other)| *other != key);
        known.push((now, key));
        let first = known.len().saturating_sub(MOST);
        // A trial that cannot be recorded is repeated.
        let _ = self.write(&known[first..]);
    }

    fn forget_key(&self, key: &str) {
        let mut known = self.read(now());
        let before = known.len();
        known.retain(|(_, other)| other != key);
        if known.len() < before && self.write(&known).is_err() {
            // A file that cannot be rewritten must not go on saying that the image starts.
            let _ = fs::remove_file(&self.0);
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs()).unwrap_or_default()
}

/// The text of the user's own file, which nobody else may write.
fn text(path: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let about = file.metadata()?;
    let own = about.uid() == rustix::process::geteuid().as_raw() && about.mode() & 0o022 == 0;
    if !about.is_file() || !own || about.len() > MAX_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn entry(line: &str) -> Option<(u64, String)> {
    let (since, key) = line.split_once(' ')?;
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let is_key = key.len() == 64 && key.chars().all(hex);
    Some((since.parse().ok()?, key.to_owned())).filter(|_| is_key)
}

impl ImageMemory for ImageCache {
    fn knows(&self, image: &TriedImage) -> bool {
        let key = image.key();
        self.read(now()).iter().any(|(_, known)| *known == key)
    }

    fn remember(&self, image: &TriedImage) {
        self.remember_key(image.key());
    }

    fn forget(&self, image: &TriedImage) {
        self.forget_key(&image.key());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn key(number: usize) -> String {
        format!("{number:064x}")
    }

    fn cache(dir: &tempfile::TempDir) -> ImageCache {
        ImageCache(dir.path().join("deep/er/probe-images"))
    }

    #[test]
    fn what_was_written_is_read_by_its_owner_alone_and_for_some_days() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(&dir);
        assert!(cache.read(100).is_empty());
        cache.write(&[(100, key(1))]).unwrap();
        assert_eq!(cache.read(100), [(100, key(1))]);
        assert!(cache.read(99).is_empty(), "of a time to come");
        assert!(cache.read(100 + TRIAL_LASTS.as_secs()).is_empty());
        let mode = fs::metadata(&cache.0).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&cache.0, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(cache.read(100).is_empty(), "others may write it");
    }

    #[test]
    fn a_file_that_is_not_as_it_was_written_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(&dir);
        let good = format!("100 {}\n", key(1));
        cache.write(&[]).unwrap();
        let long = good.repeat(usize::try_from(MAX_BYTES).unwrap() / good.len() + 1);
        for bad in [
            "x",
            "100",
            "100 abc",
            &format!("-1 {}", key(1)),
            &format!("100 {}", key(1).to_uppercase().replace('0', "G")),
            &format!("{good}\n{good}"),
            &format!("{good}\u{0}"),
            &long,
        ] {
            fs::write(&cache.0, bad).unwrap();
            assert!(cache.read(100).is_empty(), "{bad:.80}");
        }
        fs::write(&cache.0, [0xff, 0xfe]).unwrap();
        assert!(cache.read(100).is_empty());
        fs::write(&cache.0, &good).unwrap();
        assert_eq!(cache.read(100).len(), 1);
        let link = ImageCache(dir.path().join("link"));
        symlink(&cache.0, &link.0).unwrap();
        assert!(link.read(100).is_empty(), "a link is not followed");
        let folder = ImageCache(dir.path().to_owned());
        assert!(folder.read(100).is_empty());
        assert!(folder.write(&[(100, key(1))]).is_err());
    }

    #[test]
    fn what_is_forgotten_is_gone_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(&dir);
        cache.remember_key(key(1));
        cache.remember_key(key(2));
        cache.forget_key(&key(1));
        let left: Vec<_> = cache.read(now()).into_iter().map(|(_, key)| key).collect();
        assert_eq!(left, [key(2)]);
    }

    #[test]
    fn a_full_file_can_still_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(&dir);
        let all: Vec<_> = (0..MOST)
            .map(|number| (10_000_000_000, key(number)))
            .collect();
        cache.write(&all).unwrap();
        assert_eq!(cache.read(10_000_000_000).len(), MOST);
    }
}
