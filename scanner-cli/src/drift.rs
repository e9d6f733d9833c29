//! `secure-scan drift`: the running container against its own image.

use clap::{Args, ValueEnum};
use scanner_core::{
    ScanEngine, ScanReport,
    event::{Event, Observer as _},
    inventory::Inventory,
    pipeline::Stage,
    report::{ApiCalls, Verdict},
};
use scanner_k8s::{
    PreparedScan, Segment, SidecarOptions, Strategy,
    plan::sidecar_options::{Mode, Pull},
};
use scanner_policy::{
    Judged,
    drift::{DriftEngine, ReadImage},
};
use scanner_report::{Document, Format};

use crate::{
    GATE, NOT_DONE, Problem,
    args::{RunArgs, ScanArgs},
    complain, gravest, output, policy,
    progress::Progress,
    scan::{self, Planned, Subject},
    signals::Signals,
    sink::Sinks,
};

/// Name and version of what drift checks, as in its findings.
const PROFILE: &str = "drift 1";

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    #[command(flatten)]
    scan: ScanArgs,
    /// Image of the probe, best named by digest
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = crate::args::image)]
    probe_image: String,
    /// How the running container is read
    #[arg(long, value_enum, default_value_t)]
    via: Via,
    /// Read files of the image that only root may read, where the namespace allows it
    #[arg(long)]
    as_root: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Via {
    /// A probe in an ephemeral container, whose entry stays in the pod's specification
    #[default]
    Distroless,
    /// The sidecar that was deployed with the pod; leaves nothing
    Attached,
    /// The container's own shell and sha256sum, which an intruder may have replaced; leaves nothing
    Container,
}

pub(crate) async fn run(args: &DriftArgs) -> Result<u8, Problem> {
    refuse_profiles(&args.scan.run)?;
    let sinks = Sinks::open(&args.scan.run.output)?;
    let progress = Progress::new(args.scan.run.quiet);
    progress.event(&Event::StageStarted(Stage::Resolve));
    let mut signals = Signals::listen()?;
    let (segment, log) = signals.or(scan::connected(&args.scan.run)).await?;
    let reads = ReadImage::default();
    let both = signals.or(Box::pin(prepared(segment, args, &reads))).await;
    if args.scan.run.dry_run || both.is_err() {
        progress.finish();
    }
    let (first, second) = both?;
    if args.scan.run.dry_run {
        let form = |format| plans(&first, &second, format);
        let code = if first.refused() || second.refused() {
            GATE
        } else {
            0
        };
        return sinks
            .write_with(form, "a plan", "terminal or json")
            .map(|()| code);
    }
    // Drift collects no packages.
    sinks.check(false, first.plan().target.digest().is_some())?;
    let compared = compare(args, &progress, (first, second), &reads, &mut signals);
    let report = Box::pin(compared).await;
    progress.finish();
    let closed = log.close();
    let document = Document::from(report.inspect_err(|_| complain(&closed))?);
    let colour = output::coloured(args.scan.run.color);
    let written = sinks.write(&document, args.scan.run.verbose, colour);
    Ok(gravest(document.verdict(), &[written, closed]))
}

/// What is asked of a profile would be passed over in silence: drift has checks of its own.
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
        format!("{flag} has no meaning for drift, whose checks are its own"),
        "leave it out; to check the container by a profile take secure-scan scan",
    ))
}

/// Both plans, in JSON as one list.
fn plans(first: &PreparedScan, second: &PreparedScan, format: Format) -> Option<String> {
    let (a, b) = (
        output::plan(first.plan(), format)?,
        output::plan(second.plan(), format)?,
    );
    Some(if format == Format::Json {
        format!("[\n{},\n{}\n]\n", a.trim_end(), b.trim_end())
    } else {
        format!("{a}\n{b}")
    })
}

/// Plans both scans before anything is created: the container may not be reachable this way.
async fn prepared(
    segment: Segment,
    args: &DriftArgs,
    reads: &ReadImage,
) -> Result<(PreparedScan, PreparedScan), Problem> {
    let image = args.probe_image.clone();
    let of_image = Strategy::Sidecar(SidecarOptions {
        image: image.clone(),
        mode: Mode::Inert {
            as_root: args.as_root,
            // The copy of another node may be for another kind of processor.
            same_node: true,
        },
        require_isolation: false,
        canaries: Vec::new(),
        pull_secrets: Vec::new(),
        pull: Pull::default(),
        expected_digest: None,
    });
    let of_container = match args.via {
        Via::Distroless => Strategy::Distroless { image },
        Via::Attached => Strategy::Attached { image: None },
        Via::Container => Strategy::Container,
    };
    let first = planned(args, of_image, reads)?;
    let next = segment.next();
    let first = scan::prepare(segment, &args.scan.run, first).await?;
    let engine = DriftEngine {
        image: Inventory::default(),
        capabilities: args.via != Via::Container,
    };
    let second = planned(args, of_container, &engine)?;
    let second = scan::prepare(next, &args.scan.run, second).await?;
    Ok((first, second))
}

fn planned<'a>(
    args: &DriftArgs,
    strategy: Strategy,
    engine: &'a dyn ScanEngine,
) -> Result<Planned<'a>, Problem> {
    Ok(Planned {
        subject: Subject::of(&args.scan),
        strategy,
        engine,
        name: PROFILE.into(),
        decided: policy::decide(&args.scan.run.policy)?,
    })
}

/// Reads the image, then the container. Nothing touches the container unless the image was read and
/// all that this created is shown to be gone.
async fn compare(
    args: &DriftArgs,
    progress: &Progress,
    (first, second): (PreparedScan, PreparedScan),
    reads: &ReadImage,
    signals: &mut Signals,
) -> Result<ScanReport, Problem> {
    let lease = args.scan.run.lease;
    let image_scan = Box::pin(scan::scan(first, reads, progress, lease, signals)).await?;
    let Some(image) = reads
        .take()
        .filter(|_| image_scan.verdict == Verdict::Passed)
    else {
        return Ok(image_scan);
    };
    if image_scan.plan.target != second.plan().target {
        return Err(Problem {
            code: NOT_DONE,
            message: "the container was replaced while its image was read".into(),
            hint: Some("scan again when it is stable".into()),
        });
    }
    let judged = Judged {
        engine: &DriftEngine {
            image,
            capabilities: args.via != Via::Container,
        },
        judge: &policy::decide(&args.scan.run.policy)?.judge,
    };
    let mut report = Box::pin(scan::scan(second, &judged, progress, lease, signals)).await?;
    report.api_calls = ApiCalls {
        operator: report.api_calls.operator + image_scan.api_calls.operator,
        scan: report.api_calls.scan + image_scan.api_calls.scan,
    };
    report.seconds += image_scan.seconds;
    report.started.clone_from(&image_scan.started);
    report.image_scan = Some(Box::new(image_scan));
    Ok(report)
}
