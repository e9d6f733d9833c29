//! Which target answers in a container.

use serde_json::Value;

use super::State;
use crate::{Target, image::image_id, store::Key};

impl State {
    /// The target that answers in a container: the one set for the container, its pod or its image, or for another
    /// container of the same image, since a scan may start a copy.
    pub(crate) fn target(&self, pod: &Value, container: &str) -> Target {
        let text = |field: &str| {
            pod["metadata"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let (namespace, name) = (text("namespace"), text("name"));
        let said = [container, ""].into_iter().find_map(|container| {
            let place = (namespace.clone(), name.clone(), container.to_owned());
            self.targets.get(&place)
        });
        if let Some(target) = said {
            return target.clone();
        }
        let lists = ["containers", "initContainers", "ephemeralContainers"];
        let all = lists
            .iter()
            .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten());
        let mut own = all.filter(|c| c["name"] == container);
        let image = own
            .next()
            .and_then(|c| c["image"].as_str())
            .unwrap_or_default();
        self.target_of_image(image)
    }

    /// The target that answers in a container of that image.
    pub(crate) fn target_of_image(&self, image: &str) -> Target {
        if let Some(target) = self.images.get(image) {
            return target.clone();
        }
        let id = image_id(image);
        let same = self
            .targets
            .iter()
            .find(|((namespace, name, container), _)| {
                let key = Key::pod(namespace, name);
                let pod = self.store.get(&key);
                let all = pod.and_then(|pod| pod["status"]["containerStatuses"].as_array());
                all.into_iter().flatten().any(|status| {
                    (container.is_empty() || status["name"] == container.as_str())
                        && status["imageID"] == id.as_str()
                })
            });
        same.map(|(_, target)| target.clone()).unwrap_or_default()
    }
}
