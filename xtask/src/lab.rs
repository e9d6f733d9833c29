//! `cargo xtask lab`: a real one-node Kubernetes in network, mount and PID namespaces of its own.

mod build;
mod images;
mod node;
mod pki;
mod state;

use std::{
    os::unix::process::CommandExt,
    process::{Command as Process, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Subcommand;

use crate::ui::say;
use state::State;

/// What to do with the lab.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build what is missing and start the lab; does nothing if it already runs
    Up,
    /// Stop the lab and remove every trace of it
    Down,
    /// Show whether the lab runs and each part is alive
    Status,
    /// Run kubectl inside the lab
    Kubectl {
        /// Arguments for kubectl
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run a command inside the lab's network, with KUBECONFIG set
    Exec {
        /// Command and arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        argv: Vec<String>,
    },
    /// Show the end of a part's log
    Logs {
        /// Part, such as kubelet [default: list all parts]
        part: Option<String>,
    },
    /// Build the probe of this checkout and import its image as lab.local/probe:TAG
    LoadProbe {
        /// Tag of the image
        #[arg(default_value = "1")]
        tag: String,
    },
    /// The inside of `up`; not for use by hand
    #[command(hide = true)]
    Inner,
}

pub(crate) use build::{install, packages};
pub(crate) use images::{probe, probe_by_digest};
pub(crate) use state::cache;

/// Runs one lab command.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    let state = State::locate()?;
    match command {
        Command::Up => up(&state),
        Command::Down => down(&state),
        Command::Status => status(&state),
        Command::Kubectl { args } => exec(&state, "kubectl", &args),
        Command::Exec { argv } => {
            let (program, args) = argv.split_first().context("no command given")?;
            exec(&state, program, args)
        }
        Command::Logs { part } => logs(&state, part.as_deref()),
        Command::LoadProbe { tag } => {
            let digest = images::load_probe(&state, &tag)?;
            say(&format!(
                "imported lab.local/probe:{tag}, which is lab.local/probe@{digest}"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Command::Inner => node::start(&state),
    }
}

/// Imports an image with that many files, `lab.local/many:1`, into the running lab.
pub(crate) fn load_many(files: usize) -> Result<()> {
    images::load_many(&State::locate()?, files)
}

/// Removes it again.
pub(crate) fn drop_many() -> Result<()> {
    images::drop_many(&State::locate()?)
}

fn up(state: &State) -> Result<ExitCode> {
    let _lock = state.lock()?;
    if state.running()?.is_some() {
        if node::dead_parts(state)?.is_empty() && state.ready().exists() {
            say("lab is already up");
            return Ok(ExitCode::SUCCESS);
        }
        say("lab is half dead; starting it anew");
    }
    tear_down(state)?;
    let binaries = build::all()?;
    let archives = images::all(&binaries)?;
    let started = Instant::now();
    state.create(&binaries)?;
    pki::create(&state.pki())?;
    let log = std::fs::File::create(state.log("up"))?;
    let me = std::env::current_exe()?;
    let mut inner = Process::new("unshare");
    inner
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--propagation",
            "private",
        ])
        .arg(me)
        .args(["lab", "inner"])
        .env("SECURE_SCAN_LAB_BIN", &binaries)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    // A process group of its own: an interrupt of the caller does not reach the lab.
    let mut child = inner
        .process_group(0)
        .spawn()
        .context("cannot start unshare")?;
    let deadline = Instant::now() + Duration::from_mins(2);
    while !state.ready().exists() {
        if let Some(status) = child.try_wait()? {
            let log = std::fs::read_to_string(state.log("up")).unwrap_or_default();
            bail!("the lab ended while starting ({status}):\n{log}");
        }
        ensure!(
            Instant::now() < deadline,
            "the node was not ready in 120 s; see `cargo xtask lab logs`"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    say(&format!(
        "lab ready in {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    images::import(state, &binaries, &archives)?;
    say("fixture images imported; stop the lab with: cargo xtask lab down");
    Ok(ExitCode::SUCCESS)
}

fn down(state: &State) -> Result<ExitCode> {
    let _lock = state.lock()?;
    tear_down(state)?;
    say("lab is down, nothing of it is left");
    Ok(ExitCode::SUCCESS)
}

fn tear_down(state: &State) -> Result<()> {
    if let Some(pid) = state.running()? {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL)?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while state.running()?.is_some() {
            ensure!(
                Instant::now() < deadline,
                "process {pid} of the lab does not end"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    state.remove()
}

fn status(state: &State) -> Result<ExitCode> {
    let Some(pid) = state.running()? else {
        say("lab is down");
        return Ok(ExitCode::FAILURE);
    };
    let dead = node::dead_parts(state)?;
    say(&format!(
        "lab is up, init is process {pid}, files are in {}",
        state.dir.display()
    ));
    say(&format!(
        "API server audit log: {}",
        state.log("audit").display()
    ));
    for part in &dead {
        say(&format!("{part} is dead: cargo xtask lab logs {part}"));
    }
    Ok(if dead.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn exec(state: &State, program: &str, args: &[String]) -> Result<ExitCode> {
    let Some(pid) = state.running()? else {
        bail!("lab is down; start it with: cargo xtask lab up");
    };
    let error = Process::new("nsenter")
        .args(["-t", &pid.to_string(), "-n", "--", program])
        .args(args)
        .env("KUBECONFIG", state.kubeconfig("admin"))
        .env("SCANNER_E2E_CONTEXT", "lab")
        .env("SCANNER_E2E_AUDIT_LOG", state.log("audit"))
        .env("SCANNER_E2E_LAB", &state.dir)
        .env("KUBECACHEDIR", state.dir.join("kubecache"))
        .exec();
    Err(error).context("cannot run nsenter")
}

/// Where the lab's API server writes its audit log.
pub(crate) fn audit_log() -> Result<std::path::PathBuf> {
    Ok(State::locate()?.log("audit"))
}

fn logs(state: &State, part: Option<&str>) -> Result<ExitCode> {
    let Some(part) = part else {
        for entry in std::fs::read_dir(state.dir.join("log")).context("lab has no logs")? {
            let name = entry?.file_name();
            say(name.to_string_lossy().trim_end_matches(".log"));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let text = std::fs::read_to_string(state.log(part))
        .with_context(|| format!("no log of {part}; see: cargo xtask lab logs"))?;
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(100)..] {
        say(line);
    }
    Ok(ExitCode::SUCCESS)
}
