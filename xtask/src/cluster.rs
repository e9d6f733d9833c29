//! The cluster that a task uses: the lab, or an existing one.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::lab;

/// Which cluster.
#[derive(Debug, Clone, Args)]
pub(crate) struct Cluster {
    /// Context of an existing cluster to use instead of the lab
    #[arg(long)]
    context: Option<String>,
    /// Image with a POSIX shell that the existing cluster can pull
    #[arg(long, default_value = "busybox:1.37", requires = "context")]
    image: String,
}

impl Cluster {
    pub(crate) fn is_lab(&self) -> bool {
        self.context.is_none()
    }

    /// An existing cluster, by its context.
    #[cfg(test)]
    pub(crate) fn existing(context: &str) -> Self {
        Self {
            context: Some(context.to_owned()),
            image: String::new(),
        }
    }

    pub(crate) fn start(&self) -> Result<()> {
        if self.is_lab() {
            lab::run(lab::Command::Up)?;
        }
        Ok(())
    }

    pub(crate) fn stop(&self) -> Result<()> {
        if self.is_lab() {
            lab::run(lab::Command::Down)?;
        }
        Ok(())
    }

    /// An image for the task: the lab's fixture of that name, or the one that was given.
    pub(crate) fn image(&self, fixture: &str) -> String {
        if self.is_lab() {
            format!("lab.local/{fixture}:1")
        } else {
            self.image.clone()
        }
    }

    /// A command that reaches the cluster.
    pub(crate) fn command(&self, program: &str) -> Result<Command> {
        let Some(context) = &self.context else {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["lab", "exec", program]);
            return Ok(command);
        };
        let mut command = Command::new(program);
        command
            .env("SCANNER_E2E_CONTEXT", context)
            .env("SCANNER_E2E_IMAGE", &self.image);
        Ok(command)
    }

    /// Runs `kubectl` with arguments, and returns its output.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Result<String> {
        let mut command = self.command("kubectl")?;
        if let Some(context) = &self.context {
            command.args(["--context", context]);
        }
        let output = command
            .args(args)
            .output()
            .context("cannot run kubectl; is it installed?")?;
        ensure!(
            output.status.success(),
            "kubectl {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The name of the context, for programs that take it as an argument.
    pub(crate) fn context(&self) -> &str {
        self.context.as_deref().unwrap_or("lab")
    }
}

/// Builds one program and gives its path.
pub(crate) fn build(args: &[&str], name: &str) -> Result<String> {
    executable(Command::new("cargo").args(args), name)
}

/// Runs a build of cargo and gives the path of one program that it made.
pub(crate) fn executable(build: &mut Command, name: &str) -> Result<String> {
    let output = build.args(["--message-format", "json"]).output()?;
    ensure!(
        output.status.success(),
        "cannot build {name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .with_context(|| format!("cargo named no program {name}"))
}
