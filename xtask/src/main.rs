//! Developer tasks of secure-scan.

mod lab;
mod test;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Developer tasks of secure-scan", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// A real one-node Kubernetes in its own namespaces
    #[command(subcommand)]
    Lab(lab::Command),
    /// Formatting, lints, tests and documentation
    Test,
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Lab(command) => lab::run(command),
        Task::Test => test::run(),
    };
    result.unwrap_or_else(|error| {
        ui::say(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}
