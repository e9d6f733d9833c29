//! Numbers of the channels of an exec stream: `k8s.io/apimachinery/pkg/util/remotecommand`.

pub(super) const STDIN: u8 = 0;
pub(super) const STDOUT: u8 = 1;
pub(super) const STDERR: u8 = 2;
/// How the command ended.
pub(super) const STATUS: u8 = 3;
/// Closes the channel whose number follows.
pub(super) const CLOSE: u8 = 255;
