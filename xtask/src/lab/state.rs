//! Where a lab keeps its files, who its init process is, and how every trace is removed.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::fcntl::{Flock, FlockArg};

/// Where parts of the lab write, whatever their settings; each is mounted over inside the lab.
pub(crate) const FIXED: [&str; 5] = [
    "/run",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
];

/// The state folder of the lab, outside the checkout.
pub(crate) struct State {
    pub(crate) dir: PathBuf,
}

/// The folder below `variable` or below the home folder's `fallback`.
pub(crate) fn base(variable: &str, fallback: &str) -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os(variable).filter(|d| !d.is_empty()) {
        return Ok(PathBuf::from(dir).join("secure-scan"));
    }
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    Ok(PathBuf::from(home).join(fallback).join("secure-scan"))
}

/// The folder that keeps what takes long to build, for every checkout.
pub(crate) fn cache() -> Result<PathBuf> {
    base("XDG_CACHE_HOME", ".cache")
}

impl State {
    pub(crate) fn locate() -> Result<Self> {
        let dir = base("XDG_STATE_HOME", ".local/state")?.join("lab");
        Ok(Self { dir })
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.dir.join("pki")
    }

    pub(crate) fn ready(&self) -> PathBuf {
        self.dir.join("ready")
    }

    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.dir.join("log").join(format!("{part}.log"))
    }

    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.dir.join(format!("{user}.kubeconfig"))
    }

    /// Holds off other callers until it is dropped.
    pub(crate) fn lock(&self) -> Result<Flock<fs::File>> {
        let parent = self.dir.parent().context("state folder has no parent")?;
        fs::create_dir_all(parent)?;
        let file = fs::File::create(parent.join("lab.lock"))?;
        Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| error)
            .context("cannot lock the lab")
    }

    pub(crate) fn create(&self, binaries: &Path) -> Result<()> {
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&self.dir)?;
        for sub in [
            "pki", "log", "run", "cni", "kubelet", "etcd", "cdroot", "cdstate",
        ] {
            fs::create_dir_all(self.dir.join(sub))?;
        }
        self.make_fixed()?;
        fs::write(
            self.dir.join("binaries"),
            binaries.as_os_str().as_encoded_bytes(),
        )?;
        Ok(())
    }

    /// Makes the folders that are mounted over, and remembers which were not there.
    pub(crate) fn make_fixed(&self) -> Result<()> {
        let missing = FIXED.iter().filter(|dir| !Path::new(dir).exists());
        let missing: Vec<&str> = missing.copied().collect();
        fs::write(self.dir.join("made"), missing.join("\n"))?;
        for dir in missing {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {dir}"))?;
        }
        Ok(())
    }

    /// Remembers the init process, seen from outside, together with its start time.
    pub(crate) fn remember_init(&self, pid: i32) -> Result<()> {
        let start = start_time(Path::new("/proc/self/stat")).context("no start time")?;
        let mut file = fs::File::create(self.dir.join("init"))?;
        write!(file, "{pid} {start}")?;
        Ok(())
    }

    /// The init process, if it is still the one that was remembered.
    pub(crate) fn running(&self) -> Result<Option<i32>> {
        let Ok(text) = fs::read_to_string(self.dir.join("init")) else {
            return Ok(None);
        };
        let (pid, start) = text.split_once(' ').context("unreadable init file")?;
        let now = start_time(Path::new(&format!("/proc/{pid}/stat")));
        Ok(if now.as_deref() == Some(start) {
            Some(pid.parse()?)
        } else {
            None
        })
    }

    /// Removes files and the cgroups of pods, and checks that they are gone.
    pub(crate) fn remove(&self) -> Result<()> {
        // Processes of the lab end one after the other once its init is gone.
        let deadline = Instant::now() + Duration::from_secs(30);
        for pods in kubepods()? {
            remove_cgroup(&pods);
            while pods.exists() {
                ensure!(
                    Instant::now() < deadline,
                    "cgroup {} is still in use",
                    pods.display()
                );
                std::thread::sleep(Duration::from_millis(100));
                remove_cgroup(&pods);
            }
        }
        for dir in fs::read_to_string(self.dir.join("made"))
            .unwrap_or_default()
            .lines()
        {
            // Somebody else's by now, where it is not empty.
            let _ = fs::remove_dir(dir);
        }
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir)
                .with_context(|| format!("cannot remove {}", self.dir.display()))?;
        }
        Ok(())
    }
}

/// Field 22 of `proc_pid_stat(5)`; `None` when there is no such process or it is a zombie.
fn start_time(stat: &Path) -> Option<String> {
    let text = fs::read_to_string(stat).ok()?;
    let after_name = text.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

fn kubepods() -> Result<Vec<PathBuf>> {
    let root = Path::new("/sys/fs/cgroup");
    let mut found = vec![root.join("kubepods")];
    for entry in fs::read_dir(root).context("no cgroup file system")? {
        found.push(entry?.path().join("kubepods"));
    }
    found.retain(|path| path.is_dir());
    Ok(found)
}

fn remove_cgroup(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_cgroup(&entry.path());
        }
    }
    // What cannot be removed is seen by the check after this.
    let _ = fs::remove_dir(dir);
}
