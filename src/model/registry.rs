//! Where a login at a registry of images counts, and for which images.

use super::image::ImageReference;

/// The registry of images that name none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// Names by which clients know that registry.
const DEFAULT_NAMES: &[&str] = &["index.docker.io", "registry-1.docker.io", DEFAULT_REGISTRY];

/// A registry, or a part of one, for whose images a login counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryPlace(String);

impl RegistryPlace {
    /// The place that the address of a login names, `https://registry.example:5000/team`; without one Docker Hub, as for every
    /// client.
    pub fn of_url(url: Option<&str>) -> Self {
        let written = url.unwrap_or(DEFAULT_REGISTRY);
        let place = written.split_once("://").map_or(written, |(_, place)| place);
        let place = place.trim_end_matches('/');
        // Clients write the version of the interface behind the registry.
        let place = place
            .strip_suffix("/v1")
            .or(place.strip_suffix("/v2"))
            .unwrap_or(place);
        let (host, path) = place
            .split_once('/')
            .map_or((place, ""), |(host, path)| (host, path));
        let host = host.to_ascii_lowercase();
        let host = match DEFAULT_NAMES.contains(&host.as_str()) {
            true => DEFAULT_REGISTRY.to_owned(),
            false => host,
        };
        match path.is_empty() {
            true => Self(host),
            false => Self(format!("{host}/{path}")),
        }
    }

    /// Whether an image is fetched from there.
    pub fn covers(&self, image: &ImageReference) -> bool {
        let name = full_name(&image.name);
        name.strip_prefix(&self.0)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// How closely it names what it is for: of several that cover an image, the closest counts.
    pub fn closeness(&self) -> usize {
        self.0.len()
    }
}

impl ImageReference {
    /// The host of its registry, with the port.
    pub fn registry(&self) -> String {
        let name = full_name(&self.name);
        name.split_once('/')
            .map_or(name.clone(), |(host, _)| host.to_owned())
    }
}

/// The name with its registry, as engines complete it.
fn full_name(name: &str) -> String {
    match name.split_once('/') {
        Some((host, rest)) if host == "localhost" || host.contains(['.', ':']) => {
            let host = host.to_ascii_lowercase();
            match DEFAULT_NAMES.contains(&host.as_str()) {
                true => format!("{DEFAULT_REGISTRY}/{rest}"),
                false => format!("{host}/{rest}"),
            }
        }
        Some(_) => format!("{DEFAULT_REGISTRY}/{name}"),
        None => format!("{DEFAULT_REGISTRY}/library/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(url: Option<&str>, image: &str) -> bool {
        RegistryPlace::of_url(url).covers(&ImageReference::parse(image).unwrap())
    }

    #[test]
    fn a_login_counts_for_the_images_of_its_registry_and_for_no_other() {
        for (url, image) in [
            (Some("registry.example"), "registry.example/acme/app:1"),
            (
                Some("https://Registry.example:5000/v2/"),
                "registry.example:5000/app",
            ),
            (Some("registry.example/acme"), "registry.example/acme/app"),
            (Some("https://index.docker.io/v1/"), "acme/app"),
            (None, "alpine:3"),
            (Some("docker.io/acme"), "index.docker.io/acme/app"),
            (Some("localhost"), "localhost/app"),
        ] {
            assert!(covers(url, image), "{url:?} {image}");
        }
        for (url, image) in [
            (Some("registry.example"), "registry.example.evil.org/acme/app"),
            (Some("registry.example"), "registry.example:5000/app"),
            (Some("registry.example/acme"), "registry.example/acme-evil/app"),
            (Some("registry.example/acme"), "registry.example/other/app"),
            (None, "registry.example/app"),
            (Some("registry.example"), "alpine"),
        ] {
            assert!(!covers(url, image), "{url:?} {image}");
        }
    }

    #[test]
    fn the_closest_place_counts() {
        let close = RegistryPlace::of_url(Some("registry.example/acme")).closeness();
        assert!(close > RegistryPlace::of_url(Some("registry.example")).closeness());
        assert_eq!(ImageReference::parse("alpine").unwrap().registry(), "docker.io");
        assert_eq!(
            ImageReference::parse("r.example:1/a/b").unwrap().registry(),
            "r.example:1"
        );
    }
}
