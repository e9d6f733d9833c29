//! Seam: how a target is reached.
//!
//! A [`ScanStrategy`] is picked at run time, so it is dyn-compatible through `async_trait`. It touches a target in two
//! steps, each behind a witness of the control stage: [`ScanStrategy::prepare`] takes [`PreparedControls`] and may
//! let the operator add a probe or a pod; [`ScanStrategy::open`] takes [`EnforcedControls`] and may look. Only
//! [`guarded`](crate::guarded) makes those witnesses, so a strategy that touches a target without verified controls
//! does not compile. All strategies yield the same [`TargetAccess`], so engines never know which one is in use.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use scanner_inventory::{InventoryRequest, Section, sink::InventorySink};

use crate::{
    event::{Event, Observer, Silent},
    failure::FailureKind,
    plan::{PlannedCommand, ScanPlan},
    remedy::Remedy,
    subject::Subject,
    witness::{EnforcedControls, PreparedControls},
};

/// Name of the shipped strategy that reads only the target's image and looks into no container.
pub const IMAGE_OF_TARGET: &str = "sidecar-inert";

/// What a strategy is asked to reach, and for what.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct OpenContext<'a> {
    /// What is looked at.
    pub subject: &'a Subject,
    /// What was planned; absent in a scan without a cluster.
    pub plan: Option<&'a ScanPlan>,
    /// Everything that the engines will read.
    pub request: &'a InventoryRequest,
    observer: &'a dyn Observer,
}

impl fmt::Debug for OpenContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenContext")
            .field("subject", self.subject)
            .field("plan", &self.plan)
            .field("request", self.request)
            .finish_non_exhaustive()
    }
}

impl<'a> OpenContext<'a> {
    /// A context for one scan, without an observer.
    pub const fn new(
        subject: &'a Subject,
        plan: Option<&'a ScanPlan>,
        request: &'a InventoryRequest,
    ) -> Self {
        Self {
            subject,
            plan,
            request,
            observer: &Silent,
        }
    }

    /// The same for an observer, which gets what the strategy waits for.
    #[must_use]
    pub const fn observed_by(mut self, observer: &'a dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Reports how long the strategy has waited and for what, as [`ControlScope::waits`](crate::control::ControlScope::waits)
    /// does for a control. `id` is the control that answers for what the strategy waits for.
    pub fn waits(&self, id: &str, waited: Duration, what: impl Into<String>) {
        self.observer.event(&Event::ControlWaits {
            id: id.to_owned(),
            seconds: waited.as_secs(),
            what: what.into(),
        });
    }
}

/// Models one way to reach a target.
#[async_trait]
pub trait ScanStrategy: Send + Sync {
    /// Stable name, such as `container`.
    fn name(&self) -> &str;

    /// How far evidence that is gathered this way can be trusted, for the report.
    fn trust(&self) -> &str;

    /// Sections that the subject does not have at all, as a directory has no processes: checks that read them do not apply.
    fn absent(&self) -> &[Section] {
        &[]
    }

    /// Variables of the target's environment that the agent of this strategy cannot see, such as `variables of Secret db`:
    /// checks of the environment do not pass without them.
    fn unseen_env(&self) -> &[String] {
        &[]
    }

    /// Commands that this strategy would run to answer the request, for the plan. None by default.
    fn commands(&self, context: &OpenContext<'_>) -> Vec<PlannedCommand> {
        let _ = context;
        Vec::new()
    }

    /// Adds, as the operator, what must run beside the target before it can be looked at: a probe or a pod. Nothing by
    /// default.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be added or does not start; everything is then released.
    async fn prepare(
        &self,
        context: &OpenContext<'_>,
        controls: &PreparedControls,
    ) -> Result<(), StrategyError> {
        let _ = (context, controls);
        Ok(())
    }

    /// Opens every stream that the scan needs. After this returns, the token of the scan is revoked: what is returned
    /// must not need to authenticate again.
    ///
    /// # Errors
    ///
    /// Fails when the target cannot be reached, with what to do instead.
    async fn open(
        &self,
        context: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError>;
}

macro_rules! delegate {
    ($($type:ty),*) => {$(
        #[async_trait]
        impl<T: ScanStrategy + ?Sized> ScanStrategy for $type {
            fn name(&self) -> &str {
                (**self).name()
            }
            fn trust(&self) -> &str {
                (**self).trust()
            }
            fn absent(&self) -> &[Section] {
                (**self).absent()
            }
            fn unseen_env(&self) -> &[String] {
                (**self).unseen_env()
            }
            fn commands(&self, context: &OpenContext<'_>) -> Vec<PlannedCommand> {
                (**self).commands(context)
            }
            async fn prepare(
                &self,
                context: &OpenContext<'_>,
                controls: &PreparedControls,
            ) -> Result<(), StrategyError> {
                (**self).prepare(context, controls).await
            }
            async fn open(
                &self,
                context: &OpenContext<'_>,
                controls: &EnforcedControls,
            ) -> Result<Box<dyn TargetAccess>, StrategyError> {
                (**self).open(context, controls).await
            }
        }
    )*};
}

delegate!(std::sync::Arc<T>, Box<T>);

/// Models an open way into one target.
///
/// ```
/// use async_trait::async_trait;
/// use scanner_core::{
///     AccessError, TargetAccess,
///     inventory::{Inventory, InventoryRequest, sink::{InventorySink, deliver}},
/// };
///
/// /// What was recorded before.
/// struct Recorded(Inventory);
///
/// #[async_trait]
/// impl TargetAccess for Recorded {
///     async fn stream(
///         &mut self,
///         _: &InventoryRequest,
///         sink: &mut dyn InventorySink,
///     ) -> Result<(), AccessError> {
///         deliver(self.0.clone(), sink).await;
///         Ok(())
///     }
///
///     async fn close(self: Box<Self>) {}
/// }
/// ```
#[async_trait]
pub trait TargetAccess: Send {
    /// Collects the inventory and hands it on as it comes: all sections but the files, then one file after the other. An
    /// implementation that has everything at once passes it to [`deliver`](scanner_inventory::sink::deliver). One that
    /// wraps another access passes `sink` on to that.
    ///
    /// Everything from the target is hostile: implementations bound bytes, time and idle time, and return an error rather
    /// than a short result.
    ///
    /// A call to the sink may wait for an engine, for as long as the scan's [`EngineHost`](crate::engines::EngineHost)
    /// allows. This time does not count as the target's.
    ///
    /// # Errors
    ///
    /// Fails when the answer is cut, forged, too long or too late. Everything that was handed on before an error must be
    /// discarded.
    async fn stream(
        &mut self,
        request: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError>;

    /// Closes all streams. Does not fail: a stream that is already gone is closed.
    async fn close(self: Box<Self>);
}

macro_rules! error {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, thiserror::Error)]
        #[error("{message}")]
        #[non_exhaustive]
        pub struct $type {
            /// What went wrong, for a reader.
            pub message: String,
            /// What kind of failure it is.
            pub kind: FailureKind,
            /// What to do next.
            pub remedy: Option<Remedy>,
            /// The cause.
            #[source]
            pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
        }

        impl $type {
            /// An error of that kind.
            pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
                Self { message: message.into(), kind, remedy: None, source: None }
            }

            /// The same with what to do next.
            #[must_use]
            pub fn with_remedy(mut self, remedy: impl Into<Option<Remedy>>) -> Self {
                self.remedy = remedy.into();
                self
            }

            /// The same with its cause.
            #[must_use]
            pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
                self.source = Some(source.into());
                self
            }
        }
    };
}

error!(
    /// Why a target could not be reached.
    StrategyError
);
error!(
    /// Why an inventory could not be collected.
    AccessError
);
