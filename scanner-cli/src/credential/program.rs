//! The program that is lent access, as a child of this process: it gets the kubeconfig as a sealed file in memory.

use std::{
    fs::File,
    io::Write as _,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clap::Args;
use command_fds::{CommandFdExt as _, FdMapping};
use nix::{
    sys::{prctl, signal::Signal},
    unistd::{Pid, getpid, getppid},
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use secure_scan::loan::{
    Tool, ToolError,
    secrecy::{ExposeSecret as _, SecretString},
};

use crate::{
    descendants::{Descendants, Plugins},
    output,
    problem::{NOT_DONE, Problem},
};

/// Number of the kubeconfig's file descriptor in the program.
const FD: i32 = 3;

/// A program of this machine.
pub(crate) struct Program {
    argv: Vec<String>,
    plugins: Plugins,
    /// Its processes, once it was started.
    family: Mutex<Option<Descendants>>,
}

#[async_trait]
impl Tool for Program {
    fn name(&self) -> String {
        self.argv.first().cloned().unwrap_or_default()
    }

    async fn run(&self, kubeconfig: SecretString) -> Result<i32, ToolError> {
        self.run_with(kubeconfig).await.map_err(ToolError::new)
    }
}

impl Program {
    pub(crate) fn new(argv: Vec<String>, plugins: Plugins) -> Self {
        Self {
            argv,
            plugins,
            family: Mutex::default(),
        }
    }

    async fn run_with(&self, kubeconfig: SecretString) -> Result<i32, String> {
        let file = sealed(&kubeconfig)
            .map_err(|error| format!("cannot make a file in memory: {error}"))?;
        drop(kubeconfig);
        let this = std::env::current_exe()
            .map_err(|error| format!("cannot find the file of this program: {error}"))?;
        let mut command = tokio::process::Command::new(this);
        command
            .args(["credential", "child", &getpid().to_string(), "--"])
            .args(&self.argv)
            .env("KUBECONFIG", format!("/proc/self/fd/{FD}"))
            .kill_on_drop(true);
        // Only this child gets the file; here it stays closed on exec.
        command
            .fd_mappings(vec![FdMapping {
                parent_fd: file,
                child_fd: FD,
            }])
            .map_err(|error| format!("cannot hand over the kubeconfig: {error}"))?;
        let mut family = Descendants::adopt(Arc::clone(&self.plugins))
            .map_err(|error| format!("cannot keep track of what the program starts: {error}"))?;
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", self.name()))?;
        family.of(child.id());
        // Ending its processes takes time. They are kept here, so that nothing waits for them while the streams of the loan
        // are open.
        *self.family() = Some(family);
        // The command holds the file; from here on only the child has it.
        drop(command);
        let status = child.wait().await.map_err(|error| error.to_string())?;
        match status.code() {
            Some(code) => Ok(code),
            None => Err(format!("{} was ended by a signal", self.name())),
        }
    }

    /// Ends the processes that the program left running, as far as they can be found. They have no access any more.
    pub(crate) async fn end_what_it_left(&self) {
        let Some(family) = self.family().take() else {
            return;
        };
        match family.end().await {
            Ok(0) => {}
            Ok(1) => output::note(&format!("1 process that {} left was ended", self.name())),
            Ok(left) => output::note(&format!(
                "{left} processes that {} left were ended",
                self.name()
            )),
            Err(left) => output::note(&left),
        }
    }

    fn family(&self) -> MutexGuard<'_, Option<Descendants>> {
        self.family.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file in memory that nobody can change any more.
fn sealed(text: &SecretString) -> std::io::Result<OwnedFd> {
    let fd = memfd_create(
        "kubeconfig",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?;
    let mut file = File::from(fd);
    file.write_all(text.expose_secret().as_bytes())?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

#[derive(Debug, Args)]
pub(crate) struct ChildArgs {
    parent: i32,
    #[arg(last = true, required = true)]
    tool: Vec<String>,
}

/// Becomes the program, which ends when its parent does. Returns only if that failed, with the reason.
pub(crate) fn become_tool(args: &ChildArgs) -> Problem {
    let problem = |message: String| Problem {
        code: NOT_DONE,
        message,
        hint: Some("name a program that is installed".into()),
    };
    if let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL) {
        return problem(format!("cannot be bound to its parent: {error}"));
    }
    // The parent may have ended before that.
    if getppid() != Pid::from_raw(args.parent) {
        return problem("the parent is gone".into());
    }
    let Some((name, arguments)) = args.tool.split_first() else {
        return problem("no program was named".into());
    };
    let error = Command::new(name).args(arguments).exec();
    problem(format!("cannot run {name}: {error}"))
}
