//! GraphQL over HTTP (wire protocol 9): queries, and the mutations that machines of the original use.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Hub;
use super::access::Caller;
use super::access::operations::Operation;
use super::access::sight::by_key;
use super::asked;
use super::changes::{Change, Origin};
use super::goals;
use super::machines::settings::is_shared_setting;
use super::refusal::Refusal;
use super::traces::What;
use crate::access::Resource;
use crate::graph::answer::{Ahead, AnswerError, Answering};
use crate::graph::question::{Operation as Asked, Selection};
use crate::graph::{Question, Schema};

/// Largest question in bytes, variables included.
pub(super) const MAX_QUESTION: usize = 4 * 1024 * 1024;

/// A question as it is sent.
#[derive(Debug, Deserialize)]
struct Request {
    query: String,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
}

/// `POST /graphql/team/{workspace}`.
pub(super) async fn ask(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may(Operation::Ask, &workspace)?;
    let request: Request = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the question cannot be read: {error}")))?;
    let schema = hub.known().schema(&workspace);
    let variables = request.variables.unwrap_or_default();
    let seen = caller.types_seen(Operation::Query, Arc::clone(&schema));
    let question = match Question::read(
        &seen,
        &request.query,
        request.operation_name.as_deref(),
        &variables,
    ) {
        Ok(question) => question,
        Err(error) => return Ok(Json(errors(&error.to_string()))),
    };
    let asking = Asking {
        hub: &hub,
        caller: &caller,
        workspace: &workspace,
        schema: &schema,
        seen: &seen,
        headers: &headers,
    };
    match question.operation {
        Asked::Query => asking.query(&question).await.map(Json),
        Asked::Mutation => asking.mutation(&question).await.map(Json),
        Asked::Subscription => Ok(Json(errors("subscriptions belong into a registration"))),
    }
}

/// What a mutation answers: the id of what it changed, or the fields that are asked of it.
fn said_of(change: &Change, kind: Option<&str>, root: &Selection) -> Value {
    if root.fields.is_empty() {
        return Value::from(change.node.id());
    }
    let field = |asked: &Selection| match asked.name.as_str() {
        "__typename" => Value::from(kind.unwrap_or(&change.node.kind)),
        "id" => Value::from(change.node.id()),
        // What is gone is known by what it was named by.
        name => {
            let own = change.node.body.get(name);
            own.or_else(|| root.argument(name)).cloned().unwrap_or_default()
        }
    };
    let fields = root.fields.iter().map(|asked| (asked.key.clone(), field(asked)));
    Value::Object(fields.collect())
}

fn errors(message: &str) -> Value {
    json!({"data": null, "errors": [{"message": message}]})
}

/// Who asks, and where.
pub(super) struct Asking<'a> {
    pub(super) hub: &'a Hub,
    pub(super) caller: &'a Caller,
    pub(super) workspace: &'a str,
    pub(super) schema: &'a Schema,
    /// What of it they may see.
    seen: &'a Schema,
    /// With what they ask.
    headers: &'a HeaderMap,
}

impl Asking<'_> {
    async fn query(&self, question: &Question) -> Result<Value, Refusal> {
        self.caller.may_somewhere(Operation::Query, self.workspace)?;
        let reader = self.hub.store().reader(self.workspace);
        // What the answer looks up is not looked up again to see whose it is.
        let graph = Ahead::of(&*reader);
        let sight = self.caller.sight(Operation::Query, &graph);
        match Answering::new(self.seen, &graph, &*sight).query(question).await {
            Ok(data) => Ok(json!({ "data": data })),
            Err(AnswerError::Graph(error)) => Err(error.into()),
            Err(
                error @ (AnswerError::TooLarge(_)
                | AnswerError::TooMuch { .. }
                | AnswerError::Argument { .. }),
            ) => Ok(errors(&error.to_string())),
        }
    }

    /// Whether the caller may change what a field is about; what that is.
    async fn may_change(
        &self,
        mutation: &goals::Mutation,
        root: &Selection,
    ) -> Result<Vec<Resource>, Refusal> {
        let about = mutation.about(root);
        let mut resources = about.resources;
        if let Some(first) = resources.first_mut() {
            *first = self
                .repository_meant_by(first, about.repository_key.as_deref())
                .await?;
        }
        if matches!(mutation, goals::Mutation::Channel(_)) {
            self.add_channel_before(root, &mut resources).await?;
        }
        let caller = self.caller.with_forge(about.operation, &resources).await?;
        caller.may_on(about.operation, self.workspace, &resources)?;
        Ok(resources)
    }

    /// The repository that is named, at the forge that is said with it: another forge may have one of the same name.
    async fn repository_meant_by(&self, named: &Resource, key: Option<&str>) -> Result<Resource, Refusal> {
        if let Some(key) = key {
            let graph = self.hub.store().reader(self.workspace);
            if let Some(known) = by_key(&*graph, named, key).await? {
                return Ok(known);
            }
        }
        Ok(self.hub.as_numbered(self.workspace, named.clone()).await?)
    }

    /// Each field on its own: one that is refused is refused alone, and the others share a commit.
    async fn mutation(&self, question: &Question) -> Result<Value, Refusal> {
        let (mut data, mut errors, mut changes) = (Map::new(), Vec::new(), Vec::new());
        for root in &question.roots {
            let refusals = asked::refusals();
            let value = match self.changes_of(root).await {
                Ok(None) => Value::from("Mutation"),
                Ok(Some((made, kind))) => {
                    let said = made.first();
                    let said = said.map_or(Value::Null, |change| said_of(change, kind, root));
                    changes.push(made);
                    said
                }
                Err(refusal) if refusal.status().is_server_error() => return Err(refusal),
                Err(refusal) => {
                    self.note_refused(root, &refusal, refusals);
                    let refused = refusal.to_json();
                    errors.push(
                        json!({"message": refused["message"], "path": [root.key], "extensions": refused}),
                    );
                    Value::Null
                }
            };
            data.insert(root.key.clone(), value);
        }
        if !changes.is_empty() {
            self.keep(changes).await?;
        }
        let mut answer = json!({ "data": data });
        if !errors.is_empty() {
            answer["errors"] = Value::Array(errors);
        }
        Ok(answer)
    }

    /// Writes down that a field was refused, where nothing else has since there were so many refusals.
    fn note_refused(&self, root: &Selection, refusal: &Refusal, refusals: u32) {
        let mutation = goals::Mutation::read(&root.name, self.schema);
        let operation = mutation.map_or(Operation::Ask, |mutation| mutation.about(root).operation);
        self.hub.note_part(operation, refusal, refusals);
    }

    /// Takes changes in. Objects of custom types are events, and each a beginning of something.
    async fn keep(&self, steps: Vec<Vec<Change>>) -> Result<(), Refusal> {
        let is_custom = |kind: &str| self.schema.root(kind).is_some_and(|kind| kind.is_custom);
        let mut kinds = steps.iter().flatten().map(|change| change.node.kind.as_str());
        let event = kinds.find(|kind| is_custom(kind)).map(str::to_owned);
        let taking = event
            .as_ref()
            .and_then(|_| self.hub.begin_trace(What::Event, self.headers));
        let about = [
            ("sdm.workspace", self.workspace),
            ("sdm.event", event.as_deref().unwrap_or_default()),
            ("sdm.by", self.caller.owner()),
        ];
        let are_settings = steps.iter().flatten().any(is_shared_setting);
        self.hub
            .apply_traced(taking, about, (self.workspace, Origin::default()), steps)
            .await?;
        if are_settings {
            self.hub.tell_of_settings(self.workspace);
        }
        Ok(())
    }

    /// The changes that a field is, and what it answers with if that is something else; `None` for the name of the type.
    async fn changes_of(
        &self,
        root: &Selection,
    ) -> Result<Option<(Vec<Change>, Option<&'static str>)>, Refusal> {
        if root.name == "__typename" {
            return Ok(None);
        }
        let mutation = goals::Mutation::read(&root.name, self.schema).ok_or_else(|| {
            Refusal::bad(
                "unknown_field",
                format!("`Mutation` has no field `{}`", root.name),
            )
        })?;
        let about = self.may_change(&mutation, root).await?;
        let mut changes = self.changes(&mutation, root).await?;
        for change in &mut changes {
            self.stand_by(change, &about).await?;
        }
        Ok(Some((changes, mutation.answers_with())))
    }
}
