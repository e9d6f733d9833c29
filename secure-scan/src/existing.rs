//! Names that exist in a cluster, such as for completion on a command line. Reads only, as the operator.

pub use scanner_k8s::plan::existing_names::{containers, namespaces, pods};
