//! Scripted targets: they answer when somebody execs into a container.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use scanner_inventory::Inventory;

use crate::{Exec, Exit, Script, samples};

/// A container, as an exec into it sees it.
///
/// An [`Inventory`] is a target with a shell that answers whatever is asked of it with that inventory, in the wire
/// format of the agents.
#[derive(Clone)]
pub struct Target {
    inventory: Arc<Inventory>,
    shell: Shell,
    lies: bool,
    ends: Option<(i32, Duration)>,
}

type Custom = Arc<dyn Fn(Exec) -> Pin<Box<dyn Future<Output = Exit> + Send>> + Send + Sync>;

/// The `/bin/sh` of a target.
#[derive(Clone)]
pub(crate) enum Shell {
    /// It answers the collector's script with the target's inventory.
    Collector,
    /// It is not there.
    Absent,
    /// It prints and does this, whatever it is asked.
    Script(Script),
    /// A function answers every exec.
    Custom(Custom),
    /// This machine's own `/bin/sh` runs what it is given.
    OfThisMachine,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}

impl Default for Target {
    /// A small, healthy container with a shell, see [`samples::healthy`].
    fn default() -> Self {
        Self::from(samples::healthy())
    }
}

impl From<Inventory> for Target {
    fn from(inventory: Inventory) -> Self {
        Self {
            inventory: Arc::new(inventory),
            shell: Shell::Collector,
            lies: false,
            ends: None,
        }
    }
}

impl From<Script> for Target {
    fn from(script: Script) -> Self {
        Self {
            shell: Shell::Script(script),
            ..Self::default()
        }
    }
}

impl Target {
    /// A target without a shell: an exec of one fails as a container runtime words it, and only a probe sees the
    /// inventory.
    pub fn distroless(inventory: impl Into<Inventory>) -> Self {
        Self {
            shell: Shell::Absent,
            ..Self::from(inventory.into())
        }
    }

    /// The same, whose shell says that it runs as the user of its inventory. By default an exec runs as the user that the
    /// node reports of its container, as a container runtime makes it.
    #[must_use]
    pub fn lying_about_its_user(mut self) -> Self {
        self.lies = true;
        self
    }

    pub(crate) const fn lies_about_its_user(&self) -> bool {
        self.lies
    }

    /// A target in which every exec is answered by a function.
    ///
    /// ```
    /// use secure_scan_testing::{Exit, Target};
    ///
    /// let _ = Target::custom(|mut exec| async move {
    ///     let input = exec.stdin_to_end().await;
    ///     exec.print(&input).await;
    ///     Exit::Code(0)
    /// });
    /// ```
    pub fn custom<F, R>(answer: F) -> Self
    where
        F: Fn(Exec) -> R + Send + Sync + 'static,
        R: Future<Output = Exit> + Send + 'static,
    {
        Self {
            shell: Shell::Custom(Arc::new(move |exec| Box::pin(answer(exec)))),
            ..Self::default()
        }
    }

    /// A target whose `/bin/sh` is this machine's own, which runs what it is given and sees this machine's files: to
    /// try the real collector's script.
    pub fn shell_of_this_machine() -> Self {
        Self {
            shell: Shell::OfThisMachine,
            ..Self::default()
        }
    }

    /// The same, in a container that ends by itself: with this code, and this long after its start.
    #[must_use]
    pub fn ending(mut self, code: i32, after: Duration) -> Self {
        self.ends = Some((code, after));
        self
    }

    pub(crate) fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    pub(crate) fn shell(&self) -> &Shell {
        &self.shell
    }

    pub(crate) fn ends(&self) -> Option<(i32, Duration)> {
        self.ends
    }
}
