//! Images: had or fetched, and named by what they are rather than by a tag that may move (threat I5).

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt;

use super::engine::{Engine, EngineError};
use super::login::{credentials, explained, understood};
use crate::model::program_text::texts_in_image;
use crate::model::{FixedImage, ImageReference};
use crate::ports::containers::{ContainerSpec, Images, Login, Pull};
use crate::spec::foreign::{Foreign, foreign_texts_filled};

/// An image as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// By this it is used, whatever becomes of its tag meanwhile.
    pub(super) id: String,
    /// `name@sha256:…`, or its id when no registry knows it.
    pub(super) shown: String,
    /// What it runs by itself.
    pub(super) entrypoint: Vec<String>,
}

impl Image {
    /// What others say in arguments must not become what the image runs by itself, or what that carries out.
    ///
    /// # Errors
    /// The image would make it so.
    pub(super) fn check_arguments_of(&self, spec: &ContainerSpec) -> Result<(), EngineError> {
        if spec.written_args.len() != spec.args.len() {
            return Ok(()); // A command says how they are read.
        }
        let Some(foreign) = self.foreign_text(&spec.written_args, &spec.args) else {
            return Ok(());
        };
        let runs = match self.entrypoint.is_empty() {
            true => "runs nothing by itself".to_owned(),
            false => format!("gives its arguments to `{}`", self.entrypoint.join(" ")),
        };
        Err(EngineError::Refused {
            doing: format!("start container `{}`", spec.name),
            words: format!(
                "its image {runs}, and {}: write what runs as `command`",
                foreign.message
            ),
            status: 0,
        })
    }

    /// Which of the arguments that would be.
    fn foreign_text(&self, written: &[String], filled: &[String]) -> Option<Foreign> {
        let written = [&self.entrypoint[..], written].concat();
        let filled = [&self.entrypoint[..], filled].concat();
        let texts = [texts_in_image(&written), texts_in_image(&filled)].concat();
        foreign_texts_filled(&written, texts).into_iter().next()
    }
}

/// Images as an engine on this computer has them.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineImages;

/// How long an engine may take to say what it has.
const PATIENCE: Duration = Duration::from_secs(5);

#[async_trait]
impl Images for EngineImages {
    async fn settle(
        &self,
        engines: &[PathBuf],
        name: &str,
        pull: Pull,
        login: Option<&Login>,
    ) -> Result<FixedImage, String> {
        let words = |error: EngineError| error.to_string();
        let reference = ImageReference::parse(name)?;
        let engine = Engine::connect(engines, PATIENCE).await.map_err(words)?;
        let wanted = Wanted {
            name,
            reference: &reference,
            login,
        };
        let found = by_name(&engine, &wanted, pull, &mut |_| ())
            .await
            .map_err(words)?;
        Ok(FixedImage {
            name: name.to_owned(),
            id: found.id,
            shown: found.shown,
        })
    }
}

/// An image that may have to be fetched.
struct Wanted<'a> {
    name: &'a str,
    reference: &'a ImageReference,
    login: Option<&'a Login>,
}

/// What is known of the image of a container beforehand.
pub(super) struct Means<'a> {
    /// What the goal set used first by its name.
    pub(super) fixed: Option<&'a FixedImage>,
    /// With what it is fetched.
    pub(super) login: Option<&'a Login>,
}

/// The image of a container, fetched when that is wanted or needed; `say` hears when that begins.
///
/// # Errors
/// It is not there, may not be had, or the engine fails.
pub(super) async fn image_of(
    engine: &Engine,
    container: &ContainerSpec,
    means: &Means<'_>,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Image, EngineError> {
    let refused = |words: String| EngineError::Refused {
        doing: format!("use the image of container `{}`", container.name),
        words,
        status: 0,
    };
    let reference = ImageReference::parse(&container.image).map_err(refused)?;
    if let Some(fixed) = means.fixed {
        return fixed_image(engine, container, (fixed, means.login), say).await;
    }
    let wanted = Wanted {
        name: &container.image,
        reference: &reference,
        login: means.login,
    };
    by_name(engine, &wanted, container.pull, say).await
}

/// What a name stands for now, fetched where that is wanted or needed.
async fn by_name(
    engine: &Engine,
    wanted: &Wanted<'_>,
    pull: Pull,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Image, EngineError> {
    let name = wanted.name;
    let refused = |words: String| EngineError::Refused {
        doing: format!("use the image `{name}`"),
        words,
        status: 0,
    };
    let had = had(engine, name).await?;
    let inspected = match (pull, had) {
        (Pull::Missing | Pull::Never, Some(had)) => had,
        (Pull::Never, None) => {
            let words = format!("`{name}` is not there, and `pull: never` forbids to fetch it");
            return Err(refused(words));
        }
        (Pull::Missing | Pull::Always, _) => {
            say(&format!("fetching {name}"));
            fetch(engine, wanted).await?;
            inspect(engine, name).await?
        }
    };
    image(wanted.reference, inspected).ok_or_else(|| refused("the engine does not tell its id".to_owned()))
}

/// The image that the goal set used first by this name, wherever the name leads by now.
async fn fixed_image(
    engine: &Engine,
    container: &ContainerSpec,
    (fixed, login): (&FixedImage, Option<&Login>),
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Image, EngineError> {
    let gone = || EngineError::Refused {
        doing: format!("use the image of container `{}`", container.name),
        words: format!(
            "this goal set began with `{}` as {}, which is not to be had any more",
            container.image, fixed.shown
        ),
        status: 0,
    };
    let mut found = had(engine, &fixed.id).await?;
    let by_digest = ImageReference::parse(&fixed.shown).ok();
    let by_digest = by_digest.filter(|reference| reference.digest.is_some() && container.pull != Pull::Never);
    if let (None, Some(reference)) = (&found, by_digest) {
        say(&format!("fetching {}", fixed.shown));
        let wanted = Wanted {
            name: &fixed.shown,
            reference: &reference,
            login,
        };
        fetch(engine, &wanted).await?;
        found = Some(inspect(engine, &fixed.shown).await?);
    }
    let inspected = found.ok_or_else(gone)?;
    let entrypoint = inspected.config.and_then(|config| config.entrypoint);
    let id = inspected.id.filter(|id| !id.is_empty()).ok_or_else(gone)?;
    Ok(Image {
        id,
        shown: fixed.shown.clone(),
        entrypoint: entrypoint.unwrap_or_default(),
    })
}

/// What the engine has by a name or id.
async fn had(engine: &Engine, image: &str) -> Result<Option<ImageInspect>, EngineError> {
    match inspect(engine, image).await {
        Ok(had) => Ok(Some(had)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn inspect(engine: &Engine, image: &str) -> Result<ImageInspect, EngineError> {
    let doing = format!("look up the image `{image}`");
    engine.ask(&doing, engine.docker.inspect_image(image)).await
}

/// Fetches an image. It has no limit of its own: the goal's time runs.
async fn fetch(engine: &Engine, wanted: &Wanted<'_>) -> Result<(), EngineError> {
    let fetched = fetch_as(engine, wanted).await;
    fetched.map_err(|error| explained(error, wanted.login, wanted.reference))
}

async fn fetch_as(engine: &Engine, wanted: &Wanted<'_>) -> Result<(), EngineError> {
    let doing = format!("fetch the image `{}`", wanted.name);
    let (name, which) = wanted.reference.wanted();
    let options = CreateImageOptions {
        from_image: Some(name.to_owned()),
        tag: Some(which.to_owned()),
        ..CreateImageOptions::default()
    };
    let credentials = credentials(wanted.login, wanted.reference);
    let docker = understood(&engine.docker);
    let mut progress = docker.create_image(Some(options), None, credentials);
    while let Some(piece) = progress.next().await {
        let piece = piece.map_err(|error| EngineError::of(&doing, error))?;
        if let CreateImageInfo {
            error_detail: Some(error),
            ..
        } = piece
        {
            return Err(EngineError::Refused {
                doing,
                words: error.message.unwrap_or_default(),
                status: 0,
            });
        }
    }
    Ok(())
}

fn image(reference: &ImageReference, inspected: ImageInspect) -> Option<Image> {
    let id = inspected.id.filter(|id| !id.is_empty())?;
    let digests = inspected.repo_digests.unwrap_or_default();
    let wanted = reference.digest.as_deref();
    let names_it = |digest: &&String| match digest.split_once('@') {
        Some((name, digest)) => {
            wanted.is_none_or(|wanted| wanted == digest) && is_same_name(&reference.name, name)
        }
        None => false,
    };
    let shown = digests.iter().find(names_it).cloned();
    let entrypoint = inspected.config.and_then(|config| config.entrypoint);
    Some(Image {
        shown: shown.unwrap_or_else(|| format!("{} ({id})", reference.name)),
        id,
        entrypoint: entrypoint.unwrap_or_default(),
    })
}

/// Engines complete short names: `alpine` may be `docker.io/library/alpine`.
fn is_same_name(written: &str, full: &str) -> bool {
    full == written
        || full
            .strip_suffix(written)
            .is_some_and(|front| front.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i5_an_image_is_shown_by_the_digest_of_its_own_name() {
        let inspected = ImageInspect {
            id: Some("sha256:id".to_owned()),
            repo_digests: Some(vec![
                "other/alpine2@sha256:1".to_owned(),
                "docker.io/library/alpine@sha256:2".to_owned(),
            ]),
            ..ImageInspect::default()
        };
        let reference = ImageReference::parse("alpine:3").unwrap();
        let shown = image(&reference, inspected).unwrap();
        assert_eq!(
            (shown.id.as_str(), shown.shown.as_str()),
            ("sha256:id", "docker.io/library/alpine@sha256:2")
        );
    }

    #[test]
    fn ym_23_what_others_say_is_never_what_an_image_runs() {
        let is_refused = |entrypoint: &str, written: &[&str]| {
            let list = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let image = Image {
                id: String::new(),
                shown: String::new(),
                entrypoint: list(entrypoint.split_whitespace().collect()),
            };
            let written = list(written.to_vec());
            let filled = written.iter().map(|word| word.replace("${branch}", "x"));
            image
                .foreign_text(&written, &filled.collect::<Vec<_>>())
                .is_some()
        };
        for (entrypoint, written) in [
            ("sh", &["${branch}"][..]),
            ("/bin/bash -c", &["echo ${branch}"]),
            ("bash -ceu", &["echo ${branch}"]),
            ("tini -- sh", &["-c", "echo ${branch}"]),
            ("node -e", &["${branch}"]),
            ("perl -e", &["${branch}"]),
            ("docker-entrypoint.sh", &["-e", "${branch}"]),
            ("docker-entrypoint.sh", &["python3", "-c", "${branch}"]),
            ("tini --", &["${branch}"]),
            ("", &["${branch}", "x"]),
            ("", &["env", "${branch}", "x"]),
        ] {
            assert!(is_refused(entrypoint, written), "{entrypoint} {written:?}");
        }
        for (entrypoint, written) in [
            ("/bin/sh -c", &["echo ${sha}"][..]),
            ("/bin/deploy", &["${branch}"]),
            ("docker-entrypoint.sh", &["node", "x.js", "--", "${branch}"]),
            ("tini --", &["sh", "-c", ""]),
            ("", &["echo", "${branch}"]),
        ] {
            assert!(!is_refused(entrypoint, written), "{entrypoint} {written:?}");
        }
    }
}
