//! The shell collector: compiles an inventory request to the script that `sh -s` reads in a target.

use std::{collections::BTreeSet, fmt::Write as _};

use crate::{
    changes,
    model::FileKind,
    request::{FileSelector, InventoryRequest, MAX_DIGEST, Section},
    wire::THREAD_KEYS,
};

/// Runs before the prologue: it brings the shell into the state that the rest is written for.
const SHELL: &str = include_str!("collector/shell.sh");

/// Runs after the prologue.
const SCRIPT: &str = concat!(
    include_str!("collector/start.sh"),
    include_str!("collector/mounts.sh"),
    include_str!("collector/files.sh"),
    include_str!("collector/accounts.sh"),
    include_str!("collector/sections.sh"),
    include_str!("collector/environment.sh"),
    include_str!("collector/changes.sh"),
    include_str!("collector/answer.sh"),
    include_str!("collector/end.sh"),
);

/// Name of this agent in reports.
pub const NAME: &str = "collector-sh";

/// The part of an answer with the environment of the container's first process; it follows section `env`.
pub(crate) const PROCESS_ENV: &str = "process_env";

/// The command in the target; the script goes to its standard input, so that it is in no argument
/// list and in no file.
pub const COMMAND: [&str; 2] = ["/bin/sh", "-s"];

/// Bytes of an answer after which a collector whose standard input is held open stays until that ends, so that no part of
/// the answer is lost on a slow way. The collector does not wait after a shorter answer.
pub const SHORT: u64 = 256 << 10;

/// The last line of every script: a shell that reads from a stream that stays open knows by it that the script is complete.
pub const LAST_LINE: &str = "# The script ends here.";

/// The script that answers `request`. `nonce` is letters and digits, new for each scan.
///
/// Every text of the request is quoted so that a shell takes it as a literal.
pub fn script(request: &InventoryRequest, nonce: &str) -> String {
    compiled(request, nonce, None)
}

/// The same for a shell whose standard input stays open until the answer is complete. If standard input ends before, or
/// `seconds` after its start, the collector ends with everything that it started. In a process group that is not its own it
/// does not, because it would end other processes.
pub fn script_held(request: &InventoryRequest, nonce: &str, seconds: u32) -> String {
    compiled(request, nonce, Some(seconds))
}

fn compiled(request: &InventoryRequest, nonce: &str, deadline: Option<u32>) -> String {
    let mut script = format!("nonce={}\n{SHELL}", quote(nonce));
    let deadline = deadline.map(|seconds| seconds.to_string());
    let _ = writeln!(
        script,
        "deadline={} short={SHORT}",
        deadline.unwrap_or_default()
    );
    let names: Vec<&str> = request.answered().map(Section::name).collect();
    let _ = writeln!(script, "sections={}", quote(&names.join(" ")));
    let _ = writeln!(script, "thread_keys={}", quote(&THREAD_KEYS.join("|")));
    let commands: Vec<&str> = request
        .commands
        .iter()
        .map(String::as_str)
        .filter(|c| is_plain(c))
        .collect();
    let _ = writeln!(script, "commands={}", quote(&commands.join(" ")));
    let looked_at = |follow: bool| {
        let asked = request.files.iter().filter(|f| f.follow == follow);
        let paths: BTreeSet<String> = asked.flat_map(|f| &f.paths).map(|p| quote(p)).collect();
        paths.into_iter().collect::<Vec<_>>().join(" ")
    };
    let _ = writeln!(script, "named() {{ look {}; }}", looked_at(false));
    let _ = writeln!(script, "followed() {{ look_through {}; }}", looked_at(true));
    let stays = if request.one_filesystem { "yes" } else { "no" };
    let _ = writeln!(script, "stays={stays}");
    let timed = request.files.iter().any(|selector| selector.times);
    let time = if timed { " %Y,%t:%T" } else { "" };
    let _ = writeln!(script, "facts='%f %u %g %s{time}'");
    script.push_str(&walks(&request.files));
    let _ = writeln!(script, "digests() {{ {}; }}", digests(&request.files));
    if request.changes {
        let _ = writeln!(
            script,
            "changes=yes watched={} most_entries={} most_processes={} most_sockets={}",
            quote(&changes::WATCHED.join(" ")),
            changes::MAX_ENTRIES,
            changes::MAX_PROCESSES,
            changes::MAX_SOCKETS
        );
    } else {
        script.push_str("changes=no\n");
    }
    script.push_str(SCRIPT);
    script
}

/// Whether a command name is a word without characters that have a meaning in a shell or a path.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+._-".contains(c))
}

/// The function `search` walks for the union of all selections; `shut` lists every directory that the walk entered or could
/// not enter. The walk may report more files than were selected; checks keep those that [`FileSelector::matches`].
fn walks(selectors: &[FileSelector]) -> String {
    let walks: Vec<&FileSelector> = selectors.iter().filter(|s| s.walks()).collect();
    if walks.is_empty() {
        return "walks=no\nsearch() { :; }\nshut() { :; }\ncrossed() { :; }\n".into();
    }
    let (tests, starts) = (any(walks.iter().map(|s| expression(s))), starts(&walks));
    format!(
        "walks=yes\nwalked() {{ entries \"$@\" -xdev ! {tests}; }}\nsearch() {{ from walked count {starts}; }}\n\
         tried() {{ directories \"$@\" -xdev; }}\nshut() {{ from tried name_gap {starts}; }}\n\
         crossed() {{ from borders : {starts}; }}\n"
    )
}

/// A walk for the contents of files, if a selection asks for them.
fn digests(selectors: &[FileSelector]) -> String {
    let asked: Vec<&FileSelector> = selectors.iter().filter(|s| s.digest).collect();
    if asked.is_empty() {
        return ":".into();
    }
    // A file that a walk finds and another selection names is reported twice, with the same contents.
    let wanted = |path: &String| {
        let mut all = asked.iter();
        all.any(|s| s.paths.contains(path) || s.may_walk_by(&path.into()))
    };
    let named = selectors.iter().flat_map(|s| &s.paths);
    let named: BTreeSet<String> = named.filter(|p| wanted(p)).map(|p| quote(p)).collect();
    let named = named.into_iter().collect::<Vec<_>>().join(" ");
    let walked: Vec<&FileSelector> = asked.into_iter().filter(|s| s.walks()).collect();
    let walk = if walked.is_empty() {
        String::new()
    } else {
        // Reading contents takes long, so it is done only for files for which it was asked.
        let tests = any(walked
            .iter()
            .map(|s| format!("{} {}", placed(s), expression(s))));
        let starts = starts(&walked);
        format!("summed() {{ sums \"$@\" -xdev ! {tests}; }}; from summed : {starts}; ")
    };
    format!("largest={MAX_DIGEST}; export largest; sha256 || return; named_sums {named}; {walk}:")
}

/// The starts of walks, in order, each once and without a trailing slash.
fn starts(walks: &[&FileSelector]) -> String {
    let named = walks.iter().flat_map(|s| &s.under);
    let mut starts: BTreeSet<&str> = named.map(|dir| dir.trim_end_matches('/')).collect();
    if walks.iter().any(|s| s.under.is_empty()) {
        starts.insert("");
    }
    let starts = starts.into_iter().map(|dir| match dir {
        "" => quote("/"),
        dir => quote(dir),
    });
    starts.collect::<Vec<_>>().join(" ")
}

/// The test for the directories of one selection, where a walk also has those of others.
fn placed(selector: &FileSelector) -> String {
    let dirs = selector.under.iter().map(|dir| dir.trim_end_matches('/'));
    let dirs: Vec<String> = dirs.map(exact).collect();
    if dirs.is_empty() || dirs.iter().any(String::is_empty) {
        return String::new();
    }
    any(dirs.iter().map(|dir| {
        format!(
            "-path {} -o -path {}",
            quote(dir),
            quote(&format!("{dir}/*"))
        )
    }))
}

fn expression(selector: &FileSelector) -> String {
    let mut all = Vec::new();
    if !selector.kind.is_empty() {
        let kinds = selector
            .kind
            .iter()
            .map(|k| format!("-type {}", letter(*k)));
        all.push(any(kinds));
    }
    if let Some(bits) = selector.mode_bits_any() {
        all.push(any(single(bits).map(|bit| format!("-perm -{bit:o}"))));
    }
    if let Some(bits) = selector.mode_bits_none() {
        all.extend(single(bits).map(|bit| format!("! -perm -{bit:o}")));
    }
    if !selector.name.is_empty() {
        let names = selector.name.iter();
        all.push(any(names.map(|n| format!("-name {}", quote(&literal(n))))));
    }
    if all.is_empty() {
        "-name '*'".into()
    } else {
        format!("\\( {} \\)", all.join(" "))
    }
}

fn any(tests: impl Iterator<Item = String>) -> String {
    let tests: Vec<String> = tests.collect();
    format!("\\( {} \\)", tests.join(" -o "))
}

/// Each bit that is set, by itself.
fn single(bits: u32) -> impl Iterator<Item = u32> {
    (0..12)
        .map(|shift| 1 << shift)
        .filter(move |bit| bits & bit != 0)
}

fn letter(kind: FileKind) -> char {
    match kind {
        FileKind::File => 'f',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'l',
        FileKind::BlockDevice => 'b',
        FileKind::CharDevice => 'c',
        FileKind::Fifo => 'p',
        FileKind::Socket => 's',
    }
}

/// Only `*` and `?` have a meaning in a selector's names.
fn literal(glob: &str) -> String {
    glob.replace('\\', "\\\\").replace('[', "\\[")
}

/// A directory as a pattern of `find` that matches only itself.
fn exact(dir: &str) -> String {
    dir.chars()
        .flat_map(|c| "\\[*?".contains(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
