//! Every scan of a cluster: `secure-scan scan`, `container`, `distroless`, `sidecar` and `image`.

use std::sync::Arc;

use scanner_core::{
    ScanEngine, ScanReport,
    cause::chain,
    event::{Event, Observer as _},
    inventory::Section,
    pipeline::Stage,
    target::{ContainerName, PodSelection, TargetForm, TargetRequest},
};
use scanner_k8s::{PreparedScan, ScanRequest, Segment, Strategy};
use scanner_policy::Judged;
use scanner_report::Document;

use crate::profile::Recorder;
use crate::{
    CLEANUP, GATE, NOT_DONE, Problem, USAGE,
    args::{RunArgs, ScanArgs},
    audit::{self, AuditArgs, OpenLog},
    cluster, complain, gravest, output,
    policy::{self, Decided},
    profile,
    progress::Progress,
    signals::Signals,
    sink::{self, Sinks},
};

/// What is scanned.
pub(crate) struct Subject {
    pod: PodSelection,
    container: Option<ContainerName>,
    expected_digest: Option<String>,
}

impl Subject {
    /// A container.
    pub(crate) fn of(args: &ScanArgs) -> Self {
        let pod = match (&args.pod, &args.selector) {
            (Some(name), _) => PodSelection::Name(name.clone()),
            (None, selector) => PodSelection::Labels(selector.clone().unwrap_or_default()),
        };
        Self {
            pod,
            container: args.container.clone(),
            expected_digest: args.expect_digest.clone(),
        }
    }

    /// An image that runs nowhere.
    pub(crate) fn image(reference: &str) -> Self {
        Self {
            pod: PodSelection::Image(reference.to_owned()),
            container: None,
            expected_digest: None,
        }
    }
}

/// Scans a container.
pub(crate) async fn run(args: &ScanArgs, strategy: Strategy) -> Result<u8, Problem> {
    Box::pin(run_on(Subject::of(args), &args.run, strategy)).await
}

/// Scans what `subject` names.
pub(crate) async fn run_on(
    subject: Subject,
    args: &RunArgs,
    strategy: Strategy,
) -> Result<u8, Problem> {
    let decided = policy::decide(&args.policy)?;
    let named = args.profile.as_deref();
    let named = named.or(decided.profile.as_deref());
    let profile = profile::load_with(named.unwrap_or("container-baseline"), &args.profile_options)?;
    let judge = decided.judge.clone();
    let sinks = Sinks::open(&args.output)?;
    if let Some(file) = &args.profile_options.save_inventory {
        sink::writable(file, "the inventory")?;
    }
    let progress = Progress::new(args.quiet);
    progress.event(&Event::StageStarted(Stage::Resolve));
    let prepared = async {
        let (segment, log) = connected(args).await?;
        let reference = profile.reference();
        let name = format!("{} {}", reference.name, reference.version);
        let planned = Planned {
            subject,
            strategy,
            engine: &profile,
            name,
            decided,
        };
        Ok((prepare(segment, args, planned).await?, log))
    };
    let mut signals = Signals::listen()?;
    let prepared = signals.or(Box::pin(prepared)).await;
    if prepared.is_err() {
        progress.finish();
    }
    let (prepared, log) = prepared?;
    note(&prepared, &progress);
    if args.dry_run {
        let plan = signals.or(async { Ok(prepared.whole_plan(&profile).await) });
        let plan = plan.await;
        progress.finish();
        let plan = plan?;
        let form = |format| output::plan(&plan, format);
        let code = if prepared.refused() { GATE } else { 0 };
        return sinks
            .write_with(form, "a plan", "terminal or json")
            .map(|()| code);
    }
    let packages = profile.request().sections.contains(&Section::Packages);
    if let Err(refused) = sinks.check(packages, prepared.plan().target.digest().is_some()) {
        progress.finish();
        return Err(refused);
    }
    let lease = prepared.plan().lease_seconds;
    let recorder = Recorder::new(&profile);
    let judged = Judged {
        engine: &recorder,
        judge: &judge,
    };
    let report = Box::pin(scan(prepared, &judged, &progress, lease, &mut signals)).await;
    progress.finish();
    let closed = log.close();
    let report = report.inspect_err(|_| complain(&closed))?;
    // Findings that were discarded are no record of the target.
    let kept = report.findings.is_some();
    let target = &report.plan.target;
    let subject = format!("{}/{} {}", target.namespace, target.pod, target.container);
    let document = Document::from(report);
    let after = [
        sinks.write(&document, args.verbose, output::coloured(args.color)),
        closed,
        recorder.save(&args.profile_options, &subject, kept),
    ];
    Ok(gravest(document.verdict(), &after))
}

/// Says at once what of an image may not be as its name suggests; the report says it too.
fn note(prepared: &PreparedScan, progress: &Progress) {
    let plan = prepared.plan();
    if plan.target.form == TargetForm::Image {
        for difference in &plan.differences {
            progress.tell(&format!("note: {difference}"));
        }
    }
}

/// Begins a segment at the cluster and opens its audit log.
pub(crate) async fn connected(args: &RunArgs) -> Result<(Segment, OpenLog), Problem> {
    let cluster = cluster::connected(args.kubeconfig.as_deref(), args.context.as_deref()).await?;
    // A plan writes nothing, and no log that would keep the scan from writing its own.
    let none = AuditArgs::default();
    let wanted = if args.dry_run { &none } else { &args.audit };
    let segment = cluster.begin();
    let log = audit::open(segment.audit(), wanted)?;
    Ok((segment, log))
}

/// What is to be planned.
pub(crate) struct Planned<'a> {
    pub(crate) subject: Subject,
    pub(crate) strategy: Strategy,
    pub(crate) engine: &'a dyn ScanEngine,
    /// Name and version of what it checks.
    pub(crate) name: String,
    pub(crate) decided: Decided,
}

pub(crate) async fn prepare(
    segment: Segment,
    args: &RunArgs,
    planned: Planned<'_>,
) -> Result<PreparedScan, Problem> {
    let Planned {
        subject,
        mut strategy,
        decided,
        ..
    } = planned;
    if let Strategy::Sidecar(options) = &mut strategy {
        options.require_isolation |= decided.gates.policy.require_isolation;
    }
    let namespace = match &args.namespace {
        Some(namespace) => namespace.clone(),
        None => segment
            .default_namespace()
            .parse()
            .map_err(|error| Problem::usage(format!("{error}"), "name a namespace with -n"))?,
    };
    let request = ScanRequest {
        strategy,
        target: TargetRequest {
            namespace,
            pod: subject.pod,
            container: subject.container,
        },
        profile: planned.name,
        lease_seconds: args.lease,
        expected_digest: subject.expected_digest,
        policy: Some(Arc::new(decided.gates)),
        threshold: decided.fail_on,
    };
    let prepared = Box::pin(PreparedScan::within(segment, planned.engine, request)).await;
    prepared.map_err(|error| Problem {
        code: if error.is_usage() { USAGE } else { NOT_DONE },
        message: chain(&error),
        hint: error.hint(),
    })
}

/// Runs the scan; a second signal ends the waiting for its cleanup.
pub(crate) async fn scan(
    prepared: PreparedScan,
    engine: &dyn ScanEngine,
    progress: &Progress,
    lease: u32,
    signals: &mut Signals,
) -> Result<ScanReport, Problem> {
    let (interrupt, interrupted) = tokio::sync::oneshot::channel();
    let stop = async { interrupted.await.unwrap_or_default() };
    let impatient = async {
        let _ = interrupt.send(signals.first().await);
        signals.again().await
    };
    tokio::select! {
        report = prepared.run(engine, progress, stop) => Ok(report),
        signal = impatient => Err(Problem {
            code: CLEANUP,
            message: format!("second {signal}: stopped before the cleanup was verified"),
            hint: Some(format!("the cluster removes what is left at most {lease} s after the start")),
        }),
    }
}
