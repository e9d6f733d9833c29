//! An access that wraps another cannot forget to hand the stream on: there is no default that keeps the whole inventory.

use async_trait::async_trait;
use scanner_core::TargetAccess;

struct Wrapped(Box<dyn TargetAccess>);

#[async_trait]
impl TargetAccess for Wrapped {
    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

fn main() {}
