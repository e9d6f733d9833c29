//! Execs that were not planned.

use super::{
    planned::Planned,
    request::{Attempt, attempt},
};
use crate::plan::limits::exec_request;

impl Planned {
    /// Execs that were not planned.
    pub(in crate::guard) fn execs(&self) -> Vec<Attempt> {
        let (own, argv) = (self.command.container.as_str(), self.argv());
        let with = |more: &'static str| [&argv[..], &[more]].concat();
        let joined = argv.join(" ");
        vec![
            attempt("exec: another command", self.exec(own, &["/bin/sh"])),
            attempt("exec: one argument more", self.exec(own, &with("-c"))),
            attempt("exec: an empty argument more", self.exec(own, &with(""))),
            attempt("exec: one argument less", self.exec(own, &argv[..1])),
            attempt("exec: no command", self.exec(own, &[])),
            attempt("exec: an empty command", self.exec(own, &[""])),
            attempt("exec: all words in one", self.exec(own, &[&joined])),
            attempt(
                "exec: words split at slashes",
                self.exec(
                    own,
                    &self.command.argv[0]
                        .split('/')
                        .chain([argv[1]])
                        .collect::<Vec<_>>(),
                ),
            ),
            attempt(
                "exec: another container",
                self.exec("secure-scan-other", &argv),
            ),
            attempt(
                "exec: the container that the server picks",
                self.exec("", &argv),
            ),
            attempt(
                "exec: a command hidden in the container's name",
                self.exec(&format!("{own}/~1secure-scan-guard-test"), &argv[1..]),
            ),
            attempt(
                "exec: with a terminal",
                exec_request(&self.target, own, &argv, true),
            ),
        ]
    }
}
