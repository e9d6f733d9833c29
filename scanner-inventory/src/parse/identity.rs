//! Who runs inside the target, and who reads it.

use std::collections::BTreeSet;

use super::{
    capabilities::capabilities,
    line::{Parsed, number},
    status::{effective, groups, keyed},
};
use crate::model::{AgentIdentity, Identity};

/// Starts the lines of an agent's own identity.
const AGENT: &str = "agent ";

/// Reads a line about the agent's own identity, without the word before it.
fn of_agent(agent: &mut AgentIdentity, line: &str) -> Option<()> {
    let (key, value) = line.split_once(':')?;
    match key {
        "Uid" => agent.uid = effective(value)?,
        "Gid" => agent.gid = effective(value)?,
        "Groups" => agent.groups = groups(value)?,
        "CapEff" => agent.capabilities = capabilities(value.trim())?,
        _ => return None,
    }
    Some(())
}

/// The agent's own identity, which is known only as a whole.
fn agent(lines: &[String]) -> (Option<AgentIdentity>, u64) {
    let (mut found, mut said, mut unreadable) = (AgentIdentity::default(), BTreeSet::new(), 0);
    for line in lines.iter().filter_map(|line| line.strip_prefix(AGENT)) {
        let known = of_agent(&mut found, line);
        unreadable += u64::from(known.is_none());
        said.insert(line.split(':').next().unwrap_or_default());
    }
    let whole = said.len() == 4 && unreadable == 0;
    (whole.then_some(found), unreadable)
}

pub(super) fn identity(lines: &[String]) -> Parsed<Identity> {
    let (own, mut unreadable) = agent(lines);
    let mut found = Identity {
        agent: own,
        ..Identity::default()
    };
    for line in lines.iter().filter(|line| !line.starts_with(AGENT)) {
        let known = keyed(line).and_then(|(_, key, value)| {
            match key {
                "Uid" => found.uid = effective(value)?,
                "Gid" => found.gid = effective(value)?,
                "Groups" => found.groups = groups(value)?,
                "CapEff" => found.capabilities = capabilities(value)?,
                "CapBnd" => found.bounding = capabilities(value)?,
                "NoNewPrivs" => found.no_new_privs = value == "1",
                "Seccomp" => found.seccomp = number(value)?,
                _ => return None,
            }
            Some(())
        });
        unreadable += u64::from(known.is_none());
    }
    // The kernel writes each of these keys: a missing one was removed.
    let has = |key: &str| {
        lines
            .iter()
            .filter_map(|l| keyed(l))
            .any(|(_, k, _)| k == key)
    };
    unreadable += ["Uid", "Gid", "CapEff"]
        .iter()
        .filter(|key| !has(key))
        .count() as u64;
    (found, unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<Identity> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        identity(&lines)
    }

    const FIRST: &str = "/proc/1/status:Uid:\t0\t1\t0\t0\n/proc/1/status:Gid:\t0\t2\t0\t0\n\
        /proc/1/status:CapEff:\t0\n";

    #[test]
    fn an_agent_is_somebody_else_than_the_first_process() {
        let own = "agent Uid:\t7\t8\t7\t7\nagent Gid:\t7\t9\t7\t7\nagent Groups:\t3 4 \nagent CapEff:\t1\n";
        let (found, unreadable) = parse(&format!("{FIRST}{own}"));
        let agent = found.agent.expect("it says so");
        assert_eq!((found.uid, found.gid, unreadable), (1, 2, 0));
        assert_eq!((agent.uid, agent.gid, agent.groups), (8, 9, vec![3, 4]));
        assert_eq!(agent.capabilities, ["CAP_CHOWN"]);
    }

    #[test]
    fn an_agent_that_does_not_say_all_is_nobody() {
        let whole = ["Uid:\t1\t1", "Gid:\t1\t1", "Groups:\t", "CapEff:\t0"];
        for left_out in 0..whole.len() {
            let mut text = FIRST.to_owned();
            for line in whole.iter().enumerate().filter(|(n, _)| *n != left_out) {
                text = format!("{text}agent {}\n", line.1);
            }
            assert_eq!(parse(&text).0.agent, None, "{text}");
        }
        let odd = "agent Uid:\tx\tx\nagent Gid:\t1\t1\nagent Groups:\t\nagent CapEff:\t0\n";
        let (found, unreadable) = parse(&format!("{FIRST}{odd}"));
        assert_eq!((found.agent, unreadable), (None, 1));
    }
}
