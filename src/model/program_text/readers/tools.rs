//! Programs with flags that name another program or hold code for one. Of flags that are not listed here nothing is code.

use super::{Operands, Reader, TOOL};

pub(super) static TOOLS: &[Reader] = &[
    Reader {
        names: &["scp", "sftp"],
        code: "oSFD",
        data: "BbcilJPRsX",
        operands: Operands::Remote,
        ..TOOL
    },
    Reader {
        names: &["rsync"],
        code: "e",
        data: "fBTM",
        long: &["rsh", "rsync-path"],
        ..TOOL
    },
    Reader {
        names: &["tar", "gtar", "bsdtar"],
        code: "IF",
        data: "bCfgHKLNTVX",
        long: &[
            "to-command",
            "use-compress-program",
            "checkpoint-action",
            "rsh-command",
            "rmt-command",
            "info-script",
            "new-volume-script",
        ],
        ..TOOL
    },
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
        names: &["find"],
        programs: &["exec", "execdir", "ok", "okdir"],
        ..TOOL
    },
    Reader {
        names: &[
            "jq",
            "gojq",
            "jaq",
            "yq",
            "yq eval",
            "yq e",
            "yq eval-all",
            "yq ea",
        ],
        code: "f",
        loads: "L",
        long: &["from-file", "expression"],
        long_data: &["indent", "tab"],
        pairs: &["arg", "argjson", "slurpfile", "rawfile", "argfile"],
        operands: Operands::First,
        ..TOOL
    },
    Reader {
        names: &["sqlite"],
        reads_input: true,
        long: &["cmd"],
        long_loads: &["init"],
        long_data: &["separator", "newline", "nullvalue", "vfs", "maxsize"],
        operands: Operands::Rest,
        ..TOOL
    },
    Reader {
        names: &["psql"],
        reads_input: true,
        code: "c",
        loads: "f",
        data: "dFhLopPRTUv",
        long: &["command"],
        long_loads: &["file"],
        ..TOOL
    },
    Reader {
        names: &["clickhouse-client", "clickhouse"],
        reads_input: true,
        code: "q",
        long: &["query", "queries-file"],
        ..TOOL
    },
    Reader {
        names: &["gdb", "lldb"],
        reads_input: true,
        code: "xosOSQk",
        long: &[
            "ex",
            "ix",
            "iex",
            "eval-command",
            "init-eval-command",
            "command",
            "init-command",
            "one-line",
        ],
        ..TOOL
    },
    Reader {
        names: &["vim", "nvim", "vi", "view", "ex", "emacs"],
        operands: Operands::Beginnings,
        code: "cSsuU",
        long: &["cmd", "eval", "execute", "funcall", "load"],
        ..TOOL
    },
    Reader {
        names: &["ansible", "ansible-playbook"],
        code: "ae",
        data: "iluMft",
        long: &["args", "extra-vars"],
        ..TOOL
    },
    Reader {
        names: &["nix-shell"],
        code: "pE",
        long: &["run", "command", "expr", "packages"],
        ..TOOL
    },
    // Names of programs.
    Reader {
        names: &["split", "gsplit"],
        data: "abClnt",
        long: &["filter"],
        ..TOOL
    },
    Reader {
        names: &["sort", "gsort"],
        data: "kotST",
        long: &["compress-program"],
        ..TOOL
    },
    Reader {
        names: &["gcc", "g++", "cc", "c++", "clang", "clang++"],
        code: "B",
        data: "DILolUxTuAze",
        attached: "WfmOgsdp",
        long: &["wrapper", "fplugin", "specs", "fuse-ld", "ld-path"],
        ..TOOL
    },
    Reader {
        names: &["go run"],
        long: &["exec", "toolexec"],
        long_data: &[
            "ldflags",
            "gcflags",
            "asmflags",
            "tags",
            "mod",
            "modfile",
            "overlay",
            "buildmode",
            "pkgdir",
        ],
        data: "poC",
        operands: Operands::First,
        ..TOOL
    },
    Reader {
        names: &["go"],
        long: &["exec", "toolexec"],
        ..TOOL
    },
    Reader {
        names: &["cargo"],
        // Of `cargo watch`.
        code: "sx",
        data: "pFjCZ",
        long: &["config", "shell", "exec"],
        long_data: &[
            "manifest-path",
            "color",
            "target-dir",
            "package",
            "features",
            "target",
            "profile",
            "message-format",
            "jobs",
            "bin",
            "example",
        ],
        operands: Operands::First,
        ..TOOL
    },
    Reader {
        names: &["helm"],
        long: &["post-renderer", "post-renderer-args"],
        ..TOOL
    },
    Reader {
        names: &["zip"],
        data: "bnt",
        long: &["TT", "unzip-command"],
        ..TOOL
    },
    Reader {
        names: &["man"],
        code: "PH",
        long: &["pager", "html", "preprocessor", "config-file"],
        ..TOOL
    },
    Reader {
        names: &["less", "more", "most"],
        operands: Operands::Beginnings,
        ..TOOL
    },
    Reader {
        names: &["hg"],
        code: "e",
        data: "mulbRd",
        long: &["config", "config-file", "ssh", "remotecmd", "tool"],
        ..TOOL
    },
    Reader {
        names: &["svn"],
        long: &[
            "config-option",
            "config-dir",
            "diff-cmd",
            "diff3-cmd",
            "editor-cmd",
        ],
        ..TOOL
    },
    Reader {
        names: &["su"],
        code: "c",
        loads: "s",
        data: "gGw",
        long: &["command", "session-command"],
        long_loads: &["shell"],
        ..TOOL
    },
    Reader {
        names: &["bazel", "bazelisk"],
        long: &[
            "run_under",
            "bazelrc",
            "workspace_status_command",
            "shell_executable",
            "host_jvm_args",
        ],
        ..TOOL
    },
    Reader {
        names: &["aria2c"],
        long: &[
            "on-download-complete",
            "on-download-start",
            "on-download-error",
            "on-download-stop",
            "on-bt-download-complete",
            "conf-path",
        ],
        ..TOOL
    },
    Reader {
        names: &["dc", "ed"],
        code: "e",
        loads: "f",
        long: &["expression"],
        long_loads: &["file"],
        reads_input: true,
        ..TOOL
    },
    Reader {
        names: &["crontab"],
        data: "u",
        reads_input: true,
        ..TOOL
    },
    // Settings that name programs, and files of such settings.
    Reader {
        names: &["curl"],
        code: "K",
        data: "dHoXuAbFTwmxeCcDEPQrtUYyz",
        long: &["config"],
        ..TOOL
    },
    Reader {
        names: &["wget"],
        code: "e",
        data: "oOaPUtTiQABDIXRwl",
        long: &["execute", "config", "use-askpass"],
        ..TOOL
    },
    Reader {
        names: &["openssl"],
        long: &["engine", "provider", "provider-path", "config"],
        ..TOOL
    },
    Reader {
        names: &["mysql", "mariadb", "mysqldump"],
        reads_input: true,
        code: "e",
        data: "uhPDSr",
        attached: "p",
        long: &["execute", "init-command", "pager"],
        long_loads: &["defaults-file", "defaults-extra-file", "plugin-dir"],
        ..TOOL
    },
    Reader {
        names: &["pytest", "py.test"],
        code: "p",
        data: "kmWnocr",
        ..TOOL
    },
    // Builds.
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
        names: &["cmake"],
        code: "PC",
        data: "DGBSATUE",
        ..TOOL
    },
    Reader {
        names: &["gradle", "gradlew"],
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
];
