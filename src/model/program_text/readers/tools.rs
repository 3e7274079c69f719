//! Programs with flags that name another program or hold code for one. Of flags that are not listed here nothing is code.

use super::{Input, Operands, Reader, TOOL};

pub(super) static TOOLS: &[Reader] = &[
    Reader {
        names: &["sftp"],
        input: Input::Code,
        code: "oSFDb",
        data: "BcilJPRsX",
        operands: Operands::Remote,
        ..TOOL
    },
    Reader {
        names: &["scp"],
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
        names: &["ansible"],
        code: "aem",
        data: "iluMft",
        long: &["args", "extra-vars", "module-name"],
        ..TOOL
    },
    Reader {
        names: &["ansible-playbook"],
        code: "e",
        data: "iluMft",
        long: &["extra-vars"],
        long_data: &["limit", "tags", "skip-tags", "inventory", "user", "forks"],
        operands: Operands::All,
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
        input: Input::Code,
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
        names: &["pytest", "py.test"],
        code: "p",
        data: "kmWnocr",
        ..TOOL
    },
    // Builds.
    Reader {
        names: &["cmake"],
        settings: &[
            "-DCMAKE_TOOLCHAIN_FILE",
            "-DCMAKE_C_COMPILER",
            "-DCMAKE_CXX_COMPILER",
            "-DCMAKE_MAKE_PROGRAM",
            "-DCMAKE_MODULE_PATH",
            "-DCMAKE_PROJECT_",
        ],
        code: "PC",
        data: "DGBSATUE",
        ..TOOL
    },
];
