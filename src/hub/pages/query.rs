//! The graph: a page to ask it, with its types beside it. It only reads; whoever looks sees what they may.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::Hub;
use super::super::refusal::Refusal;
use super::assets;
use super::form::Form;
use super::layout::{Document, Refused, Tab};
use super::look::Look;
use super::operations::Page;
use super::text::{Lines, Name, Shown, step};
use crate::graph::answer::Answering;
use crate::graph::question::Operation as Asked;
use crate::graph::schema::{FieldDefinition, Holds, TypeDefinition};
use crate::graph::{Question, Schema};

/// Longest question that is asked here, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// Longest answer that is shown, in bytes.
const MOST_SHOWN: usize = 512 * 1024;

/// What stands there first.
const FIRST: &str = "query LastPushes {\n  Push(_first: 5) {\n    branch\n    timestamp\n    after { sha message }\n    repo { owner name }\n    goalSets { goalSet state }\n  }\n}\n";

/// What is to stand there, for whoever comes with a question of somebody else's.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    query: Option<String>,
}

/// A question as it is written, and what came of it.
#[derive(Default)]
struct Written {
    question: String,
    variables: String,
    outcome: Option<Outcome>,
}

/// What came of a question.
enum Outcome {
    /// Its answer.
    Answer(String),
    /// What is wrong with it.
    Problem(String),
}

/// `GET /workspaces/{workspace}/graph`: asks nothing by itself.
pub(super) async fn show(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    Query(given): Query<Given>,
    headers: HeaderMap,
) -> Result<Document, Refused> {
    let look = Look::open(&hub, &headers, &workspace, Page::Graph).await?;
    let written = Written {
        question: given.query.unwrap_or_else(|| FIRST.to_owned()),
        ..Written::default()
    };
    Ok(page(&look, &written))
}

/// `POST /workspaces/{workspace}/graph`.
pub(super) async fn ask(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Document, Refused> {
    let look = Look::open(&hub, &headers, &workspace, Page::AskGraph).await?;
    let form = Form::read(&body);
    let (question, variables) = (form.text("query").to_owned(), form.text("variables").to_owned());
    let outcome = match answer(&look, &question, &variables).await? {
        Ok(answer) => Outcome::Answer(answer),
        Err(problem) => Outcome::Problem(problem),
    };
    let written = Written {
        question,
        variables,
        outcome: Some(outcome),
    };
    Ok(page(&look, &written))
}

/// The answer as text, or what is wrong with the question.
async fn answer(look: &Look, question: &str, variables: &str) -> Result<Result<String, String>, Refusal> {
    let variables: Map<String, Value> = match variables.trim() {
        "" => Map::new(),
        text => match serde_json::from_str(text) {
            Ok(variables) => variables,
            Err(error) => return Ok(Err(format!("the variables are no object of JSON: {error}"))),
        },
    };
    let schema = look.schema();
    let question = match Question::read(&schema, question, None, &variables) {
        Ok(question) if question.operation == Asked::Query => question,
        Ok(_) => return Ok(Err("this page only reads: ask a query".to_owned())),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let graph = look.graph();
    let sight = look.sight(&*graph);
    match Answering::new(&schema, &*graph, &*sight).query(&question).await {
        Ok(data) => {
            let data = json!({ "data": data });
            Ok(Ok(serde_json::to_string_pretty(&data).unwrap_or_default()))
        }
        Err(crate::graph::answer::AnswerError::Graph(error)) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn page(look: &Look, written: &Written) -> Document {
    let address = Tab::Graph.address(&look.workspace);
    let schema = look.schema();
    let content = html! {
        div.bar { h1 { "Graph" } }
        div.beside {
            div {
                form.ask method="post" action=(address) {
                    (look.token())
                    div.field {
                        label for="query" { "Question" }
                        textarea #query name="query" rows="14" spellcheck="false" autocapitalize="off" autocomplete="off"
                            data-schema={ (address) "/schema" } aria-describedby="query-help" { "\n" (written.question) }
                        p.hint #query-help { "Fields that machines of the original know; " code { "@required" } ", filters by name, " code { "_first" } ", " code { "_offset" } "." }
                    }
                    div.field {
                        label for="variables" { "Variables" }
                        textarea #variables name="variables" rows="3" spellcheck="false" placeholder="{\"branch\": \"main\"}" { "\n" (written.variables) }
                    }
                    p { button.main { "Ask" } }
                }
                @if let Some(outcome) = &written.outcome { (shown(outcome)) }
            }
            (types(&schema))
        }
        script src=(assets::address("graph.js")) defer {}
    };
    Document::of(&look.frame(Some(Tab::Graph)), "Graph", &content)
}

fn shown(outcome: &Outcome) -> Markup {
    html! {
        section aria-labelledby="answer" {
            h2 #answer { "Answer" }
            @match outcome {
                Outcome::Answer(text) => { pre.answer tabindex="0" { (Lines(text, MOST_SHOWN)) } }
                Outcome::Problem(problem) => { p.notice.bad role="alert" { (Shown(problem)) } }
            }
        }
    }
}

fn types(schema: &Schema) -> Markup {
    html! {
        section.types aria-labelledby="types" {
            h2 #types { "Types" }
            @for kind in schema.types().filter(|kind| kind.is_root) { (one_type(kind)) }
            @for kind in schema.types().filter(|kind| !kind.is_root) { (one_type(kind)) }
        }
    }
}

fn one_type(kind: &TypeDefinition) -> Markup {
    html! {
        details #{ "type-" (kind.name) } {
            summary { code { (Name(&kind.name)) } @if !kind.is_root { " " span.dim { "part of others" } } @if kind.is_custom { " " span.dim { "of a machine" } } }
            @if let Some(description) = &kind.description { p.dim { (Shown(description)) } }
            ul {
                @for field in &kind.fields {
                    li { code { (Name(&field.name)) } " " (holds(field)) }
                }
            }
        }
    }
}

fn holds(field: &FieldDefinition) -> Markup {
    let (open, close) = if field.is_list { ("[", "]") } else { ("", "") };
    html! {
        span.dim { (open)
            @match &field.holds {
                Holds::Scalar(name) => (Name(name)),
                Holds::Embedded(name) | Holds::Link(name) | Holds::Reverse { of: name, .. } => a href={ "#type-" (step(name)) } { (Name(name)) }
            }
            (close) }
    }
}

/// `GET /workspaces/{workspace}/graph/schema`: the types, for the script that completes questions.
pub(super) async fn schema(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let look = Look::open(&hub, &headers, &workspace, Page::GraphSchema).await?;
    Ok(Json(described(&look.schema())))
}

/// For each type whether it can be asked for by name, and for each of its fields the type of the objects it holds or `null`.
fn described(schema: &Schema) -> Value {
    let types: Map<String, Value> = schema
        .types()
        .map(|kind| {
            let fields: Map<String, Value> = kind
                .fields
                .iter()
                .map(|field| (field.name.clone(), json!(field.holds.object())))
                .collect();
            (kind.name.clone(), json!({"root": kind.is_root, "fields": fields}))
        })
        .collect();
    json!({ "types": types })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_told_every_type() {
        let described = described(&Schema::builtin());
        assert_eq!(described["types"]["Push"]["root"], json!(true));
        assert_eq!(described["types"]["Push"]["fields"]["after"], json!("Commit"));
        assert_eq!(described["types"]["Push"]["fields"]["branch"], Value::Null);
    }

    #[test]
    fn the_first_question_fits_the_graph() {
        let schema = Schema::builtin();
        for question in [
            FIRST,
            super::super::entry::QUESTION,
            super::super::goal_set::QUESTION,
            super::super::entry::LONE_QUESTION,
        ] {
            assert!(
                Question::read(&schema, question, None, &Map::new()).is_ok(),
                "{question}"
            );
        }
    }
}
