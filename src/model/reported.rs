//! What a goal reports of its commit beside its own result (semantics 3.19, 4.7): images and builds, kept under keys of its data.

use serde_json::Value;

/// The key of images.
pub const IMAGES: &str = "@atomist/sdm/images";

/// The key of builds.
pub const BUILDS: &str = "@atomist/sdm/builds";

/// What the data of a goal keeps under one of the keys.
pub fn reported(data: Option<&str>, key: &str) -> Vec<Value> {
    let data = data.filter(|data| data.contains(key));
    let data = data.and_then(|data| serde_json::from_str::<Value>(data).ok());
    match data.and_then(|mut data| data.get_mut(key).map(Value::take)) {
        Some(Value::Array(reported)) => reported,
        Some(_) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reported_is_found_again_and_nothing_else() {
        let data = r#"{"a": 1, "@atomist/sdm/images": ["x/y:1"], "@atomist/sdm/builds": {"id": 7}}"#;
        assert_eq!(reported(Some(data), IMAGES), [Value::from("x/y:1")]);
        assert_eq!(reported(Some(data), BUILDS), Vec::<Value>::new());
        assert_eq!(reported(Some("@atomist/sdm/images"), IMAGES), Vec::<Value>::new());
        assert_eq!(reported(None, IMAGES), Vec::<Value>::new());
    }
}
