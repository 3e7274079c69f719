//! What variables of an environment mean to the programs that find them (threat D9).
//!
//! Most variables say something to one program. Some are the machine's own word to a goal, and nobody else may speak it. Some
//! decide which code a program loads or whom it talks to: who sets those chooses what runs.

/// What a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableMeaning {
    /// Part of the contract between the machine and its goals (semantics 3.19): only the machine sets it.
    Contract,
    /// Loads code into programs, or leads them elsewhere.
    Loading,
    /// Anything else.
    Plain,
}

/// Beginnings of the names of the contract.
pub const CONTRACT: &[&str] = &["SDM_", "ATOMIST_"];

/// The variable in which every goal finds the branch that was pushed to, which others name.
pub const BRANCH: &str = "ATOMIST_BRANCH";

/// How the variables begin in which programs of commands find what somebody has said for their parameters.
pub const PARAMETERS: &str = "SDM_PARAMETER_";

/// Beginnings of names that load code or lead elsewhere, in capitals.
const LOADING_PREFIXES: &[&str] = &[
    "LD_",
    "DYLD_",
    "BASH_FUNC_",
    "NPM_CONFIG_",
    "PIP_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
];

/// Beginnings of names that git reads, in capitals: what it runs, where it finds its repository and settings, whom it talks to.
/// Others that begin with `GIT_` are data that people call so, such as `GIT_BRANCH`, and so is who writes a commit.
#[rustfmt::skip]
const OF_GIT: &[&str] = &[
    "GIT_ALLOW", "GIT_ALTERNATE", "GIT_ASKPASS", "GIT_ATTR", "GIT_BROWSER", "GIT_CEILING", "GIT_CLONE_PROTECTION",
    "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_COOKIE", "GIT_CURL", "GIT_DEFAULT_HASH", "GIT_DEFAULT_REF", "GIT_DIFF_OPTS", "GIT_DISCOVERY",
    "GIT_EDITOR", "GIT_EXEC", "GIT_EXTERNAL", "GIT_GRAFT", "GIT_HTTP", "GIT_INDEX", "GIT_INTERNAL", "GIT_LFS", "GIT_MAN",
    "GIT_NAMESPACE", "GIT_NO_", "GIT_OBJECT", "GIT_OPTIONAL", "GIT_PAGER", "GIT_PROTOCOL", "GIT_PROXY",
    "GIT_QUARANTINE", "GIT_REDIRECT", "GIT_REPLACE", "GIT_SEQUENCE", "GIT_SHALLOW", "GIT_SHELL", "GIT_SSH", "GIT_SSL",
    "GIT_SVN", "GIT_TEMPLATE", "GIT_TERMINAL", "GIT_TEST", "GIT_TRACE", "GIT_WORK_TREE",
];

/// Names that load code or lead elsewhere, in capitals.
const LOADING: &[&str] = &[
    // Where programs and settings are found.
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "SHELL",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "GCONV_PATH",
    "GIT_DIR",
    // Shells.
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "PS4",
    "IFS",
    "CDPATH",
    "ZDOTDIR",
    // Interpreters and compilers.
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONSTARTUP",
    "PYTHONPATH",
    "PYTHONHOME",
    "PERL5OPT",
    "PERL5LIB",
    "PERL5DB",
    "RUBYOPT",
    "RUBYLIB",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "CLASSPATH",
    "MAVEN_OPTS",
    "MAVEN_ARGS",
    "GRADLE_OPTS",
    "GOFLAGS",
    "GOPROXY",
    "GOENV",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "MAKEFLAGS",
    "LUA_INIT",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    // Whom programs talk to, and whom they believe.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "OPENSSL_CONF",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
    "DOCKER_HOST",
    "KUBECONFIG",
];

/// Further beginnings of names that say to one program what it loads, in capitals: anybody may set them, and their values are
/// nobody else's to say.
const STEERING_PREFIXES: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_TARGET_",
    "CGO_",
    "LUA_INIT_5_",
    "YARN_",
    "UV_",
    "TF_CLI_",
    "ANSIBLE_",
];

/// Further such names, in capitals.
const STEERING: &[&str] = &[
    // Builds.
    "GNUMAKEFLAGS",
    "MFLAGS",
    "TAR_OPTIONS",
    "RSYNC_RSH",
    "SVN_SSH",
    "RUSTFLAGS",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTUP_TOOLCHAIN",
    "CARGO_HOME",
    "CARGO_ENCODED_RUSTFLAGS",
    "CC",
    "CXX",
    "LD",
    "AR",
    "GOTOOLCHAIN",
    "SBT_OPTS",
    "JAVA_OPTS",
    "JRUBY_OPTS",
    "DOTNET_STARTUP_HOOKS",
    // Interpreters and shells.
    "LUA_PATH",
    "LUA_CPATH",
    "PYTHONUSERBASE",
    "PYTHONBREAKPOINT",
    "PYTHONWARNINGS",
    "BUNDLE_GEMFILE",
    "GEM_HOME",
    "GEM_PATH",
    "BASH_LOADABLES_PATH",
    "FPATH",
    "PSQLRC",
    "LESSOPEN",
    "BROWSER",
    // Settings, and whom programs believe.
    "AWS_CONFIG_FILE",
    "DOCKER_CONFIG",
    "CONTAINER_HOST",
    "GNUPGHOME",
    "OPENSSL_MODULES",
    "OPENSSL_ENGINES",
    "HELM_PLUGINS",
    "XDG_DATA_HOME",
    "HOSTALIASES",
];

/// Names with such a beginning that only say where something is put.
const PLACES: &[&str] = &[
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_JOBS",
    "UV_CACHE_DIR",
    "YARN_CACHE_FOLDER",
];

/// Whether a variable says to a program what it loads, so that nobody but the author of a goal file may say its value.
pub fn steers_programs(name: &str) -> bool {
    let capitals = name.to_ascii_uppercase();
    let is_steering = STEERING.contains(&capitals.as_str())
        || STEERING_PREFIXES
            .iter()
            .any(|prefix| capitals.starts_with(prefix));
    VariableMeaning::of(name) == VariableMeaning::Loading
        || (is_steering && !PLACES.contains(&capitals.as_str()))
}

/// The same of a name that is written in a script, where small letters are most often names of its author's own, such as `path` and
/// `env`; some programs read theirs in small letters as well.
pub fn steers_as_written(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    let is_read_small = small.ends_with("_proxy") || small.starts_with("npm_config_");
    let is_own = name == small && !is_read_small;
    steers_programs(name) && !is_own
}

/// Ends of names that say that the value is a credential, whatever they begin with.
const CREDENTIALS: &[&str] = &["TOKEN", "AUTH", "PASSWORD", "PASSWD", "SECRET", "_KEY"];

/// Names that lead to a file of settings or certificates, which may well be a secret.
const FILES: &[&str] = &[
    "KUBECONFIG",
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "NPM_CONFIG_USERCONFIG",
    "PIP_CONFIG_FILE",
    "GIT_CONFIG_GLOBAL",
];

/// Whether the variable of this name may carry a secret: what loads code is chosen by the author of a goal, and a secret
/// is not.
pub fn may_carry_secret(name: &str) -> bool {
    let capitals = name.to_ascii_uppercase();
    VariableMeaning::of(name) == VariableMeaning::Plain
        || VariableMeaning::of(name) == VariableMeaning::Loading
            && !LOADING.contains(&capitals.as_str())
            && CREDENTIALS.iter().any(|end| capitals.ends_with(end))
}

/// Whether the variable of this name may lead to a file that holds a secret.
pub fn may_name_secret_file(name: &str) -> bool {
    let capitals = name.to_ascii_uppercase();
    VariableMeaning::of(name) == VariableMeaning::Plain || FILES.contains(&capitals.as_str())
}

impl VariableMeaning {
    /// What the variable of this name means. Some programs read the names of proxies and the like in small letters too.
    pub fn of(name: &str) -> Self {
        if CONTRACT.iter().any(|prefix| name.starts_with(prefix)) {
            return Self::Contract;
        }
        let capitals = name.to_ascii_uppercase();
        let is_loading = LOADING.contains(&capitals.as_str())
            || LOADING_PREFIXES
                .iter()
                .chain(OF_GIT)
                .any(|prefix| capitals.starts_with(prefix));
        match is_loading {
            true => Self::Loading,
            false => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d9_a_secret_goes_where_credentials_go_and_not_where_code_comes_from() {
        for name in [
            "TOKEN",
            "CARGO_REGISTRIES_ACME_TOKEN",
            "NPM_CONFIG__AUTH",
            "npm_config__password",
        ] {
            assert!(may_carry_secret(name), "{name}");
        }
        for name in [
            "PATH",
            "LD_PRELOAD",
            "GIT_SSH_COMMAND",
            "NODE_OPTIONS",
            "SDM_TOKEN",
            "KUBECONFIG",
        ] {
            assert!(!may_carry_secret(name), "{name}");
        }
        for name in ["KUBECONFIG", "KEY_FILE", "SSL_CERT_FILE"] {
            assert!(may_name_secret_file(name), "{name}");
        }
        for name in ["PATH", "LD_PRELOAD", "BASH_ENV", "ATOMIST_GOAL"] {
            assert!(!may_name_secret_file(name), "{name}");
        }
    }

    #[test]
    fn d9_variables_that_steer_one_program_are_anybodys_to_set_and_nobody_elses_to_say() {
        for name in [
            "RUSTFLAGS",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER",
            "cc",
            "TF_CLI_ARGS_plan",
            "ANSIBLE_LIBRARY",
            "LUA_INIT_5_4",
        ] {
            assert!(steers_programs(name), "{name}");
            assert_eq!(VariableMeaning::of(name), VariableMeaning::Plain, "{name}");
        }
        assert!(steers_programs("PATH"));
        for name in ["CARGO_TARGET_DIR", "CCACHE_DIR", "VERSION", "CI"] {
            assert!(!steers_programs(name), "{name}");
        }
    }

    #[test]
    fn d9_small_letters_are_names_of_a_script_itself() {
        for name in ["PATH", "https_proxy", "npm_config_registry", "Path"] {
            assert!(steers_as_written(name), "{name}");
        }
        for name in ["path", "env", "cc", "home", "version"] {
            assert!(!steers_as_written(name), "{name}");
        }
    }

    #[test]
    fn d9_variables_are_told_apart_by_what_they_do() {
        for name in ["SDM_GOAL", "SDM_", "ATOMIST_RESULT"] {
            assert_eq!(VariableMeaning::of(name), VariableMeaning::Contract, "{name}");
        }
        for name in [
            "PATH",
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "GIT_SSH_COMMAND",
            "BASH_ENV",
            "HOME",
            "NODE_OPTIONS",
            "http_proxy",
            "HTTPS_PROXY",
            "BASH_FUNC_ls%%",
            "npm_config_registry",
            "GIT_CONFIG_COUNT",
            "GIT_DIR",
            "GIT_WORK_TREE",
            "git_editor",
            "GIT_EXTERNAL_DIFF",
            "GIT_TRACE2_EVENT",
        ] {
            assert_eq!(VariableMeaning::of(name), VariableMeaning::Loading, "{name}");
        }
        for name in [
            "CI",
            "RUSTFLAGS",
            "DATABASE_URL",
            "PATHS",
            "MY_LD_FLAGS",
            "LDFLAGS",
            "sdm_x",
            "GITHUB_REF",
            "GIT_BRANCH",
            "GIT_COMMIT",
            "GIT_TAG",
            "GIT_URL",
            "GIT_AUTHOR_NAME",
            "GIT_COMMITTER_EMAIL",
            "GIT_TOKEN",
        ] {
            assert_eq!(VariableMeaning::of(name), VariableMeaning::Plain, "{name}");
        }
    }
}
