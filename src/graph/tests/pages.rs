//! Pages at sizes at which nobody reads everything.

use serde_json::{Map, Value, json};

use super::memory::{MemoryGraph, world};
use crate::graph::answer::{AnswerError, Answering, Everything, Sight};
use crate::graph::{Question, Schema};
use crate::ports::graph::{GraphError, Node};

async fn answered(graph: &MemoryGraph, sight: &dyn Sight, text: &str) -> Result<Value, AnswerError> {
    let schema = Schema::builtin();
    let question = Question::read(&schema, text, None, &Map::new()).unwrap();
    let answering = Answering::new(&schema, graph, sight);
    answering.query(&question).await.map(Value::Object)
}

async fn ask(graph: &MemoryGraph, text: &str) -> Value {
    answered(graph, &Everything, text).await.unwrap()
}

async fn refused(graph: &MemoryGraph, sight: &dyn Sight, text: &str) -> String {
    answered(graph, sight, text).await.unwrap_err().to_string()
}

/// An organization with so many repositories, and so many issues of the first of them.
fn organization(repositories: usize, issues: usize) -> MemoryGraph {
    let mut graph = MemoryGraph::default()
        .with(
            "Org",
            &["o"],
            &json!({"id": "o", "owner": "acme"}),
            &[("chatTeam", &["t"])],
        )
        .with("ChatTeam", &["t"], &json!({"id": "t"}), &[]);
    for number in 0..repositories {
        let id = format!("r-{number}");
        let body =
            json!({"id": id, "name": format!("n{:05}", repositories - number), "archived": number % 2 == 0});
        graph = graph.with("Repo", &[&id], &body, &[("org", &["o"])]);
    }
    for number in 0..issues {
        let id = format!("i-{number}");
        let body = json!({"id": id, "number": number, "state": if number % 3 == 0 { "open" } else { "closed" }, "title": "t"});
        graph = graph.with("Issue", &[&id], &body, &[("repo", &["r-0"])]);
    }
    graph
}

#[tokio::test]
async fn what_points_at_an_object_is_paged_to_its_end() {
    let graph = organization(1_500, 0);
    let page = async |arguments: &str| {
        let text = format!("{{ ChatTeam {{ orgs {{ repo({arguments}) {{ id }} }} }} }}");
        let repos = ask(&graph, &text).await["ChatTeam"][0]["orgs"][0]["repo"].clone();
        let ids = repos.as_array().unwrap().iter();
        ids.map(|repo| repo["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let far = page("first: 200, offset: 900").await;
    assert_eq!(
        (far.len(), far[0].as_str(), far[199].as_str()),
        (200, "r-900", "r-1099")
    );
    assert_eq!(page("first: 200, offset: 1400").await.len(), 100);
    assert_eq!(page("first: 200, offset: 1500").await.len(), 0);
    assert_eq!(
        page("orderBy: name_asc, first: 2, offset: 1200").await,
        ["r-299", "r-298"]
    );
    assert_eq!(
        page("archived: true, first: 2, offset: 700").await,
        ["r-1400", "r-1402"]
    );
    let text = "{ Org { repos { id } } }";
    let all = ask(&graph, text).await["Org"][0]["repos"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(all, 1_500, "all of them where nobody says how many");
}

#[tokio::test]
async fn what_is_dropped_takes_no_place_in_a_page() {
    let graph = organization(1, 1_200);
    let page = async |arguments: &str| {
        let text = format!("{{ Issue({arguments}) {{ number state @matches(re: \"open\") @required }} }}");
        let issues = ask(&graph, &text).await["Issue"].clone();
        let numbers = issues.as_array().unwrap().iter();
        numbers
            .map(|issue| issue["number"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(page("orderBy: number_asc, first: 3").await, [0, 3, 6]);
    assert_eq!(
        page("orderBy: number_asc, first: 3, offset: 300").await,
        [900, 903, 906]
    );
    assert_eq!(
        page("orderBy: number_asc, first: 3, offset: 398").await,
        [1194, 1197]
    );
    let nested = "{ Repo { issues(first: 2, offset: 1) { number state @matches(re: \"open\") @required } } }";
    assert_eq!(
        ask(&graph, nested).await["Repo"][0]["issues"],
        json!([{"number": 3, "state": "open"}, {"number": 6, "state": "open"}])
    );
}

#[tokio::test]
async fn all_keys_of_an_order_count() {
    let graph = organization(6, 9);
    let text = "{ Issue(orderBy: [state_desc, number_asc], first: 4) { number } \
        Repo(_orderBy: [\"archived\", \"name\"], _ordering: [asc, desc], _first: 4) { id } }";
    let answer = ask(&graph, text).await;
    assert_eq!(
        answer["Issue"],
        json!([{"number": 0}, {"number": 3}, {"number": 6}, {"number": 1}])
    );
    assert_eq!(
        answer["Repo"],
        json!([{"id": "r-1"}, {"id": "r-3"}, {"id": "r-5"}, {"id": "r-0"}])
    );
    for text in [
        "{ Issue(orderBy: nothing_asc) { id } }",
        "{ Issue(_orderBy: \"labels\") { id } }",
    ] {
        let message = refused(&graph, &Everything, text).await;
        assert!(message.contains("that could order"), "{message}");
    }
}

#[tokio::test]
async fn filters_go_into_objects() {
    let graph = world();
    let of = |filter: &str| format!("{{ SdmGoal(repo: {{{filter}}}) {{ uniqueName }} }}");
    assert_eq!(
        ask(&graph, &of("owner: \"acme\", name: [\"x\", \"app\"]")).await["SdmGoal"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(ask(&graph, &of("owner: \"other\"")).await["SdmGoal"], json!([]));
    assert_eq!(
        ask(&graph, &of("owner: null")).await["SdmGoal"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let waiting = "{ SdmGoal(preConditions: {uniqueName: \"build\"}) { uniqueName } }";
    assert_eq!(
        ask(&graph, waiting).await["SdmGoal"],
        json!([{"uniqueName": "publish"}])
    );
    for (text, message) in [
        (
            of("ownr: 1"),
            "`repo` of `SdmGoal`: `ownr`: `SdmRepository` has no such field of its own",
        ),
        (
            "{ SdmGoal(repo: \"acme\") { id } }".to_owned(),
            "`repo` of `SdmGoal`: it is an object: say which fields of `SdmRepository` must have which values, as `{field: value}`",
        ),
        (
            "{ ScmId(emails: {address: \"ada@example.org\"}) { login } }".to_owned(),
            "`emails` of `ScmId`: it holds addresses of people, and nobody is found by those",
        ),
        (
            "{ Push { repo { org(ownr: \"x\") { id } } } }".to_owned(),
            "`ownr` of `org`: `Org` has no such field of its own",
        ),
    ] {
        assert_eq!(refused(&graph, &Everything, &text).await, message);
    }
}

/// Sees nothing.
struct Nothing;

#[async_trait::async_trait]
impl Sight for Nothing {
    async fn sees(&self, _node: &Node) -> Result<bool, GraphError> {
        Ok(false)
    }
}

#[tokio::test]
async fn g4_what_one_question_may_look_at_is_bounded_and_a_short_answer_is_never_taken_for_all() {
    let graph = organization(1, 60_000);
    let root = |number: usize| format!("a{number}: Issue(title: \"none\") {{ id }} ");
    let roots = |count: usize| format!("{{ {} }}", (0..count).map(root).collect::<String>());
    assert_eq!(ask(&graph, &roots(8)).await["a7"], json!([]));
    let message = refused(&graph, &Everything, &roots(9)).await;
    assert!(
        message.starts_with(
            "the question has to look at more than 500000 objects, the last of them of type `Issue`"
        ),
        "{message}"
    );
    let message = refused(&graph, &Nothing, "{ Issue(first: 1) { id } }").await;
    assert!(
        message.contains("more than 500000"),
        "it could not see any, and cannot tell: {message}"
    );
    let message = refused(&graph, &Everything, "{ Issue(first: 30000) { id } }").await;
    assert!(message.contains("more than 20000 objects"), "{message}");
    let page = ask(&graph, "{ Issue(first: 3000) { id } }").await;
    assert_eq!(
        page["Issue"].as_array().unwrap().len(),
        3_000,
        "as many as were asked for"
    );
}
