//! `secure-scan explain`: which strategy and which level suit a container, and what each would see, need and leave.

mod text;

use clap::{Args, ValueEnum};
use secure_scan::{
    TargetSelector,
    core::cause::chain,
    escape,
    explain::{ExplainError, Explanation, LevelExplained, Way, explain},
    serde_json,
    target::{ContainerName, Namespace, Target},
};

use crate::{args, cluster::ClusterArgs, output, problem::Problem, signals::interruptible};

/// Stands for an image of the probe that nobody named; nothing pulls it.
const PROBE_IMAGE: &str = "IMAGE";

pub(crate) const CODES: &str = "Exit codes:
  0  explained, whether or not the target can be scanned
  2  wrong usage, or there is no object of the given name
  3  the target does not run, or the server did not answer
  128+n  ended by signal n: 130 by INT, 143 by TERM, 129 by HUP";

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Pod or workload: web-0, pod/web-0, deploy/web, sts/db, ds/agent, rs/NAME, job/NAME. If it is a workload,
    /// one of its running pods is explained
    #[arg(value_name = "POD", value_parser = args::target)]
    pod: String,
    /// Namespace [default: the context's]
    #[arg(short, long)]
    namespace: Option<Namespace>,
    /// Container of the pod [default: the container that the annotation kubectl.kubernetes.io/default-container
    /// names, or the only one]
    #[arg(short, long)]
    container: Option<ContainerName>,
    /// Namespace for the scan's account and token, as in a scan
    #[arg(long, value_name = "NAMESPACE")]
    identity_namespace: Option<Namespace>,
    /// Image of the probe, for the printed commands; it is not pulled
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = args::image)]
    probe_image: Option<String>,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    #[default]
    Terminal,
    /// For programs
    Json,
}

pub(crate) async fn run(args: &ExplainArgs) -> Result<u8, Problem> {
    let named = |namespace| TargetSelector::named(namespace, &args.pod);
    let mut target = args::within(args.namespace.as_ref(), named);
    if let Some(container) = &args.container {
        target = target.container(container.as_str());
    }
    let work = async {
        let segment = args.cluster.cluster().await?.begin();
        let probe = args.probe_image.as_deref().unwrap_or(PROBE_IMAGE);
        let explained = explain(&segment, target, probe, args.identity_namespace.as_ref()).await;
        explained.map_err(problem)
    };
    let explained = interruptible(Box::pin(work)).await?;
    let text = match args.format {
        Form::Terminal => text::of(&explained, |level| command(args, &explained, level)),
        Form::Json => return output::print_form(&json(args, &explained)).map(|()| 0),
    };
    output::print(&text).map(|()| 0)
}

fn problem(error: ExplainError) -> Problem {
    match error {
        ExplainError::Prepare(error) => error.into(),
        other => Problem::not_done(chain(&other), None),
    }
}

/// The explanation with the command of each level.
fn json(args: &ExplainArgs, explained: &Explanation) -> String {
    let mut value = serde_json::to_value(explained).unwrap_or_default();
    for (at, level) in explained.levels.iter().enumerate() {
        let command = command(args, explained, level);
        value["levels"][at]["command"] = serde_json::json!(command);
    }
    let mut text = escape::json(&serde_json::to_string_pretty(&value).unwrap_or_default());
    text.push('\n');
    text
}

/// The command of a scan at that level, if one would begin.
fn command(args: &ExplainArgs, explained: &Explanation, level: &LevelExplained) -> Option<String> {
    let first = level.strategy.filter(|_| level.is_possible())?;
    let ways = (first, level.fallback);
    let mut all = words(
        args,
        &explained.target,
        level.needs_identity_namespace,
        ways,
    );
    all.extend(["--level".to_owned(), level.level.name().to_owned()]);
    shlex::try_join(all.iter().map(String::as_str)).ok()
}

/// The words of a command that scans `target` in the first of these ways and then, without a shell, in the other.
fn words(
    args: &ExplainArgs,
    target: &Target,
    apart: bool,
    (first, next): (Way, Option<Way>),
) -> Vec<String> {
    let (command, probe) = match (first, next) {
        (Way::Container, None) => ("container", false),
        (Way::Distroless, _) => ("distroless", true),
        (Way::Sidecar | Way::Image, _) => ("sidecar", true),
        // Only the scan finds out whether there is a shell.
        _ => ("scan", true),
    };
    let mut all = vec![
        "secure-scan".to_owned(),
        command.to_owned(),
        target.pod.to_string(),
    ];
    if first == Way::Image {
        all.push("--inert".to_owned());
    }
    let mut option = |name: &str, value: &str| all.extend([name.to_owned(), value.to_owned()]);
    option("-n", target.namespace.as_str());
    option("-c", target.container.as_str());
    if probe {
        let image = args.probe_image.as_deref();
        option("--probe-image", image.unwrap_or(PROBE_IMAGE));
    }
    match &args.identity_namespace {
        Some(namespace) => option("--identity-namespace", namespace.as_str()),
        None if apart => option("--identity-namespace", "NAMESPACE"),
        None => {}
    }
    if let Some(context) = &args.cluster.context {
        option("--context", context);
    }
    if let Some(file) = &args.cluster.kubeconfig {
        option("--kubeconfig", &file.display().to_string());
    }
    if args.cluster.system_roots {
        all.push("--system-roots".into());
    }
    all
}

#[cfg(test)]
mod tests;
