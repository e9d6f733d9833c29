//! What one running scan shares: names, clients, ledger.

pub(crate) mod alert;
pub mod credential;
pub mod ledger;
pub(crate) mod logged;
pub(crate) mod objects;
pub mod scope;
pub(crate) mod scope_objects;
pub(crate) mod target_watch;
