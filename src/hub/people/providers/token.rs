//! The token of somebody, for whoever asks a forge as them: the one secret that there is.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::model::ImageReference;
use crate::ports::Secrets;
use crate::ports::secrets::{Asker, NotGiven, Opened};

/// What it is called.
pub(super) const THEIR_TOKEN: &str = "token";

/// The token.
pub(super) struct TheirToken(pub(super) SecretString);

#[async_trait]
impl Secrets for TheirToken {
    async fn by_name(&self, name: &str, _asker: &Asker) -> Result<Opened, NotGiven> {
        match name == THEIR_TOKEN {
            true => Ok(Opened {
                name: name.to_owned(),
                kind: String::new(),
                login: None,
                url: None,
                value: self.0.clone(),
            }),
            false => Err(NotGiven::Unknown(name.to_owned())),
        }
    }

    async fn by_type(&self, _kind: &str, _names: &[String], _asker: &Asker) -> Result<Vec<Opened>, NotGiven> {
        Ok(Vec::new())
    }

    async fn for_image(&self, _image: &ImageReference, _asker: &Asker) -> Result<Option<Opened>, NotGiven> {
        Ok(None)
    }

    async fn unseal(&self, _sealed: &str, _asker: &Asker) -> Result<SecretString, NotGiven> {
        Err(NotGiven::Sealed("there is nothing to open it with".to_owned()))
    }
}
