//! What other systems call what is a fact here, for who writes a placeholder from habit.

/// Variables of other systems, and of goals here, with the facts that say the same.
#[rustfmt::skip]
static VARIABLES: &[(&[&str], &str)] = &[
    (&["CI_COMMIT_SHA", "GITHUB_SHA", "DRONE_COMMIT", "DRONE_COMMIT_SHA", "GIT_COMMIT", "BITBUCKET_COMMIT", "CIRCLE_SHA1", "ATOMIST_SHA"], "sha"),
    (&["CI_COMMIT_SHORT_SHA"], "push.after.short"),
    (&["CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME", "GITHUB_REF_NAME", "GITHUB_HEAD_REF", "DRONE_BRANCH", "GIT_BRANCH", "BRANCH_NAME",
        "BITBUCKET_BRANCH", "CIRCLE_BRANCH", "ATOMIST_BRANCH"], "branch"),
    (&["CI_COMMIT_BEFORE_SHA", "CI_PREV_COMMIT_SHA", "DRONE_COMMIT_BEFORE"], "push.before"),
    (&["CI_COMMIT_MESSAGE", "CI_COMMIT_TITLE", "DRONE_COMMIT_MESSAGE"], "push.after.message"),
    (&["CI_COMMIT_AUTHOR", "GITHUB_ACTOR", "DRONE_COMMIT_AUTHOR"], "push.after.author.name"),
    (&["CI_PROJECT_NAME", "CI_REPO_NAME", "DRONE_REPO_NAME", "ATOMIST_REPO"], "repo.name"),
    (&["CI_PROJECT_NAMESPACE", "CI_REPO_OWNER", "GITHUB_REPOSITORY_OWNER", "DRONE_REPO_OWNER", "ATOMIST_OWNER"], "repo.owner"),
    (&["CI_DEFAULT_BRANCH", "CI_REPO_DEFAULT_BRANCH"], "repo.default_branch"),
    (&["CI_ENVIRONMENT_NAME"], "goal.environment"),
    (&["CI_JOB_NAME", "GITHUB_JOB", "CI_STEP_NAME"], "goal.name"),
    (&["CI_PIPELINE_ID", "GITHUB_RUN_ID", "CI_PIPELINE_NUMBER", "BUILD_NUMBER"], "goal_set.id"),
    (&["ATOMIST_VERSION"], "push.after.version"),
    (&["github.sha", "commit.sha", "commit"], "sha"),
    (&["github.ref_name", "github.head_ref", "ref"], "branch"),
    (&["github.event.head_commit.message", "commit.message"], "push.after.message"),
    (&["github.actor", "author"], "push.after.author.name"),
    (&["github.repository_owner", "owner"], "repo.owner"),
    (&["github.event.repository.name"], "repo.name"),
    (&["github.job", "job.name"], "goal.name"),
    (&["github.run_id", "github.run_number"], "goal_set.id"),
    (&["version"], "push.after.version"),
];

/// What is said here instead of a path of another system, as a sentence; nothing for other paths.
pub(super) fn said_here(path: &str) -> Option<String> {
    let fact = VARIABLES.iter().find(|(names, _)| names.contains(&path));
    if let Some((_, fact)) = fact {
        return Some(format!("here it is `${{{fact}}}`"));
    }
    let (root, rest) = path.split_once('.')?;
    let name = rest.split('.').next().unwrap_or(rest);
    Some(match root {
        "matrix" => format!("values of a `matrix` are parameters: `${{parameters.{rest}}}`"),
        "inputs" | "params" => {
            format!("what a goal or a command is given are its parameters: `${{parameters.{rest}}}`")
        }
        "vars" => format!("what the configuration says are its values: `${{values.{rest}}}`"),
        "secrets" => format!(
            "a secret is given by name, and never part of a text: `secrets: [{{name: {name}, env: [{{name: {name}}}]}}]`"
        ),
        "env" => format!("a program finds its variables itself: `$${{{rest}}}` in a shell"),
        "needs" | "steps" | "jobs" => {
            format!(
                "what an earlier goal left is its data: `${{goals.NAME.data.{}}}`",
                last_part(rest)
            )
        }
        "github" | "gitlab" | "ci" => {
            "facts are `${sha}`, `${branch}`, `${repo.owner}`, `${repo.name}`, `${push.after.message}`"
                .to_owned()
        }
        _ => return None,
    })
}

fn last_part(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::placeholder::Template;

    #[test]
    fn ym_13_what_other_systems_call_it_is_said_as_it_is_here() {
        for (path, part) in [
            ("CI_COMMIT_SHA", "`${sha}`"),
            ("matrix.node", "`${parameters.node}`"),
            ("needs.build.outputs.tag", "`${goals.NAME.data.tag}`"),
            ("secrets.TOKEN", "given by name"),
            ("github.event.x", "`${branch}`"),
        ] {
            let said = said_here(path).unwrap_or_default();
            assert!(said.contains(part), "{path}: {said}");
        }
        assert_eq!(said_here("JOBS"), None);
    }

    #[test]
    fn every_fact_that_is_named_is_one() {
        for (_, fact) in VARIABLES {
            let template = Template::parse(&format!("${{{fact}}}")).unwrap();
            assert_eq!(template.objection(), None, "{fact}");
        }
    }
}
