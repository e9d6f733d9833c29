//! A scan of a container whose unreadable part is read in its image.

use std::sync::{Arc, OnceLock};

use scanner_core::{
    ScanEngine, ScanPlan, ScanReport, finding::EngineRef, inventory::FromImage, look,
};
use scanner_k8s::{Cluster, Segment, scan::PrepareError};
use scanner_policy::completed::{Completed, Completion, ImageReader, WholeImage};

use crate::{
    pair::{Link, Pair, PreparedPair, image_reader},
    scan::Scan,
    target_selector::TargetSelector,
};

/// Scans containers, and reads in the image of each what it does not show to its own user. Cheap to clone, and kept for any
/// number of targets.
///
/// First the image that the node runs is read as root, in a pod of the scan's own in which nothing of it runs. Only when all
/// that this made is shown to be gone is the container read. A place that the container does not show is filled from the
/// image, where nothing that it does show says otherwise and nothing is mounted; each result says from where its
/// evidence came ([`CheckResult::evidence_from`](crate::finding::CheckResult::evidence_from)).
///
/// ```no_run
/// # async fn example(cluster: &secure_scan::Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// use secure_scan::{Profile, Scan, TargetSelector, strategy};
///
/// let scan = Scan::template()
///     .engine(Profile::shipped("container-baseline")?)
///     .strategy(strategy::container())
///     .complete_from_image("registry.example/probe@sha256:1f…");
/// let report = scan.prepare(cluster, TargetSelector::pod("shop", "web-0")).await?.run().await;
/// if let Some(read) = &report.from_image {
///     println!("{} paths were read from the image", read.places());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct CompletedScan {
    scan: Scan,
    probe_image: String,
}

impl Scan {
    /// Reads in the image of each target what the container does not show to its own user, with this image of the probe, which
    /// is best named by digest. It is a scan of the image before that of the container, with a pod of the scan's own that reads as
    /// root, which the namespace must allow.
    pub fn complete_from_image(self, probe_image: impl Into<String>) -> CompletedScan {
        CompletedScan {
            scan: self,
            probe_image: probe_image.into(),
        }
    }
}

impl CompletedScan {
    /// Plans both scans before anything is created. Reads only.
    ///
    /// # Errors
    ///
    /// Fails as [`Scan::prepare`] does, for either scan.
    pub async fn prepare(
        &self,
        cluster: &Cluster,
        target: TargetSelector,
    ) -> Result<PreparedPair, PrepareError> {
        self.prepare_in(cluster.begin(), target).await
    }

    /// The same within a segment that the program began; both scans share its log.
    ///
    /// # Errors
    ///
    /// Fails as [`CompletedScan::prepare`] does.
    pub async fn prepare_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<PreparedPair, PrepareError> {
        self.pair().prepare_in(segment, target).await
    }

    /// Plans both scans. Rights that the operator does not have are in
    /// [`ScanPlan::missing_rights`](crate::ScanPlan::missing_rights) and are no error. Makes a few calls that read, and
    /// writes nothing.
    ///
    /// # Errors
    ///
    /// Fails as [`Scan::plan_in`] does, for either scan.
    pub async fn plan_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<[ScanPlan; 2], PrepareError> {
        self.pair().plan_in(segment, target).await
    }

    fn pair(&self) -> Pair {
        let engines = self.scan.engines();
        let reader = Arc::new(ImageReader::new(&look::request_of(engines)));
        let image = Arc::new(OnceLock::new());
        let completed = engines.iter().map(|engine| {
            let engine = Completed::new(Arc::clone(engine), Arc::clone(&image));
            Arc::new(engine)
        });
        let completed: Vec<Arc<Completed>> = completed.collect();
        let shared = completed.iter().map(|engine| -> Arc<dyn ScanEngine> {
            let engine: Arc<Completed> = Arc::clone(engine);
            engine
        });
        let container = self.scan.clone().with_engines(shared.collect());
        // A scan without an engine is refused as such.
        let readers: Vec<Arc<dyn ScanEngine>> = match engines {
            [] => Vec::new(),
            _ => vec![Arc::clone(&reader) as Arc<dyn ScanEngine>],
        };
        let of_image = self.scan.clone().with_engines(readers);
        let of_image = of_image.without_finding_rules();
        Pair {
            // Who may read all of the image.
            image: of_image.strategy(image_reader(&self.probe_image).as_root(true)),
            container,
            observer: self.scan.own_observer(),
            link: Arc::new(FromReader {
                reader,
                image,
                completed,
            }),
        }
    }
}

/// What the scan of the container takes from that of the image.
struct FromReader {
    reader: Arc<ImageReader>,
    image: Arc<OnceLock<Arc<WholeImage>>>,
    completed: Vec<Arc<Completed>>,
}

impl Link for FromReader {
    fn keep_image(&self) -> bool {
        let image = self.reader.take();
        image.is_some_and(|image| self.image.set(Arc::new(image)).is_ok())
    }

    fn references(&self) -> Vec<EngineRef> {
        let engines = self.completed.iter();
        engines.map(|engine| engine.reference()).collect()
    }

    fn not_done(&self) -> &'static str {
        "the container was not read"
    }

    fn complete(&self, report: &mut ScanReport) {
        if report.findings.is_empty() {
            return;
        }
        let all = self.completed.iter().filter_map(|engine| engine.take());
        let mut from_image: Option<FromImage> = None;
        for completion in all {
            match &mut from_image {
                None => from_image = Some(completion.from_image.clone()),
                Some(read) => read.unite(&completion.from_image),
            }
            add(report, completion);
        }
        report.from_image = from_image;
    }
}

/// Puts what one engine got from the image into the report.
fn add(report: &mut ScanReport, completion: Completion) {
    for (section, coverage) in completion.coverage {
        report.coverage.insert(section, coverage);
    }
    let Some(packages) = &mut report.packages else {
        return;
    };
    for package in completion.language_packages {
        if !packages.language.contains(&package) {
            packages.language.push(package);
        }
    }
}
