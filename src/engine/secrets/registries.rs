//! Logins with which the images of goals are fetched: secrets of type `docker`, by the address of their registry. A goal need
//! not ask for them, and its containers never see them: only whoever fetches does.

use secrecy::{ExposeSecret, SecretString};

use super::{Asker, asker, containers_of, runs_containers};
use crate::engine::Engine;
use crate::kinds::GoalContext;
use crate::kinds::process::{ProcessRequest, Step};
use crate::model::{Goal, ImageReference};
use crate::ports::containers::{LOGINS, Login, Pull, RegistryLogin};
use crate::ports::executor::SecretText;
use crate::ports::store::GoalSetRecord;

impl Engine {
    /// How to log in for an image of a goal; `None` when nothing is for it.
    pub(in crate::engine) async fn login_for(
        &self,
        image: &str,
        (record, goal): (&GoalSetRecord, &Goal),
    ) -> Option<Login> {
        self.login(image, &asker(record, goal))
            .await
            .map(|(login, _)| login)
    }

    /// With the value that must stay out of logs.
    async fn login(&self, image: &str, asker: &Asker) -> Option<(Login, Option<SecretString>)> {
        let image = ImageReference::parse(image).ok()?;
        match self.parts.secrets.for_image(&image, asker).await {
            Ok(found) => found.map(|opened| {
                let login = Login::As {
                    secret: opened.name,
                    user: opened.login.unwrap_or_default(),
                    password: SecretText::new(opened.value.expose_secret()),
                };
                (login, Some(opened.value))
            }),
            Err(refusal) => Some((Login::NotHad(refusal.to_string()), None)),
        }
    }

    /// Gives the steps that drive an engine what they fetch their images with. Returns the values.
    pub(super) async fn give_logins(
        &self,
        context: &GoalContext<'_>,
        request: &mut ProcessRequest,
    ) -> Vec<SecretString> {
        let asker = asker(context.record, context.goal);
        let mut values = Vec::new();
        for step in request.steps.iter_mut().filter(|step| runs_containers(step)) {
            let mut logins = Vec::new();
            for image in images_of(step) {
                if let Some((login, value)) = self.login(&image, &asker).await {
                    values.extend(value);
                    logins.push(RegistryLogin { image, login });
                }
            }
            if !logins.is_empty() {
                let text = serde_json::to_string(&logins).expect("logins are made of texts");
                step.secrets
                    .descriptors
                    .push((LOGINS.to_owned(), SecretText::new(&text)));
            }
        }
        values
    }
}

/// The images that a step may fetch, each once.
fn images_of(step: &Step) -> Vec<String> {
    let orders = containers_of(step).into_iter();
    let all = orders.flat_map(|order| order.init_containers.into_iter().chain(order.containers));
    let fetched = all.filter(|container| container.pull != Pull::Never);
    let mut images: Vec<String> = fetched.map(|container| container.image).collect();
    images.sort_unstable();
    images.dedup();
    images
}
