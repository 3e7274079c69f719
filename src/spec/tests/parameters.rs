//! What is wrong with parameters of commands and goals, and with what asks for them (semantics 5.2, 7.6).

use insta::assert_snapshot;

use super::super::testing::{problems, right};

/// The problems of a command with these parameters and this program.
fn command(parameters: &str, run: &str) -> String {
    problems(&format!(
        "commands:\n- name: c\n  parameters: {{{parameters}}}\n  run: {run}\n"
    ))
}

#[test]
fn ym_13_what_may_be_left_out_needs_something_that_stands_for_it() {
    assert_snapshot!(command("n: {required: false}", "[x, 'a ${parameters.n}']"), @r"
    a.yaml:4:17 Error unknown_placeholder (+1): `n` may be left out, and nothing says what stands here then
      hint: give it a `default`, or write `${parameters.n:…}` with what stands for it, or `${!parameters.n}` to leave out all that it stands in
    ");
    assert_snapshot!(command("m: {required: false}, n: {value: a, required: false}", "[x, '${parameters.m:${parameters.n}}']"), @r"
    a.yaml:4:30 Error unknown_placeholder (+1): `n` may be left out, and nothing says what stands here then
      hint: give it a `default`, or write `${parameters.n:…}` with what stands for it, or `${!parameters.n}` to leave out all that it stands in
    ");
    let in_env = problems(
        "commands: [{name: c, parameters: {n: {required: false}}, run: [x], env: {A: '${parameters.n}'}}]",
    );
    assert!(in_env.contains("1:80 Error unknown_placeholder"), "{in_env}");
    let transform = problems(
        "commands:\n- name: c\n  parameters: {n: {required: false}}\n  transform: {run: [x, '${parameters.n}'], branch: 'b/${parameters.n}'}\n",
    );
    assert_eq!(transform.matches("`n` may be left out").count(), 2, "{transform}");
    for run in [
        "[x, '${parameters.n:-}']",
        "[x, '${!parameters.n}']",
        "[sh, -c, 'echo ${parameters.n:}']",
    ] {
        assert_eq!(command("n: {required: false}", run), "", "{run}");
    }
    for parameters in [
        "n: {}",
        "n: {default: ''}",
        "n: {mapped: repo_name, required: false}",
    ] {
        assert_eq!(command(parameters, "[x, '${parameters.n}']"), "", "{parameters}");
    }
}

#[test]
fn ym_13_a_program_is_not_left_out() {
    assert_snapshot!(command("n: {required: false}", "['${!parameters.n}', x]"), @r"
    a.yaml:4:9 Error empty_command (+18): this is the program of `run`, and `${!…}` may leave it out
      hint: say what stands for it: `${path:default}`
    ");
    assert_eq!(
        command(
            "n: {required: false, options: [make, ninja]}",
            "['${!parameters.n:make}', x]"
        ),
        ""
    );
}

#[test]
fn ym_13_a_list_is_all_of_a_value() {
    let several = "n: {options: [a, b], multiple: true}";
    assert_snapshot!(command(several, "[x, '--only=${parameters.n}']"), @r"
    a.yaml:4:22 Error unknown_placeholder (+1): `n` is a list and cannot be part of a text
      hint: let `${parameters.n}` be all of an argument, which it is as JSON, or read the variable `SDM_PARAMETER_N`
    ");
    for run in [
        "[x, '${parameters.n}']",
        "[sh, -c, 'echo ${parameters.n} $SDM_PARAMETER_N']",
    ] {
        assert_eq!(command(several, run), "", "{run}");
    }
}

#[test]
fn ym_13_only_what_there_is_of_a_command_is_asked_for() {
    assert_snapshot!(command("n: {}", "[x, '${parameters}', '${parameters.n.x}', '${machine.nam}', '${machine.name}']"), @r"
    a.yaml:4:15 Error unknown_placeholder (+1): `${parameters}` names no parameter
      hint: write `${parameters.` and the name of one
    a.yaml:4:32 Error unknown_placeholder (+1): the command has no parameter `n.x`
      hint: a parameter has no parts; write `${parameters.n}`
    a.yaml:4:53 Error unknown_placeholder (+1): `${machine.nam}`: of the machine only its name is known
      hint: write `${machine.name}`
    ");
    let on_repositories = "commands: [{name: c, targets: true, run: [x, '${preferences.x}', '${preferences.x:y}', '${machine.name}']}]";
    assert_snapshot!(problems(on_repositories), @r"
    a.yaml:1:49 Error unknown_placeholder (+1): a command on repositories is a goal, which knows nothing of `preferences`
      hint: take it from a parameter: `parameters: {x: {value: x}}` reads the preference `x`
    a.yaml:1:91 Error unknown_placeholder (+1): a command on repositories is a goal, which knows nothing of `machine`
      hint: remove it
    ");
}

#[test]
fn cm_03_a_group_is_one_that_a_pattern_has() {
    let command = |intent: &str, run: &str| {
        problems(&format!(
            "commands: [{{name: c, intent: {intent}, run: [x, '{run}']}}]"
        ))
    };
    assert_snapshot!(command("c", "${matches.1}"), @r"
    a.yaml:1:45 Error unknown_placeholder (+1): no intent of the command is a pattern, so there are no groups of one
      hint: add `{pattern: …}` to `intent`, or use a parameter
    ");
    assert_snapshot!(command("{pattern: '^c (.+)$'}", "${matches.2}"), @r"
    a.yaml:1:65 Error unknown_placeholder (+1): no pattern of the command has a group 2
      hint: there is `${matches.1}`
    ");
    assert_snapshot!(command("{pattern: '^c$'}", "${matches.1} ${matches.all}"), @r"
    a.yaml:1:60 Error unknown_placeholder (+1): no pattern of the command has a group 1
      hint: put what you mean in brackets: `(…)`
    a.yaml:1:73 Error unknown_placeholder (+1): `${matches.all}`: groups of a pattern have numbers
      hint: write `${matches.1}` for the first group
    ");
    assert_snapshot!(command("[c, {pattern: '^c (.+)$'}]", "${matches.1}"), @r"
    a.yaml:1:70 Error unknown_placeholder (+1): the command can also be said in words, and there are no groups then
      hint: say what stands for it then: `${matches.1:…}`
    ");
    assert_snapshot!(command("[{pattern: '^c (.+)$'}, {pattern: '^c (.+) (.+)$'}]", "${matches.2}"), @r"
    a.yaml:1:95 Error unknown_placeholder (+1): not every pattern of the command has a group 2
      hint: say what stands for it then: `${matches.2:…}`
    ");
    assert_eq!(command("{pattern: '^c (.+)$'}", "${matches.0} ${matches.1}"), "");
    assert_eq!(command("[c, {pattern: '^c (.+)$'}]", "${matches.1:all}"), "");
}

#[test]
fn ym_13_a_directory_is_filled_in_and_checked() {
    let directory = |text: &str| {
        problems(&format!(
            "commands:\n- name: c\n  targets: true\n  parameters: {{d: {{}}}}\n  run: [x]\n  directory: {text}\n"
        ))
    };
    assert_eq!(directory("'${parameters.d}/src'"), "");
    let unknown = directory("'${parameters.dd}/src'");
    assert!(unknown.contains("the command has no parameter `dd`"), "{unknown}");
    let outside = directory("../src");
    assert!(outside.contains("6:14 Error invalid_path"), "{outside}");
}

#[test]
fn ym_13_what_is_not_written_asks_for_parameters_too() {
    let generate = |parameters: &str, more: &str| {
        problems(&format!(
            "commands: [{{name: c, parameters: {{{parameters}}}, generate: {{run: [x]{more}}}}}]"
        ))
    };
    let missing = generate("nam: {}, owner: {required: false}", "");
    for because in [
        "`repo` is not written, so it is \"${parameters.owner}/${parameters.name}\", and the command has no parameter `name`",
        "and `owner` may be left out, and nothing says what stands here then",
    ] {
        assert!(missing.contains(because), "{missing}");
    }
    assert_eq!(generate("name: {}, owner: {}", ""), "");
    assert_eq!(generate("", ", repo: acme/new"), "");
}

#[test]
fn a_command_has_a_name_that_can_be_used() {
    let named = |more: &str| problems(&format!("commands: [{{name: {more}, run: [x]}}]"));
    let of_goal = named("'bump: all', targets: true");
    assert!(
        of_goal.contains("1:19 Error invalid_name (+11): `bump: all` is not a goal name"),
        "{of_goal}"
    );
    assert_eq!(named("'bump: all'"), "");
    let option = named("-x all");
    assert!(option.contains("nobody can say `-x all`"), "{option}");
    assert_eq!(named("-x all, intent: x"), "");
}

#[test]
fn d8_two_parameters_are_not_one_variable() {
    assert_snapshot!(command("a: {}, A: {secret: true}", "[x]"), @r"
    a.yaml:3:23 Error duplicate_parameter (+1): `A` and `a` (at a.yaml:3:16) would both be the variable `SDM_PARAMETER_A`
      hint: rename one of them so that they differ in more than capitals, `-` and `_`
    ");
    assert_snapshot!(command("a-b: {}, c: {}, a_b: {}, A-b: {}", "[x]"), @r"
    a.yaml:3:32 Error duplicate_parameter (+3): `a_b` and `a-b` (at a.yaml:3:16) would both be the variable `SDM_PARAMETER_A_B`
      hint: rename one of them so that they differ in more than capitals, `-` and `_`
    a.yaml:3:41 Error duplicate_parameter (+3): `A-b` and `a-b` (at a.yaml:3:16) would both be the variable `SDM_PARAMETER_A_B`
      hint: rename one of them so that they differ in more than capitals, `-` and `_`
    ");
    assert_eq!(command("a-b: {}, ab: {}, a-c: {}", "[x]"), "");
}

#[test]
fn cm_01_options_can_be_chosen() {
    let options = |text: &str| command(&format!("o: {{{text}}}"), "[x]");
    assert_snapshot!(options("options: []"), @r"
    a.yaml:3:29 Error empty_value (+1): `options` is empty
      hint: write something, or remove the key: what may be chosen
    ");
    assert_snapshot!(options("type: string, options: []"), @r"
    a.yaml:3:43 Error empty_value (+1): `options` is empty
      hint: write something, or remove the key: what may be chosen
    ");
    assert_snapshot!(options("options: [a, b, a, '']"), @r"
    a.yaml:3:36 Error duplicate_item (+1): `a` stands twice in `options`
      hint: remove it, or write another
    a.yaml:3:39 Error empty_value (+2): an item of `options` is empty
      hint: remove it, or write another
    ");
    assert_snapshot!(options("options: ['a,b', ' c'], multiple: true"), @r"
    a.yaml:3:30 Error invalid_parameter (+5): `a,b` could not be chosen: several are said with `,` between them
      hint: write it without commas and without spaces around it
    a.yaml:3:37 Error invalid_parameter (+4): ` c` could not be chosen: several are said with `,` between them
      hint: write it without commas and without spaces around it
    ");
    assert_snapshot!(options("options: [eu, us], default: ue"), @r"
    a.yaml:3:48 Error invalid_parameter (+2): the parameter `o`: its default is not valid: `ue` is not offered; did you mean eu? Choose from eu, us
      hint: write a value that people could give too, or remove it
    ");
    assert_snapshot!(options("options: [eu, us], multiple: true, default: [eu, xx]"), @r"
    a.yaml:3:64 Error invalid_parameter (+1): the parameter `o`: its default is not valid: `xx` is not offered; choose from eu, us
      hint: write a value that people could give too, or remove it
    ");
    assert_snapshot!(options("options: [{value: a}]"), @r"
    a.yaml:3:30 Error wrong_type (+1): `options` must be text, and this is a map
      hint: write the words that may be chosen, `options: [small, large]`, and what each means in `description`
    ");
    for text in [
        "options: ['a,b', c d]",
        "options: [eu, us], multiple: true, default: 'eu, us'",
        "options: eu",
    ] {
        assert_eq!(options(text), "", "{text}");
    }
}

#[test]
fn cm_01_attributes_fit_each_other() {
    let attributes = |text: &str| command(&format!("p: {{{text}}}"), "[x]");
    assert_snapshot!(attributes("min_length: 5, max_length: 2"), @r"
    a.yaml:3:47 Error invalid_parameter (+1): the parameter `p`: `max_length` is 2, less than `min_length`, which is 5
      hint: no text is as short and as long as that; change one of them
    ");
    assert_snapshot!(attributes("pattern: '^a$', default: b"), @r"
    a.yaml:3:45 Error invalid_parameter (+1): the parameter `p`: its default is not valid: it does not match ^a$
      hint: write a value that people could give too, or remove it
    ");
    assert_snapshot!(attributes("max_length: 2, default: abc"), @r"
    a.yaml:3:44 Error invalid_parameter (+3): the parameter `p`: its default is not valid: it has 3 characters and may have at most 2
      hint: write a value that people could give too, or remove it
    ");
    assert_snapshot!(attributes("pattern: '('"), @r#"
    a.yaml:3:30 Error invalid_regex (+3): `pattern` is not a regular expression: unclosed group
      hint: a character with a meaning of its own is taken literally after `\`
    "#);
    assert_snapshot!(attributes("type: number, default: many"), @r"
    a.yaml:3:43 Error invalid_parameter (+4): the parameter `p`: its default is not valid: it must be a number, and `many` is none
      hint: write a value that people could give too, or remove it
    ");
    assert_snapshot!(attributes("type: boolean, default: ''"), @r"
    a.yaml:3:44 Error invalid_parameter (+2): the parameter `p`: its default is not valid: it must be true or false
      hint: write a value that people could give too, or remove it
    ");
    assert_snapshot!(attributes("type: number, pattern: '^1$'"), @r"
    a.yaml:3:43 Error invalid_parameter (+5): the parameter `p`: `pattern` is for text, and this is none
      hint: remove it, or remove `type` and `options`
    ");
    assert_snapshot!(attributes("type: boolean, control: textarea"), @r"
    a.yaml:3:44 Error invalid_parameter (+8): the parameter `p`: `control` is for text, and this is none
      hint: remove it, or remove `type` and `options`
    ");
    assert_snapshot!(attributes("default:"), @r"
    a.yaml:3:20 Error invalid_parameter (+7): the parameter `p`: nothing is written for `default`
      hint: write a value that people could give too, or remove it
    ");
    assert_snapshot!(attributes("secret: true, default: x"), @r"
    a.yaml:3:43 Error invalid_parameter (+1): the parameter `p`: a secret with a default is none: everybody who reads the file would know it
      hint: remove `default` or `secret`
    ");
    assert_snapshot!(attributes("secret: true, type: number"), @r"
    a.yaml:3:40 Error invalid_parameter (+6): the parameter `p`: a secret is text
      hint: remove `type` and `options`
    ");
    assert_snapshot!(attributes("mapped: user_login, default: x"), @r"
    a.yaml:3:49 Error invalid_parameter (+1): the parameter `p`: a value from the surroundings has no default
      hint: remove it; `required: false` lets the value be absent
    ");
    assert_snapshot!(attributes("value: ' '"), @r"
    a.yaml:3:27 Error invalid_parameter (+3): the parameter `p`: `value` names nothing
      hint: write its path in `values` of the configuration, such as `build.region`
    ");
    assert_snapshot!(attributes("valid_input: small letters"), @r"
    a.yaml:3:33 Warning no_effect (+13): `valid_input` of the parameter `p` is never said
      hint: add a `pattern`, `min_length` or `max_length` that a text may fail, or remove it
    ");
    assert_eq!(
        attributes("pattern: '^a', min_length: 1, max_length: 1, default: a"),
        ""
    );
}

#[test]
fn cm_04_a_pattern_and_lengths_that_no_text_has_contradict_each_other() {
    let attributes = |text: &str| command(&format!("p: {{{text}}}"), "[x]");
    for (text, place, said) in [
        (
            "pattern: '^[a-z]{5,}$', max_length: 4",
            "3:56 Error",
            "what matches `pattern` has at least 5 characters, and `max_length` is 4",
        ),
        (
            "min_length: 6, pattern: '^(major|minor|patch)$'",
            "3:32 Error",
            "what matches `pattern` has at most 5 characters, and `min_length` is 6",
        ),
        (
            "secret: true, pattern: '^[0-9]{3}$'",
            "Error",
            "what matches `pattern` has at most 3 characters, and a secret has at least 4",
        ),
        (
            "pattern: '^$'",
            "Error",
            "only a text of no characters matches `pattern`",
        ),
    ] {
        let found = attributes(text);
        assert!(found.contains(place) && found.contains(said), "{text}: {found}");
    }
    for fine in [
        "pattern: '^[a-z]{5,}$', max_length: 5",
        "pattern: 'major', min_length: 9",
        "pattern: '^a+$', min_length: 9",
        "pattern: '^\u{e4}{4}$', max_length: 4",
        "pattern: '^$', required: false",
    ] {
        assert_eq!(attributes(fine), "", "{fine}");
    }
}

#[test]
fn ym_13_a_goal_asks_for_parameters_that_it_has() {
    let goal = |more: &str| problems(&format!("rules:\n- name: r\n  goals:\n  - {{name: g, {more}}}\n"));
    assert_snapshot!(goal("execute: {run: [x, '${parameters.tag}']}"), @r"
    a.yaml:4:37 Error unknown_placeholder (+1): the goal has no parameter `tag`
      hint: add `parameters: {tag: …}` to the goal, or say what stands for it: `${parameters.tag:…}`
    ");
    assert_snapshot!(goal("parameters: {tag: a, l: [1]}, execute: {run: [x, '${parameters.tga}', '${parameters.tag.x}', 'a${parameters.l}']}"), @r"
    a.yaml:4:67 Error unknown_placeholder (+1): the goal has no parameter `tga`
      hint: did you mean `${parameters.tag}`?
    a.yaml:4:88 Error unknown_placeholder (+1): the goal has no parameter `tag.x`
      hint: there is no such part of `tag`, or nothing is written for it; say what stands for it: `${parameters.tag.x:…}`
    a.yaml:4:112 Error unknown_placeholder (+1): `l` is a list or map and cannot be part of a text
      hint: let `${parameters.l}` be all of a value
    ");
    assert_snapshot!(goal("execute: {run: [x, '${event.x}', '${matches.1}', '${preferences.y}']}"), @r"
    a.yaml:4:37 Error unknown_placeholder (+1): a goal knows nothing of `event`
      hint: listeners know of an event; remove it, or say what stands for it: `${event.x:…}`
    a.yaml:4:51 Error unknown_placeholder (+1): a goal knows nothing of `matches`
      hint: commands have groups of a pattern; remove it, or say what stands for it: `${matches.1:…}`
    a.yaml:4:67 Error unknown_placeholder (+1): a goal knows nothing of `preferences`
      hint: commands without a repository and listeners know of them; remove it, or say what stands for it: `${preferences.y:…}`
    ");
    assert_snapshot!(goal("parameters: {tag: '${push.branch}'}, execute: {run: [x, '${parameters.tag}']}"), @r"
    a.yaml:4:33 Warning placeholder_not_filled (+16): placeholders are not filled in `parameters`; `${` is taken as it is
      hint: write the placeholder where the parameter is used, or compute it as a fact of the rule: `facts`
    ");
    for more in [
        "execute: {run: [x, '${parameters.tag:none}', '${!parameters.tag}', '${event.x:y}']}",
        "parameters: {a: {b: 1}, l: [1]}, execute: {run: [x, '${parameters.a.b}', '${parameters.l}']}",
        "parameters: {l: [1]}, execute: {run: [sh, -c, 'echo ${parameters.l}']}",
        "plan: {matrix: {os: [a]}}, execute: {run: [x, '${parameters.os}']}",
        "plan: '[{}]', execute: {run: [x, '${parameters.os}']}",
    ] {
        assert_eq!(goal(more), "", "{more}");
    }
    let groups = "plan: {groups: {a: {matrix: {os: [x]}}, b: {matrix: {cpu: [y]}}}}, execute: {run: [x, '${parameters.os}']}";
    assert!(
        goal(groups).contains("the goal has no parameter `os`"),
        "not every instance has it"
    );
    right("rules: [{name: r, goals: {name: g, parameters: {a: x}, execute: {run: [x, '${parameters.a}']}}}]");
}

#[test]
fn cm_04_what_is_needed_is_asked_for_or_has_a_value() {
    assert_snapshot!(command("n: {displayable: false}", "[x]"), @r"
    a.yaml:3:33 Error invalid_parameter (+5): the parameter `n`: it is needed, and nobody is asked for it
      hint: give it a `default`, write `required: false`, or remove `displayable`
    ");
    assert_snapshot!(command("n: {displayable: false, force: true, default: a}", "[x]"), @r"
    a.yaml:3:33 Error invalid_parameter (+5): the parameter `n`: it is to be asked for although there is a value, and nobody is asked for it
      hint: remove `force` or `displayable`
    ");
    assert_snapshot!(command("n: {required: true, default: ''}", "[x]"), @r"
    a.yaml:3:45 Error invalid_parameter (+2): the parameter `n`: its default is not valid: it is needed, and nothing is written for it
      hint: write a value that people could give too, or remove it
    ");
    for parameters in [
        "n: {displayable: false, default: a}",
        "n: {displayable: false, required: false}",
        "n: {displayable: false, mapped: user_login}",
        "n: {displayable: false, value: a}",
        "n: {force: true, default: a}",
    ] {
        assert_eq!(command(parameters, "[x]"), "", "{parameters}");
    }
}

#[test]
fn d8_lengths_that_no_text_has_are_found() {
    assert_snapshot!(command("n: {max_length: 0}", "[x]"), @r"
    a.yaml:3:32 Error invalid_parameter (+1): the parameter `n`: `max_length` is 0, so nothing could be given
      hint: write how long it may be, or remove it
    ");
    assert_snapshot!(command("n: {secret: true, max_length: 3}", "[x]"), @r"
    a.yaml:3:46 Error invalid_parameter (+1): the parameter `n`: `max_length` is 3, and a secret has at least 4 characters
      hint: write a greater one, or remove it
    ");
    assert_eq!(
        command("n: {secret: true, max_length: 4}, m: {max_length: 1}", "[x]"),
        ""
    );
}

#[test]
fn ym_13_facts_and_goals_that_nobody_sets_are_errors() {
    let text = "
rules:
- {name: figures, facts: {level: '1'}}
- name: a
  goals:
  - {name: build, execute: {run: [make]}}
  - name: deploy
    execute: {run: [x, '${facts.levle}', '${goals.biuld.data.tag:none}', '${facts.level} ${goals.build.data}']}
";
    assert_snapshot!(problems(text), @"
    a.yaml:8:27 Error unknown_placeholder (+1): no rule attaches a fact `levle`
      hint: did you mean `${facts.level}`?
    a.yaml:8:45 Error unknown_placeholder (+1): no rule sets a goal `biuld`
      hint: did you mean `${goals.build.data.tag}`?
    ");
    let unread = "
rules:
- {name: unread, facts: [x]}
- {name: a, goals: [{name: x, execute: {run: [x, '${facts.x}']}}]}
";
    assert!(!problems(unread).contains("no rule attaches"));
}

#[test]
fn ym_20_words_of_other_systems_are_answered_with_what_is_meant() {
    let text = "
rules:
- name: a
  needs: [b]
  goals:
  - name: build
    env: {A: b}
    stage: x
    execute: {run: [make], script: x}
  - name: test
    timeout: 5m
    execute: {run: [make]}
  - {name: lint, image: 'node:20', script: [npm test]}
";
    assert_snapshot!(problems(text), @r#"
    a.yaml:4:3 Error unknown_key (+5): a rule has no key `needs`
      hint: write `depends_on` with the names of earlier rules
    a.yaml:7:5 Error unknown_key (+3): a goal has no key `env`
      hint: write `env` below `execute`, or in each of `containers`; `environment` of a goal is the label of where it deploys to
    a.yaml:8:5 Error unknown_key (+5): a goal has no key `stage`
      hint: what runs one after the other are items of a rule's `goals`; what runs side by side stands in a list of its own there
    a.yaml:9:28 Error unknown_key (+6): `execute` has no key `script`
      hint: write `run: [sh, -ceu, "…"]`
    a.yaml:11:5 Error unknown_key (+7): a goal has no key `timeout`
      hint: write it below `execute`: `execute: {timeout: …}`
    a.yaml:13:36 Error not_available (+6): `script` is not available in this version
      hint: write `execute: {run: [sh, -ceu, "…"]}`, or `steps` there for several; in an image, `containers: [{name: main, image: …, args: [sh, -ceu, "…"]}]`
    "#);
}
