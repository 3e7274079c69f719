//! Programs that run what the files of a project define by name: builds, tasks, scripts of packages. Of flags that are not listed
//! here nothing is code.

use super::{Input, Operands, Reader, TOOL};

pub(super) static TASKS: &[Reader] = &[
    Reader {
        names: &["make", "gmake"],
        code: "f",
        loads: "I",
        data: "CWo",
        attached: "jlO",
        long: &["eval", "file", "makefile"],
        long_loads: &["include-dir"],
        long_data: &["directory", "what-if", "new-file", "assume-new", "old-file"],
        operands: Operands::Targets,
        ..TOOL
    },
    Reader {
        names: &["rake"],
        code: "epEf",
        loads: "rI",
        data: "CGjnR",
        long: &["execute", "execute-print", "execute-continue", "rakefile"],
        long_loads: &["require", "libdir"],
        operands: Operands::Beginnings,
        ..TOOL
    },
    Reader {
        names: &["ninja"],
        code: "f",
        data: "Cjkldtw",
        operands: Operands::Targets,
        ..TOOL
    },
    Reader {
        names: &["gradle", "gradlew"],
        settings: &["-Dorg.gradle.jvmargs", "-Dorg.gradle.java.home"],
        code: "Ibc",
        loads: "g",
        data: "px",
        attached: "DP",
        long: &["init-script", "build-file", "settings-file", "include-build"],
        long_loads: &["gradle-user-home"],
        long_data: &[
            "tests",
            "exclude-task",
            "project-dir",
            "console",
            "max-workers",
            "warning-mode",
        ],
        operands: Operands::Beginnings,
        ..TOOL
    },
    Reader {
        names: &["mvn", "mvnw"],
        settings: &[
            "-Dexec.executable",
            "-Dexec.mainClass",
            "-DargLine",
            "-Darguments",
            "-Djvm=",
            "-Dmaven.ext.class.path",
            "-Dspring-boot.run.jvmArguments",
        ],
        code: "f",
        loads: "st",
        data: "lTbP",
        attached: "D",
        long: &["file"],
        long_loads: &["settings", "global-settings", "toolchains", "gs", "gt"],
        long_data: &[
            "pl",
            "rf",
            "projects",
            "resume-from",
            "threads",
            "activate-profiles",
        ],
        operands: Operands::Beginnings,
        ..TOOL
    },
    Reader {
        names: &["nix-shell"],
        code: "pE",
        long: &["run", "command", "expr", "packages"],
        ..TOOL
    },
    // Whatever is written there is an expression, or goes into one.
    Reader {
        names: &["sbt"],
        data: "J",
        attached: "D",
        loads: "S",
        operands: Operands::All,
        ..TOOL
    },
    Reader {
        names: &["heroku run", "heroku run:detached"],
        data: "aesr",
        long_data: &["app", "remote", "size", "env", "type"],
        operands: Operands::All,
        ..TOOL
    },
    Reader {
        names: &["just", "task", "mage", "ant", "phing"],
        code: "f",
        data: "dDC",
        attached: "D",
        long: &[
            "justfile",
            "taskfile",
            "command",
            "shell",
            "shell-arg",
            "buildfile",
            "lib",
            "logger",
            "listener",
        ],
        long_data: &["dir", "working-directory", "output", "concurrency"],
        operands: Operands::Targets,
        ..TOOL
    },
    // One name, and arguments for what is called so.
    Reader {
        names: &[
            "npm run",
            "npm run-script",
            "yarn run",
            "pnpm run",
            "bun run",
            "yarn",
            "pnpm",
            "composer run-script",
            "composer run",
            "composer exec",
            "nx",
            "turbo run",
            "lerna run",
            "moon run",
            "rush",
            "grunt",
            "gulp",
            "invoke",
            "inv",
            "fab",
            "doit",
            "scons",
            "lein",
            "mill",
            "mix",
            "rails",
            "cargo make",
            "deno task",
            "dagger call",
            "earthly",
            "mise run",
            "poe",
        ],
        data: "CFwp",
        long_data: &["cwd", "filter", "dir", "workspace", "prefix", "scope", "projects"],
        operands: Operands::FirstTarget,
        ..TOOL
    },
    Reader {
        names: &["npm-run-all", "run-s", "run-p", "nx run-many"],
        operands: Operands::All,
        long: &["targets", "target"],
        code: "t",
        ..TOOL
    },
    Reader {
        names: &["rails runner", "rails r"],
        data: "e",
        long_data: &["environment"],
        operands: Operands::First,
        ..TOOL
    },
    Reader {
        names: &[
            "rails console",
            "rails c",
            "rails dbconsole",
            "rails db",
            "manage.py shell",
            "python manage.py shell",
            "manage.py dbshell",
            "python manage.py dbshell",
            "artisan tinker",
            "php artisan tinker",
        ],
        input: Input::Code,
        code: "ce",
        data: "i",
        long: &["command", "execute"],
        ..TOOL
    },
    Reader {
        names: &["mix run", "mix eval"],
        code: "er",
        long: &["eval", "require"],
        operands: Operands::First,
        ..TOOL
    },
    Reader {
        names: &["nix run", "nix bundle"],
        operands: Operands::First,
        long: &["expr", "file", "override-input"],
        ..TOOL
    },
    Reader {
        names: &["nix develop", "nix shell"],
        programs: &["c", "command"],
        code: "f",
        long: &["expr", "file"],
        long_data: &["system", "store"],
        ..TOOL
    },
    Reader {
        names: &["nix", "nix-build", "nix-instantiate", "nix-env"],
        code: "E",
        long: &["expr"],
        long_data: &["attr"],
        data: "Ao",
        ..TOOL
    },
    Reader {
        names: &["nodemon", "ts-node-dev", "tsnd"],
        code: "x",
        data: "ewdiLVC",
        long: &["exec", "config", "require"],
        long_data: &["ext", "watch", "ignore", "delay", "signal"],
        operands: Operands::First,
        ..TOOL
    },
];
