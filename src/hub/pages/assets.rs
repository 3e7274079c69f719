//! Styles and script of the pages: part of the program, because closed networks have nobody else to ask.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::super::access::key::digest_of;
use super::super::refusal::Refusal;

/// A file that pages need.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 4] = [
    Asset {
        name: "hub.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("assets/hub.css"),
    },
    Asset {
        name: "hub.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("assets/hub.js"),
    },
    Asset {
        name: "graph.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("assets/graph.js"),
    },
    Asset {
        name: "icon.svg",
        kind: "image/svg+xml",
        content: include_str!("assets/icon.svg"),
    },
];

/// Changes when any of them does, so that a browser never keeps an old one.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: String = ASSETS.iter().map(|asset| asset.content).collect();
    digest_of(&all)[..16].to_owned()
});

/// Where a file is.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// `GET /assets/{version}/{name}`.
pub(super) async fn show(Path((version, name)): Path<(String, String)>) -> Response {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    match found.filter(|_| version == *VERSION) {
        Some(asset) => {
            let headers = [
                (CONTENT_TYPE, asset.kind),
                (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.content).into_response()
        }
        None => Refusal::missing_thing("there is nothing here").into_response(),
    }
}
