//! `POST /graphql`, without a workspace: what the original's command line asks to log in (wire protocol 16). With the token of a sign-in it
//! makes itself one key; with a key it asks who it is, and for which workspaces.

use std::sync::LazyLock;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::agreed::Agreeing;
use super::super::access::make_key::{make_key, not_made};
use super::super::administration::KeyWish;
use super::super::refusal::Refusal;
use super::login::TOKEN;
use crate::access::PersonId;
use crate::graph::question::{Operation, Selection};
use crate::graph::{Question, Schema};
use crate::ports::hub::StoredKey;
use crate::runtime::clock::RandomIds;

/// Longest description of a key, in characters.
const LONGEST_DESCRIPTION: usize = 200;

const TYPES: &str = "type user @rootType { id: ID principal: LoginPrincipal person: [LoginPerson] }
    type personByIdentity @rootType { id: ID name: String email: String team: LoginTeam user: LoginUser }
    type LoginTeam { id: ID name: String }
    type LoginUser { principal: LoginPrincipal }
    type LoginPrincipal { pid: String sub: String }
    type LoginPerson { id: ID name: String email: String }";

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::builtin()
        .with_custom(TYPES)
        .expect("a test reads the types")
});

/// A question as it is sent.
#[derive(Debug, Deserialize)]
struct Asked {
    query: String,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
}

/// `POST /graphql`.
pub(in super::super) async fn ask(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the question cannot be read: {error}")))?;
    let variables = asked.variables.unwrap_or_default();
    let question = match Question::read(&SCHEMA, &asked.query, asked.operation_name.as_deref(), &variables) {
        Ok(question) => question,
        Err(error) => {
            return Ok(Json(
                json!({"data": null, "errors": [{"message": error.to_string()}]}),
            ));
        }
    };
    let mut data = Map::new();
    match (question.operation, token(&headers)) {
        (Operation::Mutation, Some(token)) => {
            let [root] = question.roots.as_slice() else {
                return Err(elsewhere());
            };
            if root.name != "createApiKey" {
                return Err(elsewhere());
            }
            let made = hub.make_own_key(token, root).await?;
            data.insert(root.key.clone(), projected(&made, &root.fields));
        }
        (Operation::Query, _) => {
            let caller = hub.caller(&headers).await?;
            for root in &question.roots {
                let value = hub.about_oneself(&caller, &root.name).await?;
                data.insert(root.key.clone(), projected(&value, &root.fields));
            }
        }
        (Operation::Mutation, None) => {
            // Whoever has a key makes no other by it.
            return Err(Refusal::unauthenticated(
                "keys are made with a sign-in, not with a key",
            ));
        }
        (Operation::Subscription, _) => return Err(elsewhere()),
    }
    Ok(Json(json!({ "data": data })))
}

/// What is not asked here.
fn elsewhere() -> Refusal {
    let message = "here is asked for `user`, `personByIdentity` and `createApiKey`, each alone; everything else is asked of a workspace, at \
                   /graphql/team/WORKSPACE";
    Refusal::bad("unknown_field", message)
}

/// Whether somebody brings such a token.
pub(in super::super) fn brings_login(headers: &HeaderMap) -> bool {
    token(headers).is_some()
}

/// The token of a program on its way to a key.
fn token(headers: &HeaderMap) -> Option<&str> {
    let sent = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = sent.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    text.trim().strip_prefix(TOKEN).filter(|_| is_bearer)
}

/// Of a value what is asked for.
fn projected(value: &Value, asked: &[Selection]) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(|item| projected(item, asked)).collect()),
        Value::Object(fields) if !asked.is_empty() => {
            let field = |one: &Selection| {
                let value = fields.get(&one.name).unwrap_or(&Value::Null);
                (one.key.clone(), projected(value, &one.fields))
            };
            Value::Object(asked.iter().map(field).collect())
        }
        other => other.clone(),
    }
}

/// A key as it is told once.
fn told(key: &StoredKey, text: &str, description: &str, person: &str) -> Value {
    json!({
        "__typename": "ApiKey", "id": key.id, "key": text, "description": description, "createdAt": key.created.rfc3339(), "lastUsed": null,
        "owner": {"__typename": "User", "id": person},
    })
}

impl Hub {
    /// Makes the key of a program that somebody has signed in with, for which the token is used up.
    async fn make_own_key(&self, token: &str, root: &Selection) -> Result<Value, Refusal> {
        let person = self.person_of_token(token).await?;
        let workspaces: Vec<String> = self.workspaces_that_are_there().await?.into_iter().collect();
        if workspaces.is_empty() {
            return Err(Refusal::conflict(
                "there is no workspace yet: somebody must make its first key",
            ));
        }
        let by = PersonId::parse(&person).map_err(|error| Refusal::bad("invalid_id", error.to_string()))?;
        let wish = KeyWish {
            name: person.clone(),
            is_person: true,
            workspaces,
            ..KeyWish::default()
        };
        let agreeing = Agreeing {
            by: &by,
            caller: None,
            at: self.now(),
            ids: &RandomIds,
        };
        let changing = self.rights().changing_keys().await;
        let (key, text) = make_key(self.store(), &wish, &agreeing).await.map_err(not_made)?;
        self.rights()
            .learn([key.clone()], Some(key.owner.as_str()), self.now());
        drop(changing);
        let description = root
            .argument("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let description: String = description.chars().take(LONGEST_DESCRIPTION).collect();
        tracing::info!(
            person,
            key = key.id,
            description,
            "a program has got a key by a sign-in"
        );
        Ok(told(&key, &text, &description, &person))
    }

    /// What somebody is told of themselves.
    async fn about_oneself(&self, caller: &Caller, field: &str) -> Result<Value, Refusal> {
        let id = caller.owner();
        let principal = json!({"__typename": "Principal", "pid": id, "sub": id});
        let name = match caller.is_person() {
            true => self
                .store()
                .person(caller.name())
                .await?
                .map(|person| person.name),
            false => None,
        };
        let name = name.unwrap_or_else(|| caller.name().to_owned());
        match field {
            "__typename" => Ok(json!("Query")),
            "user" => {
                let person = json!({"__typename": "Person", "id": id, "name": name, "email": null});
                Ok(json!({"__typename": "User", "id": id, "principal": principal, "person": [person]}))
            }
            "personByIdentity" => {
                let workspaces = match caller.key() {
                    Ok(key) => key.workspaces.clone(),
                    Err(_) => self.workspaces_that_are_there().await?.into_iter().collect(),
                };
                let one = |workspace: &String| {
                    json!({
                        "__typename": "Person", "id": id, "name": name, "email": null,
                        "team": {"__typename": "Team", "id": workspace, "name": workspace},
                        "user": {"__typename": "User", "principal": principal},
                    })
                };
                Ok(Value::Array(workspaces.iter().map(one).collect()))
            }
            _ => Err(elsewhere()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_original_asks_can_be_read() {
        for query in [
            "query User { user { person { email __typename } __typename } }",
            "query PersonByIdentity { personByIdentity { team { id name } user { principal { pid sub } } } }",
            "mutation createKey($description: String!) { createApiKey(description: $description) { id key owner { id } } }",
        ] {
            let read = Question::read(&SCHEMA, query, None, &Map::new());
            assert!(read.is_ok(), "{query}: {read:?}");
        }
    }

    #[test]
    fn what_is_not_asked_for_is_not_told() {
        let query = "{ user { person { email } } }";
        let question = Question::read(&SCHEMA, query, None, &Map::new()).unwrap();
        let value = json!({"id": "person:ada", "person": [{"id": "x", "email": "ada@example.org"}]});
        assert_eq!(
            projected(&value, &question.roots[0].fields),
            json!({"person": [{"email": "ada@example.org"}]})
        );
    }
}
