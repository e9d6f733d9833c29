//! A scan of a container whose unreadable files are read in its image.

use std::sync::{Arc, OnceLock};

use scanner_core::{
    ScanEngine, ScanPlan, ScanReport,
    finding::EngineRef,
    inventory::{Coverage, FromImage, Gaps, InventoryRequest, Section},
    look,
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
/// First, a pod of the scan's own reads the image that the node runs, as root; no code of the image runs. The container is
/// read only after everything that this created is shown to be gone. A place that the container does not show is filled
/// from the image, unless something that the container does show contradicts the image or something is mounted there; each
/// result says where its evidence came from ([`CheckResult::evidence_from`](crate::finding::CheckResult::evidence_from)).
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
    helper_namespace: Option<String>,
}

impl Scan {
    /// Reads in the image of each target what the container does not show to its own user, with this image of the probe,
    /// preferably named by digest. The image is scanned before the container, in a pod of the scan's own that reads as
    /// root. The namespace must allow that pod, or a [`CompletedScan::helper_namespace`].
    pub fn complete_from_image(self, probe_image: impl Into<String>) -> CompletedScan {
        CompletedScan {
            scan: self,
            probe_image: probe_image.into(),
            helper_namespace: None,
        }
    }
}

impl CompletedScan {
    /// Namespace in which the image is read, for a target in a namespace that does not allow a pod that runs as root. The scan of the
    /// image creates everything there, with a lease, a Role and a binding of its own, and nothing in the target's
    /// namespace. Replaces the policy's. Pull secrets are not copied: a private image needs one there, named by the default
    /// `ServiceAccount`. The target's own namespace counts as none; the identity's namespace is an error of
    /// [`CompletedScan::prepare`].
    pub fn helper_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.helper_namespace = Some(namespace.into());
        self
    }

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
        // On the heap: two scans are large.
        Box::pin(self.pair().prepare_in(segment, target)).await
    }

    /// Plans both scans. Rights that the operator does not have are in
    /// [`ScanPlan::missing_rights`](crate::ScanPlan::missing_rights) and are not an error. Makes a few calls
    /// that read, and writes nothing.
    ///
    /// # Errors
    ///
    /// Fails as [`Scan::plan_in`] does, for either scan.
    pub async fn plan_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<[ScanPlan; 2], PrepareError> {
        // On the heap: two scans are large.
        Box::pin(self.pair().plan_in(segment, target)).await
    }

    fn pair(&self) -> Pair {
        let engines = self.scan.engines();
        let asked = look::request_of(engines);
        let reader = Arc::new(ImageReader::new(&asked));
        let image = Arc::new(OnceLock::new());
        let completed = engines.iter().map(|engine| {
            let engine = Completed::new(Arc::clone(engine), Arc::clone(&image)).beside(&asked);
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
        let of_policy = || self.scan.own_policy()?.helper_namespace();
        let inert = image_reader(&self.probe_image)
            // As a user who may read everything in the image.
            .as_root(true)
            .maybe_helper_namespace(self.helper_namespace.clone().or_else(of_policy));
        Pair {
            image: of_image.strategy(inert),
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

/// What the scan of the container takes from the scan of the image.
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
        engines.map(ScanEngine::reference).collect()
    }

    fn not_done(&self) -> &'static str {
        "the container was not read"
    }

    fn complete(&self, report: &mut ScanReport) {
        if report.findings.is_empty() {
            return;
        }
        let engines = self.completed.iter();
        let all = engines.map(|engine| (engine.asked(), engine.take().unwrap_or_default()));
        let all: Vec<(InventoryRequest, Completion)> = all.collect();
        let mut from_image: Option<FromImage> = None;
        for (_, completion) in &all {
            match &mut from_image {
                None => from_image = Some(completion.from_image.clone()),
                Some(read) => read.unite(&completion.from_image),
            }
        }
        report.from_image = from_image;
        for section in Section::ALL {
            if let Some(coverage) = united(section, report.coverage.get(&section), &all) {
                report.coverage.insert(section, coverage);
            }
        }
        if let Some(packages) = &mut report.packages {
            for (_, done) in all {
                done.add_packages(&mut packages.language);
            }
        }
    }
}

/// How completely a section is collected for all engines together, if the image added something to it for one of them. What
/// is missing for one engine that asks for it counts as missing.
fn united(
    section: Section,
    own: Option<&Coverage>,
    all: &[(InventoryRequest, Completion)],
) -> Option<Coverage> {
    all.iter()
        .find(|(_, done)| done.coverage.contains_key(&section))?;
    let mut left = Gaps::default();
    for (asked, done) in all {
        let filled = done.coverage.get(&section);
        let own = own.filter(|_| asked.sections.contains(&section));
        match filled.or(own) {
            Some(Coverage::Partial { gaps }) => left.unite(&gaps.only(|gap| {
                // Contents of files are missing only for engines that ask for them.
                let mut files = asked.files.iter();
                gap.attribute.is_none() || files.any(|selector| selector.overlaps(gap))
            })),
            Some(Coverage::Complete) | None => {}
            Some(none) => return Some(none.clone()),
        }
    }
    Some(if left.is_empty() {
        Coverage::Complete
    } else {
        Coverage::Partial { gaps: left }
    })
}

#[cfg(test)]
mod tests {
    use scanner_core::inventory::{Attribute, FileSelector, Gap, GapKind, LanguagePackage};

    use super::*;

    fn asking(section: Section, digest: bool) -> InventoryRequest {
        InventoryRequest {
            sections: [section].into(),
            files: vec![FileSelector {
                digest,
                ..FileSelector::default()
            }],
            ..InventoryRequest::default()
        }
    }

    fn partial<const N: usize>(gaps: [Gap; N]) -> Coverage {
        Coverage::Partial {
            gaps: gaps.into_iter().collect(),
        }
    }

    fn done(section: Section, coverage: Coverage) -> Completion {
        let mut done = Completion::default();
        done.coverage.insert(section, coverage);
        done
    }

    #[test]
    fn what_is_missing_for_one_of_several_engines_is_missing() {
        let files = || asking(Section::Files, false);
        let root = || Gap::new(GapKind::NotSearchable).at("/root");
        let keys = || Gap::new(GapKind::NotSearchable).at("/root/.ssh/id");
        let contents = || {
            let gap = Gap::new(GapKind::Unknown).at("/etc/shadow");
            gap.of_attribute(Attribute::Digest)
        };
        let own = partial([root(), contents()]);
        let whole = || done(Section::Files, Coverage::Complete);
        let left = |gap| done(Section::Files, partial([gap]));
        let digests = || asking(Section::Files, true);
        let cases = [
            (
                vec![(files(), whole()), (files(), whole())],
                Some(Coverage::Complete),
            ),
            // Whichever comes last.
            (
                vec![(files(), left(keys())), (files(), whole())],
                Some(partial([keys()])),
            ),
            (
                vec![(files(), whole()), (files(), left(keys()))],
                Some(partial([keys()])),
            ),
            // One that filled nothing has what the container showed.
            (
                vec![(files(), whole()), (digests(), Completion::default())],
                Some(own.clone()),
            ),
            (
                vec![(files(), whole()), (files(), Completion::default())],
                Some(partial([root()])),
            ),
            (
                vec![
                    (files(), whole()),
                    (asking(Section::Users, false), Completion::default()),
                ],
                Some(Coverage::Complete),
            ),
            // Contents that only the other one asks for.
            (
                vec![(files(), left(contents())), (digests(), whole())],
                Some(Coverage::Complete),
            ),
            (
                vec![(files(), whole()), (digests(), left(contents()))],
                Some(partial([contents()])),
            ),
            (vec![(files(), Completion::default())], None),
        ];
        for (number, (all, then)) in cases.into_iter().enumerate() {
            assert_eq!(
                united(Section::Files, Some(&own), &all),
                then,
                "case {number}"
            );
        }
        let none = Coverage::Unavailable {
            reason: "/etc/shadow cannot be read by this user".into(),
        };
        let shadow = || asking(Section::Shadow, false);
        let all = [
            (shadow(), done(Section::Shadow, Coverage::Complete)),
            (shadow(), Completion::default()),
        ];
        assert_eq!(
            united(Section::Shadow, Some(&none), &all),
            Some(none.clone())
        );
    }

    #[test]
    fn a_package_that_several_engines_got_is_there_once() {
        let package = |number: u32| LanguagePackage {
            name: number.to_string(),
            ..LanguagePackage::default()
        };
        let mut all: Vec<LanguagePackage> = (0..50_000).map(package).collect();
        let mut done = Completion::default();
        done.language_packages = (40_000..90_000).map(package).collect();
        let begun = std::time::Instant::now();
        done.clone().add_packages(&mut all);
        done.add_packages(&mut all);
        assert_eq!(all.len(), 90_000);
        let took = begun.elapsed();
        assert!(took.as_secs() < 30, "{took:?}");
    }

    #[test]
    fn of_an_image_that_was_not_read_nothing_is_kept() {
        let link = FromReader {
            reader: Arc::new(ImageReader::new(&look::request_of(&[]))),
            image: Arc::default(),
            completed: Vec::new(),
        };
        assert!(!link.keep_image());
    }
}
