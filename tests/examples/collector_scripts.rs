//! Writes the collector script of the shipped baseline to a folder, whole and check by check, and its
//! request to a probe, so that a benchmark can run the same work without secure-scan.

use std::{env, error::Error, fs, path::PathBuf};

use scanner_core::{ScanEngine as _, inventory::collector};
use scanner_policy::Profile;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("expected a folder")?);
    let profile = Profile::shipped("container-baseline")?;
    let nonce = "0".repeat(32);
    let whole = collector::script(&profile.request(), &nonce);
    fs::write(folder.join("whole.sh"), whole)?;
    let request = serde_json::to_vec(&profile.request())?;
    fs::write(folder.join("request.json"), request)?;
    for id in profile.ids() {
        // Facts of the pod's specification take no exec.
        if let Some(request) = profile.request_of(id) {
            let script = collector::script(&request, &nonce);
            fs::write(folder.join(format!("check-{id}.sh")), script)?;
        }
    }
    Ok(())
}
