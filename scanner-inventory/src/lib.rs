//! What agents and their clients share: the inventory model, the wire protocol, the parsers, and the
//! shell collector's text.
//!
//! Every agent (the shell collector, the probe) answers an [`InventoryRequest`] with one model, so that
//! engines never know how a target was reached. Data that could not be collected is
//! [`Collected::Unavailable`] with its reason, never an empty list.
//!
//! ```
//! use scanner_inventory::{InventoryRequest, Section, collector};
//!
//! let mut request = InventoryRequest::default();
//! request.sections.insert(Section::Users);
//! // Any shell runs it, over exec, ssh or a pipe; `parse::inventory` reads what it prints.
//! let script = collector::script(&request, "n0nce");
//! assert!(script.contains("sections='users'"));
//! ```
//!
//! This crate knows no target, no transport and no report.

pub mod changes;
pub mod collected;
pub mod collector;
pub mod escape;
pub mod from_image;
pub mod gap;
pub mod gaps;
pub mod inventory;
pub mod model;
pub mod parse;
pub mod path;
pub mod pod;
mod reconcile;
mod refusal;
pub mod request;
pub mod select;
pub mod sink;
pub mod wire;

pub use changes::Changes;
pub use collected::{Collected, Coverage};
pub use from_image::FromImage;
pub use gap::{Attribute, Gap, GapKind};
pub use gaps::Gaps;
pub use inventory::{AgentInfo, Inventory};
pub use model::{
    AgentIdentity, CommandEntry, EnvVar, FileEntry, FileKind, Group, Identity, KernelFacts,
    LanguagePackage, Listener, Mount, OsRelease, Package, PasswordState, Process, ShadowEntry,
    SocketConnection, User,
};
pub use path::FilePath;
pub use pod::{ContainerFacts, EnvSource, PodFacts, VolumeFacts, VolumeMountFacts};
pub use reconcile::missing_variables;
pub use refusal::is_refusal;
pub use request::{FileSelector, InventoryRequest, MAX_DIGEST, Section};
pub use select::Selection;
