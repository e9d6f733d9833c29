//! Tests of the reader of an answer.

use std::{
    io::Write as _,
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;
use crate::{sink::Gather, wire::FrameWriter};

const NONCE: &str = "n";

fn framed(payload: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = FrameWriter::new(&mut out, NONCE);
    writer.write_all(payload.as_bytes()).unwrap();
    writer.finish().unwrap();
    out
}

fn asking(sections: &[Section]) -> InventoryRequest {
    InventoryRequest {
        sections: sections.iter().copied().collect(),
        ..InventoryRequest::default()
    }
}

/// Polls a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("it waits"),
    }
}

/// The inventory of an answer that comes in steps of that many bytes.
fn read(answer: &[u8], step: usize, request: &InventoryRequest) -> Result<Inventory, WireError> {
    let (mut reader, mut gather) = (
        AnswerReader::new("probe", NONCE, request),
        Gather::default(),
    );
    for step in answer.chunks(step) {
        now(reader.feed(step, &mut gather))?;
    }
    let end = now(reader.end(&mut gather))?;
    now(gather.end(end));
    Ok(gather.into_inventory())
}

const WHOLE: &str = "@n section os\nID=alpine\n!ok\n@n section files\n81ed 0 0 1 /a\n\
    81ed 0 0 1 /b\n!gap not_listable /c\n!partial 1 why\n@n done 2\n";

#[test]
fn an_answer_is_the_same_however_it_comes() {
    let request = asking(&[Section::Os, Section::Files, Section::Users]);
    let answer = framed(WHOLE);
    let whole = super::super::inventory("probe", &answer, NONCE, &request).unwrap();
    assert_eq!(whole.files.data().unwrap().len(), 2);
    assert_eq!(whole.os.data().unwrap().id, "alpine");
    assert!(matches!(whole.users, Collected::Unavailable { .. }));
    assert_eq!(whole.groups, Collected::NotRequested);
    assert_eq!(whole.agent.bytes, answer.len() as u64);
    for step in [1, 10, answer.len()] {
        assert_eq!(read(&answer, step, &request).as_ref(), Ok(&whole));
    }
}

#[test]
fn sections_go_on_before_the_files_and_files_before_the_end() {
    let request = asking(&[Section::Os, Section::Files]);
    let answer = framed(WHOLE);
    let mut reader = AnswerReader::new("probe", NONCE, &request);
    // Everything but the trailer.
    let trailer = answer.len() - 10;
    reader.push(&answer[..trailer]).unwrap();
    let items: Vec<String> = (reader.take().iter())
        .map(|item| match item {
            Item::Sections(inventory) => inventory.os.data().unwrap().id.clone(),
            Item::File(file) => file.path.to_text(),
        })
        .collect();
    assert_eq!(items, ["alpine", "/a", "/b"]);
    assert!(matches!(reader.finish(), Err(WireError::Cut)));
}

#[test]
fn a_section_after_the_files_is_an_error() {
    let request = asking(&[Section::Os, Section::Files]);
    let files = "@n section files\n81ed 0 0 1 /a\n!ok\n";
    for second in ["@n section os\nID=a\n!ok\n", files] {
        let answer = framed(&format!("{files}{second}@n done 2\n"));
        assert_eq!(read(&answer, 100, &request), Err(WireError::Incomplete));
    }
}

#[test]
fn files_without_a_status_are_not_answered() {
    let request = asking(&[Section::Files]);
    for payload in [
        "@n section files\n81ed 0 0 1 /a\n@n done 1\n",
        "@n done 0\n",
    ] {
        let found = read(&framed(payload), 100, &request).unwrap();
        assert!(
            matches!(found.files, Collected::Unavailable { .. }),
            "{payload}"
        );
        assert!(!found.files_listed);
    }
}

#[test]
fn what_a_section_has_too_much_of_is_a_gap() {
    let request = asking(&[Section::Users]);
    let alone = "shadowed:a:1:1::/:/bin/sh\n";
    // Lines about the line after them are not accounts.
    let behind = format!("@home /x\n{alone}");
    for (line, count, seen, missing) in [
        (alone, 2_000, 2_000, 0),
        (alone, 2_003, 2_000, 3),
        (alone, 4_005, 2_000, 2_005),
        (&behind, 2_000, 2_000, 0),
        (&behind, 2_003, 2_000, 6),
    ] {
        let answer = format!("@n section users\n{}!ok\n@n done 1\n", line.repeat(count));
        let users = read(&framed(&answer), 4096, &request).unwrap().users;
        let missed = match users.coverage() {
            Coverage::Partial { gaps } => gaps.total(),
            _ => 0,
        };
        let found = (users.data().unwrap().len(), missed);
        assert_eq!(found, (seen, missing), "{count} of {line:?}");
    }
}

#[test]
fn sections_that_would_fill_the_memory_are_an_error() {
    let request = asking(&[Section::Users, Section::Groups]);
    let line = format!("{}\n", "x".repeat(60_000));
    let one = |name: &str| format!("@n section {name}\n{}!ok\n", line.repeat(150));
    let answer = framed(&format!("{}{}@n done 2\n", one("users"), one("groups")));
    assert_eq!(read(&answer, 4096, &request), Err(WireError::TooLong(16)));
    let answer = framed(&format!("{}@n done 1\n", one("users")));
    assert!(read(&answer, 4096, &request).is_ok());
}

#[test]
fn a_process_that_only_the_shell_saw_is_hidden() {
    let mut request = asking(&[Section::Processes, Section::Files]);
    request.changes = true;
    let process = |pid: i64| {
        format!(
            "/proc/{pid}/status:Name:\tweb\n/proc/{pid}/status:Pid:\t{pid}\n/proc/{pid}/status:PPid:\t0\n\
             /proc/{pid}/status:Uid:\t0\t0\t0\t0\n/proc/{pid}/status:Gid:\t0\t0\t0\t0\n"
        )
    };
    let stat = |when: &str, pid: i64| {
        format!("{when} p {pid} (miner) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 55 0 0\n")
    };
    let payload = format!(
        "@n section processes\nself 900\n{}!ok\n@n section present\nself 900\n{}{}{}{}!ok\n\
         @n section files\n!ok\n@n section changes\nself 900\n{}{}same f 1\n!ok\n@n done 2\n",
        process(1),
        stat("b", 1),
        stat("b", 7),
        stat("a", 1),
        stat("a", 7),
        stat("b", 1),
        stat("a", 1),
    );
    let found = read(&framed(&payload), 50, &request).unwrap();
    let gaps = found.processes.coverage();
    assert!(
        format!("{gaps:?}").contains("process 7 (miner)"),
        "{gaps:?}"
    );
    assert_eq!(found.changes.data().unwrap().processes, 1);
}

proptest::proptest! {
    #[test]
    fn hostile_answers_never_panic(
        lines in proptest::collection::vec(
            "@n (section (files|os|users|present|changes)|done 1)|!(ok|partial 1 x|missing x|gap vanished /a)|[ -~]{0,30}|81ed 0 0 1 /[a-z]{1,5}",
            0..40,
        ),
        step in 1usize..100,
    ) {
        let mut request = asking(&Section::ALL);
        request.changes = true;
        let answer = framed(&format!("{}\n", lines.join("\n")));
        let _ = read(&answer, step, &request);
        let _ = read(lines.join("\n").as_bytes(), step, &request);
    }
}
