//! What a scan will do, decided before anything is written.

pub mod existing_names;
pub(crate) mod gate_facts;
pub mod lease;
pub mod limits;
pub mod manifest;
pub(crate) mod origin;
pub mod preflight;
pub mod probe_image;
pub mod resolve;
pub mod rights;
pub mod scan_id;
pub mod sidecar_options;
