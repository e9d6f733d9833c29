//! Developer tasks of secure-scan.

mod archives;
mod bench;
mod chart;
mod cluster;
mod consumers;
mod demo;
mod end_to_end;
mod image;
mod lab;
mod test;
mod third_party;
mod tidy;
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
    /// Run a real one-node Kubernetes, the lab, in namespaces of its own
    #[command(subcommand)]
    Lab(lab::Command),
    /// Scan a vulnerable demo app for real, and show that nothing is left
    Demo(cluster::Cluster),
    /// Measure scans beside the manual work that they replace, and print ratios
    Bench(bench::Args),
    /// Carry bytes to a server late; a part of the benchmark
    #[command(hide = true)]
    DelayProxy(bench::DelayArgs),
    /// Let other programs read our reports: SAF CLI, SARIF multitool, a browser and others
    Consumers,
    /// Compare how we read images with how containerd's own code unpacks them
    Archives,
    /// Render the guard's chart with Helm, and compare it with `secure-scan guard render`
    Chart,
    /// Build the image of the probe: an OCI image layout in a tar file, reproducible
    ProbeImage(image::Args),
    /// Build, test and run the example program that embeds secure-scan from outside the workspace
    ThirdParty(cluster::Cluster),
    /// Check layers, circular imports, lengths of files and words, and print each violation
    Tidy,
    /// Run everything: formatting, lints, unit tests, documentation and end-to-end tests
    Test(cluster::Cluster),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Lab(command) => lab::run(command),
        Task::Demo(cluster) => demo::run(&cluster),
        Task::Bench(args) => bench::run(&args),
        Task::DelayProxy(args) => bench::delay(&args).map(|()| ExitCode::SUCCESS),
        Task::Consumers => consumers::task(),
        Task::Archives => archives::run(true).map(consumers::code),
        Task::Chart => chart::run().map(consumers::code),
        Task::ProbeImage(args) => image::run(&args),
        Task::ThirdParty(cluster) => third_party::task(&cluster),
        Task::Tidy => tidy::run(),
        Task::Test(cluster) => test::run(&cluster),
    };
    result.unwrap_or_else(|error| {
        ui::say(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}
