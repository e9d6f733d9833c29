//! `secure-scan drift`: the running container against its own image.

use clap::{Args, ValueEnum};
use secure_scan::{
    Document, DriftScan, PrepareError, Via,
    event::{Event, Observer as _},
    stage::Stage,
    target::Namespace,
};

use crate::{
    args::{RunArgs, ScanArgs, TrialArgs},
    dry_run,
    output::{self, print_errors, scan_exit_code, worst_exit_code},
    policy,
    problem::Problem,
    progress::Progress,
    rights::Kind,
    scan,
    signals::Signals,
    sink::Sinks,
};

#[derive(Debug, Args)]
#[command(
    mut_arg("profile", |arg| arg.hide(true)),
    mut_arg("input", |arg| arg.hide(true)),
    mut_arg("tag", |arg| arg.hide(true)),
    mut_arg("skip_tag", |arg| arg.hide(true)),
    mut_arg("save_inventory", |arg| arg.hide(true)),
)]
pub(crate) struct DriftArgs {
    #[command(flatten)]
    scan: ScanArgs,
    /// Image of the probe, preferably by digest
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = crate::args::image)]
    probe_image: String,
    #[command(flatten)]
    trial: TrialArgs,
    /// How the running container is read
    #[arg(long, value_enum, default_value_t)]
    via: ViaArg,
    /// Read the image as root, or refuse the scan
    ///
    /// Without this option and --as-nobody, drift reads the image as root if it knows that the namespace's Pod Security level
    /// allows that, and otherwise as a user of no account. The plan says which.
    #[arg(long, conflicts_with = "as_nobody")]
    as_root: bool,
    /// Read the image as a user of no account, even if the namespace allows root
    #[arg(long)]
    as_nobody: bool,
    /// Compare the SHA-256 digest of every file, including data files
    ///
    /// Files with an execute bit, files that are named like a library or a script, and files below /etc are
    /// always compared by digest. Without this option, other files are compared by size, mode, owner and time;
    /// a program can set times.
    #[arg(long)]
    full: bool,
    /// Namespace for the pod that reads the image, for a target in a namespace that does not allow it; pull secrets are not copied
    /// [default: the policy's own, or the target's namespace]
    #[arg(long, value_name = "NAMESPACE")]
    helper_namespace: Option<Namespace>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ViaArg {
    /// A probe in an ephemeral container, whose entry stays in the pod's specification
    #[default]
    Distroless,
    /// The sidecar that was deployed with the pod; leaves nothing behind
    Attached,
    /// The container's own shell and sha256sum, which an intruder may have replaced; leaves nothing behind
    Container,
}

pub(crate) async fn run(args: &DriftArgs) -> Result<u8, Problem> {
    let run = &args.scan.run;
    refuse_profiles(run)?;
    let sinks = Sinks::open(&run.output)?;
    let progress = Progress::new(run.quiet);
    progress.event(&Event::StageStarted(Stage::Resolve));
    let mut drift = DriftScan::new(args.trial.image(&args.probe_image))
        .via(match args.via {
            ViaArg::Distroless => Via::Distroless,
            ViaArg::Attached => Via::Attached,
            ViaArg::Container => Via::Container,
        })
        .full(args.full)
        .policy(policy::decide(&run.policy)?.policy)
        .lease(run.lease)
        .identify(run.identify)
        .idle_timeout(run.idle_timeout)
        .answer_limit(run.answer_bytes())
        .observer(progress.clone());
    if args.as_root || args.as_nobody {
        drift = drift.as_root(args.as_root);
    }
    if let Some(namespace) = &run.identity_namespace {
        drift = drift.identity_namespace(namespace.as_str());
    }
    for (key, value) in &run.metadata.labels {
        drift = drift.label(key, value);
    }
    for (key, value) in &run.metadata.annotations {
        drift = drift.annotation(key, value);
    }
    if let Some(resources) = &run.probe_resources {
        drift = drift.probe_resources(resources.clone());
    }
    if let Some(namespace) = &args.helper_namespace {
        drift = drift.helper_namespace(namespace.as_str());
    }
    if let Some(digest) = &args.scan.expect_digest {
        drift = drift.expected_digest(digest);
    }
    let mut signals = Signals::listen()?;
    let target = args.scan.target();
    if run.dry_run {
        let plans = async {
            let (segment, _) = scan::connected(run).await?;
            Ok(drift.plan_in(segment, target).await?)
        };
        let plans = signals.or(Box::pin(plans)).await;
        progress.finish();
        let plans = plans?;
        dry_run::note_choice(&plans[0], &progress);
        return dry_run::both(&plans, Kind::Drift, sinks, &progress);
    }
    let prepared = async {
        let (segment, log) = scan::connected(run).await?;
        match drift.prepare_in(segment.clone(), target.clone()).await {
            Ok(prepared) => Ok((prepared, log)),
            Err(PrepareError::Forbidden(missing)) => {
                let plans = drift.plan_in(segment, target).await;
                let plans = plans.map_or_else(|_| Vec::new(), Vec::from);
                Err(dry_run::forbidden(missing.into(), &plans, Kind::Drift))
            }
            Err(error) => Err(error.into()),
        }
    };
    let prepared = signals.or(Box::pin(prepared)).await;
    if prepared.is_err() {
        progress.finish();
    }
    let (prepared, log) = prepared?;
    dry_run::note_choice(prepared.plans()[0], &progress);
    // Drift collects no packages.
    let [image, _] = prepared.plans();
    if let Err(refused) = sinks.check(false, image.target.digest().is_some()) {
        progress.finish();
        return Err(refused);
    }
    let report = scan::finish(prepared.spawn(), run, &mut signals, &progress).await;
    progress.finish();
    let report = report.map(|report| log.in_our_words(report));
    let closed = log.close();
    let report = report.inspect_err(|_| print_errors(&closed))?;
    let document = Document::from(report);
    sinks.note_result(&document);
    output::completions(&document);
    let colour = output::coloured(run.color);
    let written = sinks.write(&document, run.verbose, colour);
    let worst = worst_exit_code(document.verdict(), &[written, closed]);
    Ok(scan_exit_code(&document, worst))
}

/// Refuses options of profiles, which would otherwise be ignored: drift has checks of its own.
fn refuse_profiles(args: &RunArgs) -> Result<(), Problem> {
    let options = &args.profile_options;
    let given = [
        ("--profile", args.profile.is_some()),
        ("--input", !options.input.is_empty()),
        ("--tag", !options.tag.is_empty()),
        ("--skip-tag", !options.skip_tag.is_empty()),
        ("--save-inventory", options.save_inventory.is_some()),
    ];
    let Some((flag, _)) = given.iter().find(|(_, given)| *given) else {
        return Ok(());
    };
    Err(Problem::usage(
        format!("{flag} does not apply to drift, which has checks of its own"),
        "leave it out; to check the container with a profile, use secure-scan scan",
    ))
}
