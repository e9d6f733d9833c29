//! Every scan of a cluster: `secure-scan scan`, `container`, `distroless`, `sidecar` and `image`.

use std::sync::Arc;

use secure_scan::{
    Document, InventoryTap, Running, Scan, ScanPlan, ScanReport, Segment, TargetSelector,
    event::{Event, Observer as _},
    inventory::Section,
    stage::Stage,
    strategy::Strategy,
    target::TargetForm,
};

use crate::{
    args::{RunArgs, ScanArgs},
    audit::{self, AuditArgs, OpenLog},
    output::{self, print_errors, worst_exit_code},
    policy,
    problem::{CLEANUP, GATE, Problem},
    profile,
    progress::{Progress, stopping},
    remedy::remedy_words,
    rights,
    signals::Signals,
    sink::{self, Sinks},
};

/// What is scanned.
pub(crate) struct Wanted {
    pub(crate) target: TargetSelector,
    pub(crate) expected_digest: Option<String>,
}

impl Wanted {
    /// A target, whatever its digest.
    pub(crate) fn new(target: TargetSelector) -> Self {
        Self {
            target,
            expected_digest: None,
        }
    }

    /// A container.
    pub(crate) fn of(args: &ScanArgs) -> Self {
        Self {
            target: args.target(),
            expected_digest: args.expect_digest.clone(),
        }
    }
}

/// Scans a container.
pub(crate) async fn run(args: &ScanArgs, strategy: Strategy) -> Result<u8, Problem> {
    Box::pin(run_on(Wanted::of(args), &args.run, strategy)).await
}

/// Scans what was named.
pub(crate) async fn run_on(
    wanted: Wanted,
    args: &RunArgs,
    strategy: Strategy,
) -> Result<u8, Problem> {
    read_images_soon();
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
    let mut template = Scan::template()
        .policy(decided.policy)
        .strategy(strategy)
        .lease(args.lease)
        .idle_timeout(args.idle_timeout)
        .answer_limit(args.answer_bytes())
        .observer(progress.clone());
    // Only a recording needs the tap, which keeps the whole inventory.
    template = match &args.profile_options.save_inventory {
        Some(_) => template.engine(Arc::clone(&tap)),
        None => template.engine(profile),
    };
    if let Some(namespace) = &args.identity_namespace {
        template = template.identity_namespace(namespace.as_str());
    }
    for (key, value) in &args.labels {
        template = template.label(key, value);
    }
    for (key, value) in &args.annotations {
        template = template.annotation(key, value);
    }
    if let Some(digest) = wanted.expected_digest {
        template = template.expected_digest(digest);
    }
    let target = wanted.target;
    let mut signals = Signals::listen()?;
    if args.dry_run {
        let plan = async {
            let (segment, _) = connected(args).await?;
            Ok(template.plan_in(segment, target).await?)
        };
        let plan = signals.or(Box::pin(plan)).await;
        progress.finish();
        return dry_run(&plan?, sinks, &progress);
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
    // Findings that were discarded are no record of the target.
    let recording = tap.take(subject).filter(|_| !report.findings.is_empty());
    let document = Document::from(report);
    sinks.note_result(&document);
    output::completions(&document);
    let after = [
        sinks.write(&document, args.verbose, output::coloured(args.color)),
        closed,
        profile::save(&args.profile_options, recording),
    ];
    Ok(worst_exit_code(document.verdict(), &after))
}

/// Has the expression compiled that reads image references, which takes longer than the first answer of a cluster.
fn read_images_soon() {
    std::thread::spawn(|| "image".parse::<oci_spec::distribution::Reference>().is_ok());
}

/// Shows a plan.
fn dry_run(plan: &ScanPlan, sinks: Sinks, progress: &Progress) -> Result<u8, Problem> {
    warn_early(plan, progress);
    note_choice(plan, progress);
    note_missing(std::slice::from_ref(plan), progress);
    let fallback = plan.fallback.as_ref();
    if let Some(remedy) = fallback.and_then(|next| next.remedy.as_ref()) {
        progress.note(&format!("hint: {}", remedy_words(remedy)));
    }
    let form = |format| output::plan(plan, format);
    let code = if plan.refusal().is_some() { GATE } else { 0 };
    sinks
        .write_with(form, "a plan", "terminal or json")
        .map(|()| code)
}

/// Says once which rights the scans of these plans need and the operator does not have, and how to see all that are needed.
pub(crate) fn note_missing(plans: &[ScanPlan], progress: &Progress) {
    let mut missing: Vec<&str> = Vec::new();
    for right in plans.iter().flat_map(|plan| &plan.missing_rights) {
        if !missing.contains(&right.as_str()) {
            missing.push(right);
        }
    }
    if let (Some(plan), false) = (plans.first(), missing.is_empty()) {
        let missing = missing.join("; ");
        progress.note(&format!(
            "note: a scan would be refused: you may not: {missing}"
        ));
        let command = rights::command(plan, plans.len() > 1);
        progress.note(&format!("hint: see all that you need: {command}"));
    }
}

/// Says which pod was taken, where the name left a choice.
pub(crate) fn note_choice(plan: &ScanPlan, progress: &Progress) {
    for choice in &plan.target_choice {
        progress.note(&format!("note: {choice}"));
    }
}

/// Warns early when a tag may not name the expected image; the report says it too.
fn warn_early(plan: &ScanPlan, progress: &Progress) {
    if plan.target.form == TargetForm::Image {
        for difference in &plan.differences {
            progress.note(&format!("note: {difference}"));
        }
        if !plan.differences.is_empty() {
            progress.note(
                "hint: take --pull always, or name what you expect: --expect-digest sha256:...",
            );
        }
    }
}

/// Connects and opens the audit log.
pub(crate) async fn connected(args: &RunArgs) -> Result<(Segment, OpenLog), Problem> {
    let segment = args.cluster.cluster().await?.begin();
    // A plan writes nothing, and no log that would keep the scan from writing its own.
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
        // At once: the scan itself hears of it only where it can stop.
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
