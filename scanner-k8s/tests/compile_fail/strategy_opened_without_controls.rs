//! A strategy opens its target only with the witness.

use scanner_core::{OpenContext, ScanStrategy};

async fn open(strategy: &dyn ScanStrategy, context: &OpenContext<'_>) {
    let _ = strategy.open(context).await;
}

fn main() {}
