//! A target that changes while the collector runs.

use std::{fs, time::Duration};

use super::*;
use crate::FilePath;

/// An answer between whose two looks something happens.
fn slowly(shell: &[&str], meanwhile: impl FnOnce()) -> Inventory {
    let signs = tempfile::tempdir().unwrap();
    let (looked, go) = (signs.path().join("looked"), signs.path().join("go"));
    let request = InventoryRequest::default().comparing();
    let slow = script(&request, "n0nce").replace(
        "for section in $sections; do",
        &format!(
            ": >{}; while [ ! -e {} ]; do sleep 0.1; done; for section in $sections; do",
            looked.display(),
            go.display()
        ),
    );
    let mut child = started(shell, &slow);
    while !looked.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it looks a first time");
        std::thread::sleep(Duration::from_millis(20));
    }
    meanwhile();
    fs::write(&go, "").unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    parse::inventory(NAME, &out, "n0nce", &request).unwrap()
}

#[test]
fn what_changes_while_the_collector_runs_is_reported_in_every_shell() {
    for shell in SHELLS {
        let own = tempfile::Builder::new()
            .prefix("seen")
            .tempfile_in("/tmp")
            .unwrap();
        let odd = own.path().with_extension("x\n81a4 0 0 1 1 1 1 forged");
        let mut held = Vec::new();
        let found = slowly(shell, || {
            fs::write(own.path(), "changed").unwrap();
            fs::write(&odd, "x").unwrap();
            let sleep = Command::new("sleep").arg("600").spawn().unwrap();
            held.push((sleep, std::net::TcpListener::bind("127.0.0.1:0").unwrap()));
        });
        let (mut sleep, listener) = held.pop().unwrap();
        fs::remove_file(&odd).unwrap_or_default();
        sleep.kill().unwrap();
        sleep.wait().unwrap();
        let Collected::Complete { data } = &found.changes else {
            unreachable!("{shell:?}: {:?}", found.changes);
        };
        let differences = data.differences.join("\n");
        let port = listener.local_addr().unwrap().port();
        for expected in [
            format!("file {} changed", own.path().display()),
            format!("file {} is new", FilePath::from(odd.to_str().unwrap())),
            format!("process {} (sleep) started", sleep.id()),
            format!("tcp 127.0.0.1 port {port} began to listen"),
        ] {
            assert!(
                differences.contains(&expected),
                "{shell:?}: {expected}: {differences}"
            );
        }
        assert!(data.files > 50 && data.processes > 0, "{shell:?}: {data:?}");
    }
}
