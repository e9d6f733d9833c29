//! Files that are renamed into another directory during a walk.

use super::*;

/// Keeps what is written, and does something once half of the directories were walked.
struct Halfway<'a> {
    text: Vec<u8>,
    change: Option<Changes<'a>>,
    dir: &'a Path,
}

/// Is given a directory that was walked, and one that was not.
type Changes<'a> = Box<dyn FnOnce(&Path, &Path) + 'a>;

const DIRECTORIES: usize = 10;

impl Write for Halfway<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        let text = String::from_utf8_lossy(&self.text);
        let is_walked = |number: &usize| text.contains(&format!("/d{number}/secret\n"));
        let (walked, waiting): (Vec<_>, Vec<_>) = (0..DIRECTORIES).partition(is_walked);
        if walked.len() == DIRECTORIES / 2
            && let Some(change) = self.change.take()
        {
            let of = |number: Option<&usize>| self.dir.join(format!("d{}", number.unwrap()));
            // The one that is walked now is the last one that was written.
            let now = text.trim_end().rsplit('/').nth(1).unwrap().to_owned();
            let other = walked.iter().find(|number| format!("d{number}") != now);
            change(&of(other), &of(waiting.last()));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many names of secrets are seen, and gaps, where that is done halfway.
fn walked(full: bool, change: impl FnOnce(&Path, &Path)) -> (usize, Gaps) {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..DIRECTORIES {
        let place = dir.path().join(format!("d{number}"));
        fs::create_dir_all(place.join("sub")).unwrap();
        fs::write(place.join("secret"), "").unwrap();
        fs::write(place.join("sub/of-secret"), "").unwrap();
    }
    // As in a container that has run for a while.
    thread::sleep(Duration::from_millis(50));
    let root = Root::open(dir.path()).unwrap();
    let selector = FileSelector {
        name: vec!["*secret".into()],
        ..FileSelector::default()
    };
    let selectors = [&selector];
    let mut out = Halfway {
        text: Vec::new(),
        change: Some(Box::new(change)),
        dir: dir.path(),
    };
    let mut walk = walk_of(&root, &selectors);
    walk.listed.is_full = full;
    let (top, stat) = opened(&root);
    walk.enter(&top, &stat, &mut Vec::new(), 0, &mut out)
        .unwrap();
    walk.settle(&mut out).unwrap();
    assert!(out.change.is_none(), "it was done");
    let text = String::from_utf8(out.text).unwrap();
    (text.lines().count(), walk.gaps)
}

type Change = fn(&Path, &Path);

#[test]
fn what_is_renamed_into_a_directory_that_was_walked_is_seen() {
    let changes: [(Change, usize); 4] = [
        // It was listed, and is not there when it is looked at.
        (
            |walked, waiting| fs::rename(waiting, walked.join("moved")).unwrap(),
            20,
        ),
        // It is not listed any more.
        (
            |walked, waiting| fs::rename(waiting.join("sub"), walked.join("moved")).unwrap(),
            20,
        ),
        (
            |walked, waiting| {
                fs::rename(waiting.join("secret"), walked.join("a-secret")).unwrap();
            },
            20,
        ),
        // What it came from is gone.
        (
            |walked, waiting| {
                fs::rename(waiting.join("sub"), walked.join("moved")).unwrap();
                fs::remove_dir_all(waiting).unwrap();
            },
            19,
        ),
    ];
    for (number, (change, names)) in changes.into_iter().enumerate() {
        let (seen, gaps) = walked(false, change);
        assert!(gaps.is_empty(), "case {number}: {gaps}");
        assert_eq!(seen, names, "case {number}");
    }
}

#[test]
fn a_directory_that_moves_takes_what_comes_into_it_along() {
    let (seen, gaps) = walked(false, |walked, waiting| {
        let above = walked.parent().unwrap();
        fs::rename(waiting.join("secret"), walked.join("a-secret")).unwrap();
        fs::rename(walked, above.join("other")).unwrap();
    });
    assert!(gaps.is_empty() && seen == 20, "{seen}: {gaps}");
}

#[test]
fn what_is_deleted_is_no_gap() {
    let (seen, gaps) = walked(false, |_, waiting| fs::remove_dir_all(waiting).unwrap());
    assert!(gaps.is_empty() && seen == 18, "{seen}: {gaps}");
}

#[test]
fn where_too_many_directories_are_walked_what_is_gone_is_a_gap() {
    let (_, gaps) = walked(true, |_, waiting| {
        let other = waiting.parent().unwrap();
        fs::rename(waiting, other.parent().unwrap().join("moved-out")).unwrap();
        fs::remove_dir_all(other.parent().unwrap().join("moved-out")).unwrap();
    });
    let kinds: Vec<_> = gaps.iter().map(|gap| gap.kind).collect();
    assert_eq!(kinds, [GapKind::Vanished]);
    let place = gaps.iter().next().and_then(|gap| gap.path.clone());
    assert!(place.unwrap().as_text().starts_with("/d"));
}

#[test]
fn what_is_renamed_between_directories_without_end_is_seen_or_missing() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..50 {
        fs::create_dir_all(dir.path().join(format!("d{number}/sub"))).unwrap();
    }
    let place = |number: usize| dir.path().join(format!("d{number}/secret"));
    fs::write(place(0), "").unwrap();
    let rename = || {
        for number in 0..50 {
            fs::rename(place(number), place((number + 1) % 50)).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    };
    let walks = |root: &Root, selectors: &[&FileSelector], out: &mut Vec<u8>| {
        walk(root, selectors, false, out).unwrap()
    };
    let walks = missed(dir.path(), "secret", 10, rename, walks);
    assert_eq!(walks, 0, "walks that missed it and did not say so");
}

#[test]
fn a_directory_of_temporary_files_makes_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..50 {
        fs::create_dir_all(dir.path().join(format!("d{number}"))).unwrap();
    }
    let selector = FileSelector::default();
    let root = Root::open(dir.path()).unwrap();
    let is_done = AtomicBool::new(false);
    let whole = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                fs::write(dir.path().join("d7/new"), "").unwrap();
                fs::remove_file(dir.path().join("d7/new")).unwrap();
                thread::sleep(Duration::from_millis(45));
            }
        });
        let mut walks = (0..20).map(|_| walk(&root, &[&selector], false, &mut io::sink()).unwrap());
        let whole = walks.by_ref().filter(Gaps::is_empty).count();
        is_done.store(true, Ordering::Relaxed);
        whole
    });
    // A busy machine may miss some.
    assert!(whole >= 5, "{whole} of 20");
}
