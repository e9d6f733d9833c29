//! What somebody else writes for secure-scan: a control, two engines, a strategy, an observer and a report format.
//!
//! Everything here depends on `secure-scan-core` alone; only the program in `main.rs` depends on `secure-scan`.

pub mod csv;
pub mod directory;
pub mod marker;
pub mod observer;
pub mod setuid;
pub mod world_writable;

pub use csv::Csv;
pub use directory::Directory;
pub use marker::Marker;
pub use observer::JsonLines;
pub use setuid::SetuidPrograms;
pub use world_writable::WorldWritable;
