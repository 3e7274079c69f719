//! What makes no sense of a goal in containers beyond its shape (CO-03, CO-07; threat D9).

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path};

use super::arguments::{Arguments, Container, Volume, millicpus, network_name};
use crate::model::program_text::{program_texts, texts_for_image};
use crate::model::{ArgumentProblems, FieldPath, ImageReference, suggest};
use crate::ports::containers::{INPUT, OUTPUT, PROJECT};
use crate::spec::foreign::{foreign_texts_beside, foreign_variables};
use crate::spec::placeholder::{Template, Written, chooses_program, name_of_image};
use crate::spec::secrets::problems_at;

/// Most containers of a goal, init containers included.
const MOST_CONTAINERS: usize = 50;

/// The containers, of either kind.
pub(super) fn of_containers(arguments: &Arguments) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let containers = FieldPath::to("containers");
    if arguments.containers.is_empty() {
        let hint = "write at least one; the first decides what becomes of the goal";
        problems.add(&containers, "empty_list", "No containers defined", hint);
    }
    let count = arguments.all().count();
    if count > MOST_CONTAINERS {
        let message = format!("{count} containers are too many");
        problems.add(
            &containers,
            "too_many",
            message,
            format!("a goal has at most {MOST_CONTAINERS}"),
        );
    }
    let lists = [
        ("init_containers", &arguments.init_containers),
        ("containers", &arguments.containers),
    ];
    let fields = |(key, list): (&str, &'_ Vec<Container>)| {
        let list_field = FieldPath::to(key);
        (0..list.len())
            .map(move |index| list_field.item(index))
            .collect::<Vec<_>>()
    };
    let fields: Vec<FieldPath> = lists.into_iter().flat_map(fields).collect();
    let names = arguments.all().map(|container| container.name.as_str());
    problems.extend(names_on_the_network("container", fields.iter().zip(names)));
    let first_service = arguments.init_containers.len() + 1;
    for (index, (field, container)) in fields.iter().zip(arguments.all()).enumerate() {
        let check = Check { field, container };
        problems.extend(check.all(&arguments.volumes));
        problems.extend(container.options.problems(field, index >= first_service));
    }
    problems
}

/// The volumes.
pub(super) fn of_volumes(volumes: &[Volume]) -> ArgumentProblems {
    let list = FieldPath::to("volumes");
    let fields: Vec<FieldPath> = (0..volumes.len()).map(|index| list.item(index)).collect();
    let names = volumes.iter().map(|volume| volume.name.as_str());
    let mut problems = names_on_the_network("volume", fields.iter().zip(names));
    for (field, volume) in fields.iter().zip(volumes) {
        let Some(host) = &volume.host_path else { continue };
        let path = field.key("host_path").key("path");
        problems.extend(path_problems(&path, "host_path", &host.path));
        if volume.empty_dir.is_some() {
            let message = "a volume is a directory of the computer or empty, and this one is both";
            let field = field.key("empty_dir");
            problems.add(
                &field,
                "conflicting_keys",
                message,
                "keep `host_path` or `empty_dir`",
            );
        }
    }
    problems
}

fn names_on_the_network<'a>(
    what: &str,
    named: impl Iterator<Item = (&'a FieldPath, &'a str)>,
) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (field, name) in named {
        let field = field.key("name");
        match network_name(name) {
            Err(why) => {
                let hint = "write letters, digits, `-`, `_` and `.`, beginning with a letter or digit";
                problems.add(&field, "invalid_name", why, hint);
            }
            Ok(alias) => {
                if let Some(earlier) = seen.insert(alias.clone(), name) {
                    let message = format!("another {what} is called `{earlier}` already");
                    let hint = match earlier == name {
                        true => "rename one of them".to_owned(),
                        false => format!("rename one of them: both would be `{alias}`"),
                    };
                    problems.add(&field, "duplicate_name", message, hint);
                }
            }
        }
    }
    problems
}

/// One container, and where it stands.
struct Check<'a> {
    field: &'a FieldPath,
    container: &'a Container,
}

impl Check<'_> {
    fn all(&self, volumes: &[Volume]) -> ArgumentProblems {
        let mut problems = self.image();
        problems.extend(self.identity());
        problems.extend(self.program());
        problems.extend(self.limits());
        problems.extend(self.ports());
        problems.extend(self.mounts(volumes));
        problems.extend(self.secrets());
        let directory = self.container.working_dir.as_deref().unwrap_or_default();
        if !directory.is_empty() && !directory.contains("${") {
            problems.extend(path_problems(
                &self.field.key("working_dir"),
                "working_dir",
                directory,
            ));
        }
        problems
    }

    fn wrong(&self, key: &str, code: &str, message: String, hint: &str) -> ArgumentProblems {
        ArgumentProblems::one(&self.field.key(key), code, message, hint)
    }

    /// Placeholders may be anything that an image may have there; a digest is seen when it is known.
    fn image(&self) -> ArgumentProblems {
        let image = with_something(&self.container.image);
        let is_foreign = self.container.image.contains("${") && image.contains('@');
        match ImageReference::parse(&image) {
            Err(_) if is_foreign => ArgumentProblems::default(),
            Err(why) => {
                let hint = "write `name:tag` or `registry/name@sha256:…`, such as `node:20`";
                self.wrong("image", "invalid_image", why, hint)
            }
            Ok(_) => ArgumentProblems::default(),
        }
    }

    /// Which image runs, and as whom, is the author's to say: what others say may only be a tag of the image (threat D9), and what
    /// an earlier goal has made may be an image of a registry and a project that are written.
    fn identity(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let user = self.container.user.as_deref().unwrap_or_default();
        let image = name_of_image(&self.container.image);
        let made = place_of_last_name(image);
        for (key, text, made) in [("image", image, made), ("user", user, user.len())] {
            let template = Template::parse(text).ok();
            let said = template.as_ref().and_then(|template| {
                let rest = template.first_within(&(made..text.len()), chooses_image_made);
                template.first_within(&(0..made), chooses_program).or(rest)
            });
            if let Some((_, path)) = said {
                let name = &self.container.name;
                let message =
                    format!("`{key}` of container `{name}` cannot be `${{{path}}}`: others would choose it");
                let hint = "write it out, or give it as an argument or as the tag of the image";
                problems.add(&self.field.key(key), "chosen_outside", message, hint);
            }
        }
        problems
    }

    /// What runs in the container is the author's to say as well; without `command` the image says what reads the arguments.
    fn program(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let (command, args) = (&self.container.command, &self.container.args);
        let words: Vec<&String> = command.iter().chain(args).collect();
        let variables = foreign_variables(&self.container.variables());
        let texts = match command.is_empty() {
            true => texts_for_image(&words),
            false => program_texts(&words),
        };
        for foreign in foreign_texts_beside(&words, &texts, &variables) {
            let (key, item) = match foreign.index.checked_sub(command.len()) {
                None => ("command", foreign.index),
                Some(item) => ("args", item),
            };
            let field = self.field.key(key).item(item);
            problems.add(&field, "chosen_outside", foreign.message, foreign.hint);
        }
        problems
    }

    /// The working copy is the same for all containers: a file there would not be for this one alone.
    fn secrets(&self) -> ArgumentProblems {
        const ALONE: &str = "give it as `env`, `file_env` or `descriptor`, or write the secret beside `containers` for all of them";
        let all = self.field.key("secrets");
        let mut problems = problems_at(&all, &self.container.secrets);
        for (index, secret) in self.container.secrets.iter().enumerate() {
            let field = all.item(index);
            let files = [
                ("file", secret.file.is_some()),
                ("file_mounts", !secret.file_mounts.is_empty()),
            ];
            for (key, _) in files.into_iter().filter(|(_, is_written)| *is_written) {
                let message = format!("`{key}` writes to the working copy, which every container sees");
                problems.add(&field.key(key), "invalid_secret", message, ALONE);
            }
            for (number, variable) in secret.env.iter().enumerate() {
                if self.container.env.iter().any(|own| own.name == variable.name) {
                    let message = format!("`{}` is set by `env` of the container as well", variable.name);
                    let hint = "remove it there, or give the secret another variable";
                    let field = field.key("env").item(number).key("name");
                    problems.add(&field, "duplicate_secret", message, hint);
                }
            }
        }
        problems
    }

    fn limits(&self) -> ArgumentProblems {
        match millicpus(self.container.limits.cpu.as_deref()) {
            Ok(_) => ArgumentProblems::default(),
            Err(why) => {
                let field = self.field.key("limits").key("cpu");
                ArgumentProblems::one(&field, "invalid_cpu", why, "write `2`, `1.5` or `500m`")
            }
        }
    }

    fn ports(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let mut seen = HashSet::new();
        for (index, port) in self.container.ports.iter().enumerate() {
            if !seen.insert(port.container_port) {
                let field = self.field.key("ports").item(index).key("container_port");
                let message = format!("the port {} is offered twice", port.container_port);
                problems.add(&field, "duplicate_port", message, "remove one of them");
            }
        }
        problems
    }

    fn mounts(&self, volumes: &[Volume]) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let name = &self.container.name;
        let mut paths: HashSet<&str> = HashSet::new();
        for (index, mount) in self.container.volume_mounts.iter().enumerate() {
            let field = self.field.key("volume_mounts").item(index);
            if !volumes.iter().any(|volume| volume.name == mount.name) {
                let message = format!(
                    "container `{name}` mounts the volume `{}`, which the goal does not declare",
                    mount.name
                );
                problems.add(
                    &field.key("name"),
                    "unknown_volume",
                    message,
                    volume_hint(volumes, &mount.name),
                );
            }
            let path = &mount.mount_path;
            let field = field.key("mount_path");
            problems.extend(path_problems(&field, "mount_path", path));
            problems.extend(self.place_of_its_own(&field, path, &mut paths));
        }
        for (index, tmpfs) in self.container.options.tmpfs.iter().enumerate() {
            let field = self.field.key("tmpfs").item(index).key("path");
            problems.extend(self.place_of_its_own(&field, &tmpfs.path, &mut paths));
        }
        problems
    }

    /// What is mounted lies where nothing else does.
    fn place_of_its_own<'p>(
        &self,
        field: &FieldPath,
        path: &'p str,
        taken: &mut HashSet<&'p str>,
    ) -> ArgumentProblems {
        let plain = path.trim_end_matches('/');
        let (message, hint) = if [PROJECT, INPUT, OUTPUT].contains(&plain) {
            (
                format!("`{plain}` is where the machine mounts what every container gets"),
                "mount the volume elsewhere",
            )
        } else if !taken.insert(plain) {
            let name = &self.container.name;
            (
                format!("container `{name}` has two mounts at `{plain}`"),
                "mount one of them elsewhere",
            )
        } else {
            return ArgumentProblems::default();
        };
        ArgumentProblems::one(field, "duplicate_mount", message, hint)
    }
}

fn volume_hint(volumes: &[Volume], wanted: &str) -> String {
    let names = volumes.iter().map(|volume| volume.name.as_str());
    match suggest::nearest(wanted, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add `{{name: {wanted}}}` to the goal's `volumes`"),
    }
}

/// A text as it may look with its placeholders filled in.
fn with_something(text: &str) -> String {
    let Ok(template) = Template::parse(text) else {
        return text.to_owned();
    };
    let stretch = |written: &Written<'_>| match *written {
        Written::Text(text) => text.to_owned(),
        Written::Placeholder { .. } => "x".to_owned(),
    };
    template.written().iter().map(stretch).collect()
}

/// Where what stands behind the last slash of an image begins; all of it stands before where there is none.
fn place_of_last_name(image: &str) -> usize {
    let literal = image.split("${").next().unwrap_or(image);
    let has_more = image[literal.len()..].contains('/');
    match literal.rfind('/') {
        Some(slash) if !has_more => slash + 1,
        Some(_) | None => image.len(),
    }
}

fn chooses_image_made(path: &str) -> bool {
    chooses_program(path) && !path.starts_with("goals.")
}

/// What is wrong with a path inside of a container, or of the computer.
pub(super) fn path_problems(field: &FieldPath, key: &str, path: &str) -> ArgumentProblems {
    let plain = |component: Component<'_>| matches!(component, Component::RootDir | Component::Normal(_));
    let is_plain = Path::new(path).is_absolute()
        && path != "/"
        && Path::new(path).components().all(plain)
        && !path.chars().any(|c| c.is_control() || c == ':');
    if is_plain {
        return ArgumentProblems::default();
    }
    let message = format!("`{key}: {}` is not a path that can be there", path.escape_debug());
    let hint = "write an absolute path below `/`, without `..` and `:`";
    ArgumentProblems::one(field, "invalid_path", message, hint)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::argument_problem::FieldStep;

    fn checked(arguments: &Value) -> Result<(), String> {
        let read = Arguments::read(arguments).unwrap();
        read.problems()
            .none_or(())
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn every_problem_of_every_container_is_found_at_its_field() {
        let mount = json!({"name": "cahce", "mount_path": "/cache/"});
        let read = Arguments::read(&json!({
            "init_containers": [{"name": "main", "image": "busybox", "ports": [{"container_port": 1}, {"container_port": 1}]}],
            "containers": [
                {"name": "main", "image": "Node", "limits": {"cpu": "many"}, "volume_mounts": [mount, mount]},
                {"name": "-x", "image": "node:20"}
            ],
            "volumes": [{"name": "cache", "host_path": {"path": "x"}, "empty_dir": {}}],
        }));
        let problems = read.unwrap().problems();
        let line = |problem: &crate::model::ArgumentProblem| {
            let steps = problem.field.steps().iter().map(|step| match step {
                FieldStep::Key(key) => key.clone(),
                FieldStep::Item(index) => index.to_string(),
            });
            format!(
                "{} {} ({})",
                steps.collect::<Vec<_>>().join("."),
                problem.code,
                problem.hint
            )
        };
        let lines: Vec<String> = problems.iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        containers.0.name duplicate_name (rename one of them)
        containers.1.name invalid_name (write letters, digits, `-`, `_` and `.`, beginning with a letter or digit)
        init_containers.0.ports.1.container_port duplicate_port (remove one of them)
        containers.0.image invalid_image (write `name:tag` or `registry/name@sha256:…`, such as `node:20`)
        containers.0.limits.cpu invalid_cpu (write `2`, `1.5` or `500m`)
        containers.0.volume_mounts.0.name unknown_volume (did you mean `cache`?)
        containers.0.volume_mounts.1.name unknown_volume (did you mean `cache`?)
        containers.0.volume_mounts.1.mount_path duplicate_mount (mount one of them elsewhere)
        volumes.0.host_path.path invalid_path (write an absolute path below `/`, without `..` and `:`)
        volumes.0.empty_dir conflicting_keys (keep `host_path` or `empty_dir`)
        ");
    }

    #[test]
    fn semantics_3_20_what_one_container_is_given_is_in_no_place_of_all() {
        let with = |secret: Value| {
            let env = json!([{"name": "TAKEN", "value": "x"}]);
            let main = json!({"name": "main", "image": "a", "env": env, "secrets": [secret]});
            let service = json!({"name": "b", "image": "a", "secrets": [{"name": "token"}]});
            checked(&json!({ "containers": [main, service] }))
        };
        for given in [
            json!({"name": "token"}),
            json!({"name": "token", "env": [{"name": "T"}]}),
            json!({"name": "token", "file_env": "T"}),
            json!({"name": "token", "descriptor": "T"}),
        ] {
            assert_eq!(with(given), Ok(()));
        }
        let refused = with(json!({"name": "token", "file": "a"})).unwrap_err();
        assert!(refused.contains("which every container sees"), "{refused}");
        let refused = with(json!({"name": "token", "env": [{"name": "TAKEN"}]})).unwrap_err();
        assert!(
            refused.contains("`TAKEN` is set by `env` of the container"),
            "{refused}"
        );
        let refused = with(json!({"name": "token", "env": [{"name": "SDM_GOAL"}]})).unwrap_err();
        assert!(refused.contains("for the machine to set"), "{refused}");
    }

    #[test]
    fn co_03_a_mount_of_an_undeclared_volume_is_refused() {
        let mount = json!([{"name": "v", "mount_path": "/v"}]);
        let container = json!([{"name": "main", "image": "a", "volume_mounts": mount}]);
        let refused = checked(&json!({ "containers": container })).unwrap_err();
        assert_eq!(
            refused,
            "container `main` mounts the volume `v`, which the goal does not declare"
        );
        assert_eq!(
            checked(&json!({"containers": container, "volumes": [{"name": "v"}]})),
            Ok(())
        );
    }

    #[test]
    fn d9_whoever_pushes_chooses_neither_image_nor_user() {
        let one = |image: &str, user: &str| {
            checked(&json!({"containers": [{"name": "main", "image": image, "user": user}]}))
        };
        for image in [
            "reg:5000/${repo.name}:${push.branch}",
            "reg/app@sha256:${push.branch}",
            "${parameters.image:reg/app:${sha}}",
            "app:${facts.tag}",
            "reg/acme/${goals.build.data.image}",
        ] {
            assert_eq!(one(image, "1000"), Ok(()), "{image}");
        }
        for (image, user) in [
            ("${push.branch}", "1000"),
            ("reg/${push.after.author.name}:1", "1000"),
            ("${parameters.image:${branch}}", "1000"),
            ("${branch}@sha256:1", "1000"),
            ("app", "${push.branch}"),
            ("${goals.build.data.image}", "1000"),
            ("${goals.build.data.registry}/app", "1000"),
            ("reg/${goals.build.data.project}/app", "1000"),
            ("${facts.image}", "1000"),
            ("reg/${facts.image}", "1000"),
            ("${preferences.image}", "1000"),
            ("app", "${goals.build.data.user}"),
            ("app", "${facts.user}"),
        ] {
            let refused = one(image, user).unwrap_err();
            assert!(refused.contains("others would choose it"), "{refused}");
        }
    }

    #[test]
    fn co_07_a_goal_without_containers_is_refused() {
        assert_eq!(
            checked(&json!({"containers": []})),
            Err("No containers defined".to_owned())
        );
    }

    #[test]
    fn names_paths_and_images_that_mean_something_else_are_refused() {
        let one = |extra: &Value| {
            let mut container = json!({"name": "main", "image": "a"});
            container
                .as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            checked(&json!({"containers": [container], "volumes": [{"name": "v"}]}))
        };
        assert_eq!(one(&json!({})), Ok(()));
        assert_eq!(one(&json!({"name": "my container"})), Ok(()));
        for wrong in [
            json!({"name": "-x"}),
            json!({"name": "a/b"}),
            json!({"image": "-v /:/host"}),
            json!({"limits": {"cpu": "many"}}),
            json!({"working_dir": "../up"}),
            json!({"volume_mounts": [{"name": "v", "mount_path": "/a/../b"}]}),
            json!({"volume_mounts": [{"name": "v", "mount_path": "/atm/home"}]}),
            json!({"volume_mounts": [{"name": "v", "mount_path": "/x:rw"}]}),
        ] {
            assert!(one(&wrong).is_err(), "{wrong}");
        }
        let twice = json!([{"name": "a b", "image": "x"}, {"name": "a-b", "image": "x"}]);
        assert!(checked(&json!({ "containers": twice })).is_err());
    }
}
