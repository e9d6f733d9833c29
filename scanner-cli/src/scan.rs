//! Every scan of a cluster: `secure-scan scan`, `container`, `distroless`, `sidecar` and `image`.

use std::sync::Arc;

use secure_scan::{
    Document, InventoryTap, Profile, Running, Scan, ScanReport, Segment, TargetSelector,
    event::{Event, Observer as _},
    inventory::Section,
    stage::Stage,
    strategy::Strategy,
};

use crate::{
    args::{RunArgs, ScanArgs},
    audit::{self, AuditArgs, OpenLog},
    complete::{self, ByImage},
    dry_run::{self, note_choice, warn_early},
    output::{self, print_errors, scan_exit_code, worst_exit_code},
    policy,
    problem::{CLEANUP, Problem},
    profile,
    progress::{Progress, stopping},
    signals::Signals,
    sink::{self, Sinks},
};

/// What is scanned.
pub(crate) struct Wanted {
    pub(crate) target: TargetSelector,
    pub(crate) expected_digest: Option<String>,
    /// How to read what the target does not show in its image, if that was asked for.
    complete_by: Option<ByImage>,
}

impl Wanted {
    /// A target, whatever its digest.
    pub(crate) fn new(target: TargetSelector) -> Self {
        Self {
            target,
            expected_digest: None,
            complete_by: None,
        }
    }

    /// A container.
    pub(crate) fn of(args: &ScanArgs) -> Self {
        Self {
            target: args.target(),
            expected_digest: args.expect_digest.clone(),
            complete_by: None,
        }
    }

    /// The same, completed from the image if that was asked for.
    pub(crate) fn completed_by(mut self, image: Option<ByImage>) -> Self {
        self.complete_by = image;
        self
    }
}

/// Scans a container.
pub(crate) async fn run(args: &ScanArgs, strategy: Strategy) -> Result<u8, Problem> {
    Box::pin(run_on(Wanted::of(args), &args.run, strategy)).await
}

/// Scans a container, completed from its image if that was asked for.
pub(crate) async fn run_completed(
    args: &ScanArgs,
    strategy: Strategy,
    image: Option<ByImage>,
) -> Result<u8, Problem> {
    let wanted = Wanted::of(args).completed_by(image);
    Box::pin(run_on(wanted, &args.run, strategy)).await
}

/// Scans what was named.
pub(crate) async fn run_on(
    wanted: Wanted,
    args: &RunArgs,
    strategy: Strategy,
) -> Result<u8, Problem> {
    let decided = policy::decide(&args.policy)?;
    let options = &args.profile_options;
    let profile = match (args.profile.as_deref(), decided.profile) {
        (None, Some(source)) => profile::load_source(source, options)?,
        (named, _) => profile::load_with(named.unwrap_or("container-baseline"), options)?,
    };
    let packages = profile::collects(&profile, Section::Packages);
    let sinks = Sinks::open(&args.output)?;
    if let Some(file) = &args.profile_options.save_inventory {
        sink::writable(file, "the inventory")?;
    }
    let progress = Progress::new(args.quiet);
    progress.event(&Event::StageStarted(Stage::Resolve));
    let tap = Arc::new(InventoryTap::new(profile.clone()));
    let mut template = template(args, &tap, profile)
        .policy(decided.policy)
        .strategy(strategy)
        .observer(progress.clone());
    if let Some(digest) = wanted.expected_digest {
        template = template.expected_digest(digest);
    }
    let template = complete::Wanted::new(template, wanted.complete_by);
    let target = wanted.target;
    let mut signals = Signals::listen()?;
    if args.dry_run {
        let plans = async {
            let (segment, _) = connected(args).await?;
            template.plan_in(segment, target).await
        };
        let plans = signals.or(Box::pin(plans)).await;
        progress.finish();
        return dry_run::show(&plans?, sinks, &progress);
    }
    let prepared = async {
        let (segment, log) = connected(args).await?;
        Ok((template.prepare_in(segment, target).await?, log))
    };
    let prepared = signals.or(Box::pin(prepared)).await;
    if prepared.is_err() {
        progress.finish();
    }
    let (prepared, log) = prepared?;
    warn_early(prepared.plan(), &progress);
    note_choice(prepared.plan(), &progress);
    if let Err(refused) = sinks.check(packages, prepared.plan().target.digest().is_some()) {
        progress.finish();
        return Err(refused);
    }
    let report = finish(prepared.spawn(), args, &mut signals, &progress).await;
    progress.finish();
    let report = report.map(|report| log.in_our_words(report));
    let closed = log.close();
    let report = report.inspect_err(|_| print_errors(&closed))?;
    let target = &report.plan.target;
    let subject = format!("{}/{} {}", target.namespace, target.pod, target.container);
    // Discarded findings are not a record of the target.
    let recording = tap.take(subject).filter(|_| !report.findings.is_empty());
    let document = Document::from(report);
    sinks.note_result(&document);
    output::completions(&document);
    let after = [
        sinks.write(&document, args.verbose, output::coloured(args.color)),
        closed,
        profile::save(&args.profile_options, recording),
    ];
    let worst = worst_exit_code(document.verdict(), &after);
    Ok(scan_exit_code(&document, worst))
}

/// The common part of every scan with these arguments: the engine, the times and the names.
fn template(args: &RunArgs, tap: &Arc<InventoryTap<Profile>>, profile: Profile) -> Scan {
    let mut template = Scan::template()
        .lease(args.lease)
        .identify(args.identify)
        .idle_timeout(args.idle_timeout)
        .answer_limit(args.answer_bytes());
    // Only a recording needs the tap, which keeps the whole inventory.
    template = match &args.profile_options.save_inventory {
        Some(_) => template.engine(Arc::clone(tap)),
        None => template.engine(profile),
    };
    if let Some(namespace) = &args.identity_namespace {
        template = template.identity_namespace(namespace.as_str());
    }
    for (key, value) in &args.metadata.labels {
        template = template.label(key, value);
    }
    for (key, value) in &args.metadata.annotations {
        template = template.annotation(key, value);
    }
    if let Some(resources) = &args.probe_resources {
        template = template.probe_resources(resources.clone());
    }
    template
}

/// Connects and opens the audit log.
pub(crate) async fn connected(args: &RunArgs) -> Result<(Segment, OpenLog), Problem> {
    let segment = args.cluster.cluster().await?.begin();
    // A dry run writes no log either: the scan itself could then not create the file.
    let none = AuditArgs::default();
    let wanted = if args.dry_run { &none } else { &args.audit };
    let log = audit::open(segment.audit(), wanted)?;
    Ok((segment, log))
}

/// Waits for the report; the first signal stops the scan, the second ends the waiting for its cleanup.
pub(crate) async fn finish(
    running: Running,
    args: &RunArgs,
    signals: &mut Signals,
    progress: &Progress,
) -> Result<ScanReport, Problem> {
    until_second_signal(running, args.lease.as_secs(), signals, progress).await
}

/// The same for whatever has a lease of that many seconds.
pub(crate) async fn until_second_signal(
    running: Running,
    lease: u64,
    signals: &mut Signals,
    progress: &Progress,
) -> Result<ScanReport, Problem> {
    let (_, stop, report) = running.split();
    let second_signal = async {
        let signal = signals.first().await;
        // At once: the scan itself notices the signal only where it can stop.
        progress.note(&stopping(&signal, lease));
        stop.now(signal);
        signals.again().await
    };
    tokio::select! {
        report = report => Ok(report),
        signal = second_signal => Err(Problem {
            code: CLEANUP,
            message: format!("second {signal}: stopped before the cleanup was verified"),
            hint: Some(format!("the cluster removes what is left at most {lease} s after the start")),
        }),
    }
}
