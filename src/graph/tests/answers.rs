//! What comes back, for questions as clients of the original write them.

use serde_json::{Map, Value, json};

use super::memory::{MemoryGraph, world};
use crate::graph::answer::{AnswerError, Answering, Everything, Sight};
use crate::graph::{Question, Schema};
use crate::ports::graph::{GraphError, Node};

async fn ask_with(graph: &MemoryGraph, text: &str, variables: Value) -> Result<Value, AnswerError> {
    let schema = Schema::builtin();
    let question = Question::read(&schema, text, None, variables.as_object().unwrap_or(&Map::new())).unwrap();
    let answering = Answering::new(&schema, graph, &Everything);
    answering.query(&question).await.map(Value::Object)
}

async fn ask(graph: &MemoryGraph, text: &str) -> Value {
    ask_with(graph, text, Value::Null).await.unwrap()
}

/// What a subscription says of the node of this key.
async fn changed(graph: &MemoryGraph, text: &str, key: &str) -> Option<Value> {
    let schema = Schema::builtin();
    let question = Question::read(&schema, text, None, &Map::new()).unwrap();
    let answering = Answering::new(&schema, graph, &Everything);
    answering
        .changed(&question.roots[0], &graph.node(key))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_push_is_delivered_with_what_hangs_on_it_and_null_for_what_does_not() {
    let subscription = "subscription SetGoalsOnPush { Push { id timestamp branch before { sha } after @required { sha author { login person { name } } image { image } images { image } tags { name } } repo { owner name org { provider { providerId providerType apiUrl } } channels { name } defaultBranch } commits { sha } }}";
    let delivered = changed(&world(), subscription, "push-1").await.unwrap();
    let expected = json!({
        "id": "push-1", "timestamp": null, "branch": "main", "before": {"sha": "a".repeat(40)},
        "after": {"sha": "b".repeat(40), "author": null, "image": null, "images": [], "tags": []},
        "repo": {"owner": "acme", "name": "app", "org": {"provider": {"providerId": "prov-1", "providerType": "ghe", "apiUrl": null}}, "channels": [], "defaultBranch": "main"},
        "commits": [{"sha": "b".repeat(40)}, {"sha": "a".repeat(40)}]
    });
    assert_eq!(delivered, expected);
    assert_eq!(
        changed(&world(), subscription, "push-2").await,
        None,
        "its commit has not come yet"
    );
    assert_eq!(
        changed(&world(), subscription, "goal-build").await,
        None,
        "of another type"
    );
}

#[tokio::test]
async fn a_subscription_to_goals_is_told_by_literals_and_sees_every_goal_of_the_push() {
    let text = "subscription RequestDownstream { SdmGoal(state: [success, stopped] registration: [\"@acme/sdm\"]) { uniqueName state ts push { id goals { uniqueName state preConditions { uniqueName } } } } }";
    let delivered = changed(&world(), text, "goal-build").await.unwrap();
    assert_eq!(delivered["ts"], json!(1_795_296_820_218_u64), "53-bit integers");
    assert_eq!(
        delivered["push"]["goals"],
        json!([
            {"uniqueName": "build", "state": "success", "preConditions": []},
            {"uniqueName": "publish", "state": "planned", "preConditions": [{"uniqueName": "build"}]}
        ])
    );
    assert_eq!(
        changed(&world(), text, "goal-publish").await,
        None,
        "planned is not asked for"
    );
    let foreign = "subscription X { SdmGoal(registration: [\"@other/sdm\"]) { id } }";
    assert_eq!(changed(&world(), foreign, "goal-build").await, None);
}

#[tokio::test]
async fn typename_is_answered_at_every_depth() {
    let text = "query Q($set: [String!]) { SdmGoal(goalSetId: $set, uniqueName: [\"publish\"]) { id preConditions { environment __typename } repo { owner __typename } __typename } }";
    let answer = ask_with(&world(), text, json!({"set": ["set-1"]})).await.unwrap();
    assert_eq!(
        answer,
        json!({"SdmGoal": [{
            "id": "goal-publish",
            "preConditions": [{"environment": "0-code", "__typename": "SdmCondition"}],
            "repo": {"owner": "acme", "__typename": "SdmRepository"},
            "__typename": "SdmGoal"
        }]})
    );
}

#[tokio::test]
async fn no_match_is_an_empty_list_and_null_filters_nothing() {
    let none = ask(
        &world(),
        "{ SdmGoal(goalSetId: [\"x\"], state: [canceled], _showHistory: true) { id } }",
    )
    .await;
    assert_eq!(none, json!({"SdmGoal": []}));
    for filter in ["null", "[null]", "[]"] {
        let all = ask(&world(), &format!("{{ SdmGoal(goalSetId: {filter}) {{ id }} }}")).await;
        assert_eq!(all["SdmGoal"].as_array().unwrap().len(), 2, "{filter}");
    }
    let one = ask(&world(), "{ SdmGoal(version: 3) { id } }").await;
    assert_eq!(
        one,
        json!({"SdmGoal": [{"id": "goal-build"}]}),
        "a single literal stands for a list"
    );
    let text = ask(&world(), "{ SdmGoal(version: \"3\") { id } }").await;
    assert_eq!(text, one, "numbers and texts that read alike");
}

#[tokio::test]
async fn required_drops_up_to_the_root_and_a_list_only_loses_the_element() {
    let graph = world();
    let text = "{ Push(branch: main) { id repo { name channels @required { name } } } }";
    assert_eq!(
        ask(&graph, text).await,
        json!({"Push": []}),
        "no channel, so no repository, so no push"
    );
    let text = "{ Push(branch: main) { commits { sha author @required { login } } } }";
    assert_eq!(
        ask(&graph, text).await,
        json!({"Push": [{"commits": [{"sha": "a".repeat(40), "author": {"login": "jess"}}]}]})
    );
    let text = "{ Push(branch: main) { commits @required { author @required { login name @required } } } }";
    assert_eq!(
        ask(&graph, text).await,
        json!({"Push": []}),
        "nothing is left of the list"
    );
}

/// Sees everything but nodes of one type.
struct Without(&'static str);

#[async_trait::async_trait]
impl Sight for Without {
    async fn sees(&self, node: &Node) -> Result<bool, GraphError> {
        Ok(node.kind != self.0)
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_as_if_it_were_not_there() {
    let (schema, graph) = (Schema::builtin(), world());
    let text = "{ Push(branch: main) { id repo { name } commits { sha } } Repo { id } }";
    let question = Question::read(&schema, text, None, &Map::new()).unwrap();
    let answering = Answering::new(&schema, &graph, &Without("Repo"));
    let answer = Value::Object(answering.query(&question).await.unwrap());
    assert_eq!(answer["Push"][0]["repo"], Value::Null);
    assert_eq!(answer["Push"][0]["commits"].as_array().unwrap().len(), 2);
    assert_eq!(answer["Repo"], json!([]));
}

/// Sees everything but the node of this id.
struct WithoutNode(&'static str);

#[async_trait::async_trait]
impl Sight for WithoutNode {
    async fn sees(&self, node: &Node) -> Result<bool, GraphError> {
        Ok(node.id() != self.0)
    }
}

#[tokio::test]
async fn what_may_not_be_seen_takes_no_place_in_a_page() {
    let schema = Schema::builtin();
    let mut graph = world();
    for number in 0..450 {
        let id = format!("issue-{number:03}");
        graph = graph.with("Issue", &[&id], &json!({"id": id, "number": number}), &[]);
    }
    let sight = WithoutNode("goal-publish");
    let answer = async |text: &str| {
        let question = Question::read(&schema, text, None, &Map::new()).unwrap();
        let answering = Answering::new(&schema, &graph, &sight);
        Value::Object(answering.query(&question).await.unwrap())
    };
    let text = "{ SdmGoal(orderBy: uniqueName_desc, first: 1) { uniqueName } \
        Push(branch: main) { goals(orderBy: uniqueName_desc, first: 1) { uniqueName } } }";
    let first = answer(text).await;
    let build = json!([{"uniqueName": "build"}]);
    assert_eq!((&first["SdmGoal"], &first["Push"][0]["goals"]), (&build, &build));
    let second = answer("{ SdmGoal(orderBy: uniqueName_desc, first: 1, offset: 1) { uniqueName } }").await;
    assert_eq!(
        second,
        json!({"SdmGoal": []}),
        "there is no second one to be seen"
    );
    let far = answer("{ Issue(orderBy: id_asc, first: 2, offset: 430) { id } }").await;
    assert_eq!(far["Issue"], json!([{"id": "issue-430"}, {"id": "issue-431"}]));
}

#[tokio::test]
async fn filters_on_nested_fields_leave_the_parent_unless_required() {
    let graph = world();
    let plain = ask(
        &graph,
        "{ Push(branch: \"main\") { id repo(owner: \"other\") { name } goals(state: failure) { id } } }",
    )
    .await;
    assert_eq!(
        plain,
        json!({"Push": [{"id": "push-1", "repo": null, "goals": []}]})
    );
    let required = ask(
        &graph,
        "{ Push(branch: \"main\") { id goals(state: failure) @required { id } } }",
    )
    .await;
    assert_eq!(required, json!({"Push": []}));
    let met = ask(&graph, "{ Push { id goals(state: success) @required { id } } }").await;
    assert_eq!(
        met,
        json!({"Push": [{"id": "push-1", "goals": [{"id": "goal-build"}]}]})
    );
}

#[tokio::test]
async fn conditions_make_a_field_count_as_absent() {
    let not = ask(
        &world(),
        "{ SdmGoal { uniqueName @ne(value: \"build\") @required } }",
    )
    .await;
    assert_eq!(not, json!({"SdmGoal": [{"uniqueName": "publish"}]}));
    let matching = ask(
        &world(),
        "{ SdmGoal { uniqueName @matches(re: \"^pub\") @required } }",
    )
    .await;
    assert_eq!(matching, not);
}

#[tokio::test]
async fn pages_are_cut_from_what_is_ordered() {
    let first = ask(
        &world(),
        "{ SdmGoal(_orderBy: \"uniqueName\", _ordering: desc, _first: 1) { uniqueName } }",
    )
    .await;
    assert_eq!(first, json!({"SdmGoal": [{"uniqueName": "publish"}]}));
    let second = ask(
        &world(),
        "{ SdmGoal(orderBy: [uniqueName_desc], first: 1, offset: 1) { uniqueName } }",
    )
    .await;
    assert_eq!(second, json!({"SdmGoal": [{"uniqueName": "build"}]}));
    let nested = ask(
        &world(),
        "{ Push(branch: \"main\") { goals(orderBy: uniqueName_desc, first: 1) { uniqueName } } }",
    )
    .await;
    assert_eq!(nested["Push"][0]["goals"], json!([{"uniqueName": "publish"}]));
}

#[tokio::test]
async fn fragments_and_aliases_are_what_they_stand_for() {
    let text =
        "query { one: Push(branch: main) { ...P } } fragment P on Push { id ... on Push { where: branch } }";
    let answer = ask(&world(), text).await;
    assert_eq!(answer, json!({"one": [{"id": "push-1", "where": "main"}]}));
}

#[tokio::test]
async fn an_argument_that_is_no_field_is_refused() {
    let error = ask_with(&world(), "{ Push(brnch: \"main\") { id } }", Value::Null)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`brnch` of `Push`: `Push` has no such field of its own"
    );
}

#[tokio::test]
async fn an_answer_takes_so_many_objects_and_no_more() {
    let mut graph = MemoryGraph::default();
    for number in 0..300 {
        let id = format!("push-{number}");
        graph = graph.with("Push", &[&id], &json!({"id": id}), &[("repo", &["r"])]);
    }
    let commits: Vec<String> = (0..100).map(|number| format!("c-{number}")).collect();
    let commits: Vec<&str> = commits.iter().map(String::as_str).collect();
    for commit in &commits {
        graph = graph.with("Commit", &[commit], &json!({"id": commit}), &[]);
    }
    for number in 0..300 {
        let id = format!("full-{number}");
        graph = graph.with("Push", &[&id], &json!({"id": id}), &[("commits", &commits)]);
    }
    let error = ask_with(&graph, "{ Push(_first: 600) { id commits { id } } }", Value::Null)
        .await
        .unwrap_err();
    assert!(matches!(error, AnswerError::TooLarge(_)), "{error}");
}

/// So many pushes, each with a commit of somebody, a repository and goals.
fn many_pushes(count: usize) -> MemoryGraph {
    (0..count).fold(world(), |graph, number| {
        let (push, commit, goal) = (
            format!("pushed-{number}"),
            format!("commit-{number}"),
            format!("goal-of-{number}"),
        );
        graph
            .with(
                "Commit",
                &[&commit, &format!("also-{commit}")],
                &json!({"sha": commit}),
                &[("author", &["prov-1/jess"])],
            )
            .with(
                "Push",
                &[&push],
                &json!({"id": push, "branch": "many"}),
                &[("after", &[&format!("also-{commit}")]), ("repo", &["repo-7"])],
            )
            .with(
                "SdmGoal",
                &[&goal],
                &json!({"uniqueName": goal}),
                &[("push", &[&push])],
            )
    })
}

#[tokio::test]
async fn the_graph_is_asked_once_for_each_level_and_not_for_each_node() {
    let question = "{ Push(branch: \"many\", _first: 500) { id repo { name org { provider { providerId } } channels { name } } after { sha author { login } pushes { id } } goals { uniqueName } } }";
    let (few, many) = (many_pushes(2), many_pushes(300));
    let few_answer = ask(&few, question).await;
    let answer = ask(&many, question).await;
    assert!(
        many.asked() <= few.asked() + 12,
        "{} and {}",
        many.asked(),
        few.asked()
    );
    let pushes = answer["Push"].as_array().unwrap();
    assert_eq!(pushes.len(), 300);
    for push in pushes {
        let number = push["id"].as_str().unwrap().strip_prefix("pushed-").unwrap();
        assert_eq!(push["after"]["sha"], json!(format!("commit-{number}")));
        assert_eq!(push["after"]["author"]["login"], json!("jess"));
        assert_eq!(push["after"]["pushes"], json!([{"id": push["id"]}]));
        assert_eq!(
            push["goals"],
            json!([{"uniqueName": format!("goal-of-{number}")}])
        );
        assert_eq!(push["repo"]["org"]["provider"]["providerId"], json!("prov-1"));
    }
    assert_eq!(
        few_answer["Push"][0],
        pushes
            .iter()
            .find(|push| push["id"] == "pushed-1")
            .unwrap()
            .clone()
    );
}

/// Sees everything but addresses, except of who made a commit.
struct WithoutAddresses;

#[async_trait::async_trait]
impl Sight for WithoutAddresses {
    async fn sees(&self, _node: &Node) -> Result<bool, GraphError> {
        Ok(true)
    }
}

#[tokio::test]
async fn addresses_are_shown_with_the_commits_that_carry_them() {
    let emails = json!([{"address": "ada@example.org"}]);
    let graph = MemoryGraph::default()
        .with(
            "ScmId",
            &["f/ada"],
            &json!({"login": "ada", "emails": emails}),
            &[],
        )
        .with(
            "ScmId",
            &["f/mail/eve@example.org"],
            &json!({"login": "eve@example.org", "emails": emails}),
            &[],
        )
        .with(
            "Commit",
            &["c"],
            &json!({"sha": "c"}),
            &[("author", &["f/ada"]), ("committer", &["f/mail/eve@example.org"])],
        )
        .with(
            "Issue",
            &["i"],
            &json!({"number": 1}),
            &[("openedBy", &["f/ada"])],
        );
    let text = "{ ScmId { login emails { address } } Issue { openedBy { login emails { address } } } \
        Commit { author { emails { address } } committer { login } } }";
    let schema = Schema::builtin();
    let question = Question::read(&schema, text, None, &Map::new()).unwrap();
    let of = async |sight: &dyn Sight| {
        Value::Object(
            Answering::new(&schema, &graph, sight)
                .query(&question)
                .await
                .unwrap(),
        )
    };
    let part = of(&WithoutAddresses).await;
    assert_eq!(part["ScmId"], json!([{"login": "ada", "emails": []}]));
    assert_eq!(
        part["Issue"][0]["openedBy"],
        json!({"login": "ada", "emails": []})
    );
    assert_eq!(
        part["Commit"],
        json!([{"author": {"emails": emails}, "committer": {"login": "eve@example.org"}}])
    );
    let all = of(&Everything).await;
    assert_eq!(all["ScmId"].as_array().unwrap().len(), 2);
    assert_eq!(all["Issue"][0]["openedBy"]["emails"], emails);
}
