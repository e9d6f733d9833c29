//! Turns the sections of a verified answer into an inventory. A line that cannot be read makes its section partial; nothing
//! is dropped in silence.

mod accounts;
mod capabilities;
mod files;
mod identity;
mod language;
mod line;
mod mounts;
mod number;
mod packages;
pub(crate) mod proc;
mod reader;
mod section;
mod sections;
pub(crate) mod sockets;
mod status;
mod system;
mod threads;

use crate::{inventory::Inventory, request::InventoryRequest, wire::WireError};

pub use reader::AnswerReader;

use reader::Item;

/// Reads a whole answer of the agent of that name.
///
/// # Errors
///
/// Fails when the answer is cut, forged or malformed. Sections that are missing from it are
/// [`Collected::Unavailable`](crate::Collected::Unavailable).
pub fn inventory(
    agent: &str,
    bytes: &[u8],
    nonce: &str,
    request: &InventoryRequest,
) -> Result<Inventory, WireError> {
    let mut reader = AnswerReader::new(agent, nonce, request);
    reader.push(bytes)?;
    let end = reader.finish()?;
    let (mut inventory, mut files) = (Inventory::default(), Vec::new());
    for item in reader.take() {
        match item {
            Item::Sections(sections) => inventory = *sections,
            Item::File(file) => files.push(file),
        }
    }
    end.complete(&mut inventory, files);
    Ok(inventory)
}

#[cfg(test)]
mod tests;
