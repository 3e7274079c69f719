//! Parameters of a command: what is given, what is missing, what is wrong — all of it at once, before anything starts
//! (semantics 5.2, threat D8).

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::kinds::lookup::at_path;
use crate::model::parameter::{MAPPED, OF_REPOSITORY};
use crate::model::suggest;
use crate::model::{ParameterDefinition, ParameterSource, Repository};

/// What a command is given.
#[derive(Debug, Default)]
pub struct Given {
    /// Values by name.
    pub values: Map<String, Value>,
    /// Secret values by name.
    pub secrets: BTreeMap<String, SecretString>,
    /// The token of whoever asks, where somebody gives one, or why there is none.
    pub caller_token: Option<Result<SecretString, String>>,
    /// The token that the hub has for all repositories, where it gives one.
    pub org_token: Option<SecretString>,
}

/// Checked values.
#[derive(Debug, Default)]
pub struct Bound {
    /// With their types; defaults filled in.
    pub values: Map<String, Value>,
    /// Secret ones.
    pub secrets: BTreeMap<String, SecretString>,
    /// Names of values that each repository fills in for itself.
    pub of_repository: Vec<String>,
}

/// What is wrong with one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterProblem {
    /// Which.
    pub name: String,
    /// What, as a sentence without the name.
    pub problem: String,
    /// Whether asking for it would help.
    pub can_be_asked: bool,
}

impl std::fmt::Display for ParameterProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "--{}: {}", self.name, self.problem)
    }
}

/// Where values come from that nobody gives.
pub struct Surroundings<'a> {
    /// Of the machine, by the names of [`MAPPED`]; those of a repository are left to it.
    pub mapped: &'a dyn Fn(&str) -> Option<Value>,
    /// Values of the configuration.
    pub configured: &'a Value,
    /// Preferences of the machine, for what the configuration does not say.
    pub preferences: &'a BTreeMap<String, Value>,
}

/// Checks everything that is given against what is wanted.
///
/// # Errors
/// Every problem, in the order of the parameters.
pub fn bind(
    wanted: &[ParameterDefinition],
    given: &Given,
    surroundings: &Surroundings<'_>,
) -> Result<Bound, Vec<ParameterProblem>> {
    let mut bound = Bound::default();
    let mut problems = unknown(wanted, given);
    for definition in wanted {
        if let Err(problem) = bind_one(definition, given, surroundings, &mut bound) {
            let can_be_asked = definition.is_given() && definition.displayable;
            problems.push(ParameterProblem {
                name: definition.name.clone(),
                problem,
                can_be_asked,
            });
        }
    }
    match problems.is_empty() {
        true => Ok(bound),
        false => Err(problems),
    }
}

fn bind_one(
    definition: &ParameterDefinition,
    given: &Given,
    surroundings: &Surroundings<'_>,
    bound: &mut Bound,
) -> Result<(), String> {
    let name = &definition.name;
    let value = match &definition.source {
        ParameterSource::Person => given.values.get(name).or(definition.default.as_ref()).cloned(),
        ParameterSource::Secret => return bind_secret(definition, given, bound),
        ParameterSource::CallerToken(_) => return bind_caller_token(definition, given, bound),
        ParameterSource::OrgToken => return bind_org_token(definition, given, bound),
        ParameterSource::Mapped(source) if OF_REPOSITORY.contains(&source.as_str()) => {
            bound.of_repository.push(name.clone());
            return Ok(());
        }
        ParameterSource::Mapped(source) => (surroundings.mapped)(source),
        ParameterSource::Value(key) => at_path(surroundings.configured, key)
            .or_else(|| surroundings.preferences.get(key))
            .cloned(),
    };
    match value {
        Some(value) => {
            bound.values.insert(name.clone(), definition.read(&value)?);
            Ok(())
        }
        None if definition.required => Err(missing(definition)),
        None => Ok(()),
    }
}

fn bind_secret(definition: &ParameterDefinition, given: &Given, bound: &mut Bound) -> Result<(), String> {
    match given.secrets.get(&definition.name) {
        Some(secret) => {
            definition.read(&Value::from(secret.expose_secret()))?;
            bound.secrets.insert(definition.name.clone(), secret.clone());
            Ok(())
        }
        None if definition.required => Err(missing(definition)),
        None => Ok(()),
    }
}

/// The token of whoever asks; that there is none is no problem unless the command cannot do without (CM-13).
fn bind_caller_token(
    definition: &ParameterDefinition,
    given: &Given,
    bound: &mut Bound,
) -> Result<(), String> {
    match &given.caller_token {
        Some(Ok(token)) => {
            bound.secrets.insert(definition.name.clone(), token.clone());
            Ok(())
        }
        Some(Err(because)) if definition.required => Err(format!("there is no token of yours: {because}")),
        None if definition.required => Err(missing(definition)),
        Some(Err(_)) | None => Ok(()),
    }
}

/// The same for the token of the hub.
fn bind_org_token(definition: &ParameterDefinition, given: &Given, bound: &mut Bound) -> Result<(), String> {
    match &given.org_token {
        Some(token) => {
            bound.secrets.insert(definition.name.clone(), token.clone());
            Ok(())
        }
        None if definition.required => Err(missing(definition)),
        None => Ok(()),
    }
}

fn missing(definition: &ParameterDefinition) -> String {
    match &definition.source {
        ParameterSource::Person | ParameterSource::Secret => match definition.constraint().as_str() {
            "" => "it is needed".to_owned(),
            constraint => format!("it is needed: {constraint}"),
        },
        ParameterSource::CallerToken(_) => {
            "it is a token of whoever asks, which only a hub gives: in local mode there is none".to_owned()
        }
        ParameterSource::OrgToken => {
            "it is a token of the hub, which gives it to machines that may read every repository; in local mode there is none"
                .to_owned()
        }
        ParameterSource::Mapped(source) => {
            let is_local = MAPPED.iter().any(|(name, local)| name == source && *local);
            let here = if is_local { "here" } else { "in local mode" };
            format!("nothing {here} says what `{source}` is")
        }
        ParameterSource::Value(key) => {
            format!(
                "neither `values` of the configuration has `{key}` nor is there such a preference; set it with \
                 `sdm preference put {key} VALUE`"
            )
        }
    }
}

/// Names that mean nothing, secrets given in clear, and values that the surroundings give.
fn unknown(wanted: &[ParameterDefinition], given: &Given) -> Vec<ParameterProblem> {
    let judge = |name: &String, in_clear: bool| {
        let problem = match wanted.iter().find(|definition| definition.name == *name) {
            None => no_such(name, wanted),
            Some(definition) if !definition.is_given() => "it is filled in by the machine".to_owned(),
            Some(definition) if definition.is_secret() && in_clear => {
                "it is secret and is not given in clear".to_owned()
            }
            Some(definition) if !definition.is_secret() && !in_clear => "it is not secret".to_owned(),
            Some(_) => return None,
        };
        Some(ParameterProblem {
            name: name.chars().take(80).collect(),
            problem,
            can_be_asked: false,
        })
    };
    let values = given.values.keys().filter_map(|name| judge(name, true));
    let secrets = given.secrets.keys().filter_map(|name| judge(name, false));
    values.chain(secrets).collect()
}

/// That a name means nothing, and which would.
fn no_such(name: &str, wanted: &[ParameterDefinition]) -> String {
    let given = wanted.iter().filter(|definition| definition.is_given());
    let names: Vec<&str> = given.map(|definition| definition.name.as_str()).collect();
    match suggest::nearest(name, names.iter().copied()) {
        Some(near) => format!("there is no such parameter; did you mean --{near}?"),
        None if names.is_empty() => "there is no such parameter; the command has none".to_owned(),
        None => format!("there is no such parameter; there are --{}", names.join(", --")),
    }
}

/// Values that a repository fills in for itself, by the names of the parameters that are mapped to it.
pub fn values_of_repository<'a>(
    wanted: &'a [ParameterDefinition],
    repo: &'a Repository,
) -> impl Iterator<Item = (String, Value)> + 'a {
    wanted.iter().filter_map(|definition| {
        let ParameterSource::Mapped(source) = &definition.source else {
            return None;
        };
        let value = match source.as_str() {
            "repo_owner" => &repo.slug.owner,
            "repo_name" => &repo.slug.name,
            "clone_url" => &repo.address,
            _ => return None,
        };
        Some((definition.name.clone(), json!(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ParameterType;

    fn parameter(name: &str) -> ParameterDefinition {
        ParameterDefinition {
            name: name.to_owned(),
            display_name: None,
            description: String::new(),
            kind: ParameterType::String,
            pattern: None,
            valid_input: None,
            required: true,
            default: None,
            min_length: 0,
            max_length: None,
            displayable: true,
            order: None,
            group: None,
            multi_line: false,
            force: false,
            source: ParameterSource::Person,
        }
    }

    fn given(values: &Value) -> Given {
        Given {
            caller_token: None,
            org_token: None,
            values: values.as_object().cloned().unwrap(),
            secrets: BTreeMap::new(),
        }
    }

    fn bound(wanted: &[ParameterDefinition], given: &Given) -> Result<Bound, Vec<String>> {
        let preferences = BTreeMap::from([("region".to_owned(), json!("eu"))]);
        let mapped = |name: &str| (name == "user_login").then(|| json!("ada"));
        let surroundings = Surroundings {
            mapped: &mapped,
            configured: &json!({"build": {"region": "us"}}),
            preferences: &preferences,
        };
        bind(wanted, given, &surroundings).map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn semantics_5_2_the_token_of_the_hub_is_a_secret_that_may_be_absent() {
        let token = |required| {
            [ParameterDefinition {
                required,
                source: ParameterSource::OrgToken,
                ..parameter("token")
            }]
        };
        let given = Given {
            org_token: Some("canary".into()),
            ..Given::default()
        };
        let bound_to = bound(&token(true), &given).unwrap();
        assert_eq!(bound_to.secrets["token"].expose_secret(), "canary");
        assert!(bound_to.values.is_empty());
        assert!(
            bound(&token(false), &Given::default())
                .unwrap()
                .secrets
                .is_empty()
        );
        let refused = bound(&token(true), &Given::default()).unwrap_err();
        assert!(refused[0].contains("in local mode there is none"), "{refused:?}");
    }

    #[test]
    fn cm_13_a_token_of_whoever_asks_may_be_absent_and_is_never_given_by_hand() {
        let token = |required| {
            [ParameterDefinition {
                required,
                source: ParameterSource::CallerToken(vec!["repo".to_owned()]),
                ..parameter("token")
            }]
        };
        let with = |caller_token| Given {
            caller_token,
            ..Given::default()
        };
        let refused = || Some(Err("nobody has marked the machine".to_owned()));
        for absent in [None, refused()] {
            let bound = bound(&token(false), &with(absent)).unwrap();
            assert!(bound.secrets.is_empty() && bound.values.is_empty());
        }
        let given = with(Some(Ok("canary".into())));
        let bound_to = bound(&token(true), &given).unwrap();
        assert_eq!(bound_to.secrets["token"].expose_secret(), "canary");
        assert!(bound_to.values.is_empty());
        assert_eq!(
            bound(&token(true), &with(refused())).unwrap_err(),
            ["--token: there is no token of yours: nobody has marked the machine"]
        );
        assert!(bound(&token(true), &with(None)).unwrap_err()[0].contains("only a hub gives"));
        let by_hand = self::given(&json!({"token": "x"}));
        assert_eq!(
            bound(&token(false), &by_hand).unwrap_err(),
            ["--token: it is filled in by the machine"]
        );
    }

    #[test]
    fn cm_01_values_come_from_people_defaults_surroundings_and_preferences() {
        let wanted = [
            parameter("name"),
            ParameterDefinition {
                default: Some(json!(3)),
                kind: ParameterType::Number,
                ..parameter("count")
            },
            ParameterDefinition {
                source: ParameterSource::Mapped("user_login".to_owned()),
                ..parameter("who")
            },
            ParameterDefinition {
                source: ParameterSource::Value("region".to_owned()),
                ..parameter("where")
            },
            ParameterDefinition {
                required: false,
                ..parameter("note")
            },
        ];
        let bound = bound(&wanted, &given(&json!({"name": "shop"}))).unwrap();
        let expected = json!({"name": "shop", "count": 3, "who": "ada", "where": "eu"});
        assert_eq!(Value::Object(bound.values), expected);
    }

    #[test]
    fn cf_01_what_the_configuration_lacks_or_has_of_another_type_is_said_in_one_go() {
        let value = |name: &str, path: &str, kind: ParameterType| ParameterDefinition {
            source: ParameterSource::Value(path.to_owned()),
            kind,
            ..parameter(name)
        };
        let wanted = [
            value("where", "build.region", ParameterType::String),
            value("many", "build.region", ParameterType::Number),
            value("port", "build.port", ParameterType::Number),
            ParameterDefinition {
                required: false,
                ..value("note", "build.note", ParameterType::String)
            },
        ];
        let problems = bound(&wanted, &given(&json!({}))).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("--many: "), "{problems:?}");
        assert!(problems[1].starts_with("--port: neither `values` of the configuration has `build.port`"));
        let bound = bound(&wanted[..1], &given(&json!({}))).unwrap();
        assert_eq!(Value::Object(bound.values), json!({"where": "us"}));
    }

    #[test]
    fn d8_every_problem_is_found_before_anything_starts() {
        let wanted = [
            ParameterDefinition {
                pattern: Some("^[a-z]+$".to_owned()),
                ..parameter("name")
            },
            ParameterDefinition {
                source: ParameterSource::Secret,
                ..parameter("token")
            },
            ParameterDefinition {
                source: ParameterSource::Mapped("chat_team".to_owned()),
                ..parameter("team")
            },
            ParameterDefinition {
                source: ParameterSource::Value("zone".to_owned()),
                ..parameter("zone")
            },
        ];
        let given = given(&json!({"name": "x\"; drop", "nam": "x", "token": "hunter2", "team": "t"}));
        insta::assert_snapshot!(bound(&wanted, &given).unwrap_err().join("\n"), @r#"
        --nam: there is no such parameter; did you mean --name?
        --token: it is secret and is not given in clear
        --team: it is filled in by the machine
        --name: it does not match ^[a-z]+$
        --token: it is needed
        --team: nothing in local mode says what `chat_team` is
        --zone: neither `values` of the configuration has `zone` nor is there such a preference; set it with `sdm preference put zone VALUE`
        "#);
    }

    #[test]
    fn cm_04_nothing_is_not_given() {
        let wanted = [
            parameter("name"),
            ParameterDefinition {
                source: ParameterSource::Secret,
                ..parameter("token")
            },
        ];
        let mut given = given(&json!({"name": ""}));
        given.secrets.insert("token".to_owned(), String::new().into());
        let problems = bound(&wanted, &given).unwrap_err();
        let words = "it is needed, and nothing is written for it";
        assert_eq!(
            problems,
            [format!("--name: {words}"), format!("--token: {words}")]
        );
    }

    #[test]
    fn d8_a_secret_does_not_appear_in_problems() {
        let wanted = [ParameterDefinition {
            source: ParameterSource::Secret,
            pattern: Some("^x$".to_owned()),
            ..parameter("token")
        }];
        let given = Given {
            secrets: BTreeMap::from([("token".to_owned(), SecretString::from("hunter2"))]),
            ..Given::default()
        };
        let problems = bound(&wanted, &given).unwrap_err().join("\n");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}
