//! Programs in the directories of PATH, of which some cannot be searched.

use super::*;

/// PATH of the target.
pub(super) const PATH: &str = "/usr/bin:/bin:relative::/etc/programs//:/etc/programs-shut/bin:\
    /etc/programs-file:/etc/programs-none:/etc/programs-link:/etc/programs\nodd:/etc/programs";
/// Programs that are searched for.
pub(super) const NAMES: [&str; 11] = [
    "sh",
    "ls",
    "no-such-command",
    "x-su",
    "x-data",
    "x-folder",
    "x-link",
    "x-behind",
    "x-gone",
    "x-loop",
    "x-odd",
];

fn prepare(etc: &Path) {
    let program = |path: &str, mode| {
        let path = etc.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        fs::write(&path, "").expect("file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
        chown(&path, Some(65_534), Some(65_534)).expect("owner");
    };
    program("programs/x-su", 0o4750);
    program("programs/x-data", 0o644);
    program("programs/x-folder/x", 0o755);
    program("programs\nodd/x-odd", 0o711);
    program("programs-file", 0o755);
    program("programs-shut/bin/x-shut", 0o755);
    for (to, from) in [
        ("x-su", "programs/x-link"),
        ("/etc/programs-shut/bin/x-shut", "programs/x-behind"),
        ("nothing", "programs/x-gone"),
        ("x-loop", "programs/x-loop"),
        ("programs-shut/bin", "programs-link"),
    ] {
        symlink(to, etc.join(from)).expect("link");
    }
    let shut = etc.join("programs-shut");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).expect("mode");
    chown(&shut, Some(65_534), Some(65_534)).expect("owner");
}

#[test]
fn programs_that_are_there_and_places_that_are_shut_are_the_same() {
    for weak in [false, true] {
        let hold = move |found: &Inventory| {
            let all = found.commands.data().expect("programs").iter();
            let place = |name: &str| {
                let one = all.clone().find(|command| command.name == name);
                one.map(|command| command.path.to_bytes().into_owned())
            };
            assert_eq!(place("x-su").as_deref(), Some(&b"/etc/programs/x-su"[..]));
            assert_eq!(
                place("x-odd").as_deref(),
                Some(&b"/etc/programs\nodd/x-odd"[..])
            );
            assert_eq!(place("x-data"), None);
            let Coverage::Partial { gaps } = found.section_coverage(Section::Commands) else {
                panic!("a link that leads in a circle leads nowhere that is known")
            };
            // Two directories, and two links.
            assert_eq!(gaps.total(), if weak { 4 } else { 1 }, "{gaps}");
        };
        compared_and(weak, &[Section::Commands], prepare, hold);
    }
}
