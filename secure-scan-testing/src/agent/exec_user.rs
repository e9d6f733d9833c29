//! The user of an exec: that of its container, as with a real container runtime.

use scanner_inventory::{Collected, Inventory};
use serde_json::Value;

use super::place::Place;

/// The inventory as an exec in that container gives it: with the user that the node reports, and without capabilities where
/// the specification drops all of them.
pub(super) fn inventory(place: &Place) -> Inventory {
    let mut inventory = place.target.inventory().clone();
    if place.target.lies_about_its_user() {
        return inventory;
    }
    let (Collected::Complete { data } | Collected::Partial { data, .. }) = &mut inventory.identity
    else {
        return inventory;
    };
    let user = status(place).map(|status| &status["user"]["linux"]);
    for (field, own) in [("uid", &mut data.uid), ("gid", &mut data.gid)] {
        *own = user.and_then(|user| user[field].as_i64()).unwrap_or(*own);
    }
    if drops_all(place) {
        data.capabilities.clear();
        data.bounding.clear();
    }
    inventory
}

/// What the node reports of the container.
fn status(place: &Place) -> Option<&Value> {
    let lists = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ];
    let mut all = lists
        .iter()
        .flat_map(|list| place.pod["status"][*list].as_array().into_iter().flatten());
    all.find(|status| status["name"] == place.container.as_str())
}

fn drops_all(place: &Place) -> bool {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let mut all = lists
        .iter()
        .flat_map(|list| place.pod["spec"][*list].as_array().into_iter().flatten());
    let own = all.find(|container| container["name"] == place.container.as_str());
    let dropped = own.and_then(|own| own["securityContext"]["capabilities"]["drop"].as_array());
    dropped.into_iter().flatten().any(|name| name == "ALL")
}
