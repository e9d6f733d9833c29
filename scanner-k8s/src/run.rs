//! What one running scan shares: names, clients, ledger.

pub mod alert;
pub mod credential;
pub mod ledger;
pub mod logged;
pub mod objects;
pub mod scope;
pub mod scope_objects;
pub mod target_watch;
