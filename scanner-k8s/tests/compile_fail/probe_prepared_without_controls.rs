//! A strategy adds what it needs beside the target only with the witness of the prepared controls.

use scanner_core::{OpenContext, ScanStrategy};

async fn prepare(strategy: &dyn ScanStrategy, context: &OpenContext<'_>) {
    let _ = strategy.prepare(context).await;
}

fn main() {}
