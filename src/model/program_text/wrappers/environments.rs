//! Programs that run another one in an environment which they make: of a language and its packages, of variables, of a container.

use super::{PLAIN, Wrapper};

pub(super) static ENVIRONMENTS: &[Wrapper] = &[
    Wrapper {
        names: &[
            "npx",
            "npm exec",
            "pnpm exec",
            "pnpm dlx",
            "yarn dlx",
            "bunx",
            "uvx",
            "pipx run",
        ],
        valued: "w",
        long_valued: &["workspace", "python", "index-url", "prefix", "registry"],
        code: "cp",
        long_code: &["call", "package", "from", "with", "spec"],
        ..PLAIN
    },
    Wrapper {
        names: &[
            "bundle exec",
            "poetry run",
            "pipenv run",
            "pdm run",
            "uv run",
            "rbenv exec",
            "pyenv exec",
            "mise exec",
            "hatch run",
            "rye run",
            "pixi run",
            "asdf exec",
            "volta run",
            "nvm exec",
            "opam exec",
            "stack exec",
            "cabal exec",
            "unbuffer",
            "chronic",
        ],
        valued: "pC",
        long_valued: &[
            "with",
            "python",
            "extra",
            "group",
            "env-file",
            "directory",
            "project",
            "package",
        ],
        ..PLAIN
    },
    Wrapper {
        names: &["cross-env"],
        assigns: true,
        ..PLAIN
    },
    Wrapper {
        names: &["conda run", "mamba run", "micromamba run"],
        valued: "np",
        long_valued: &["name", "prefix", "cwd"],
        ..PLAIN
    },
    Wrapper {
        names: &["cargo watch"],
        valued: "wiBCdF",
        long_valued: &["watch", "ignore", "delay", "workdir", "features"],
        code: "sx",
        long_code: &["shell", "exec", "use-shell"],
        ..PLAIN
    },
    // Variables from files and from keepers of secrets.
    Wrapper {
        names: &[
            "dotenv",
            "dotenv run",
            "dotenvx run",
            "op run",
            "doppler run",
            "infisical run",
            "teller run",
        ],
        valued: "efpcvo",
        long_valued: &["env-file", "env", "file", "project", "config", "path"],
        ..PLAIN
    },
    Wrapper {
        names: &["direnv exec", "aws-vault exec", "chamber exec"],
        valued: "d",
        long_valued: &["duration", "region"],
        operands: 1,
        ..PLAIN
    },
    // Containers that are there already, and other computers.
    Wrapper {
        names: &[
            "docker exec",
            "docker container exec",
            "docker compose exec",
            "docker-compose exec",
            "podman exec",
            "podman container exec",
            "podman compose exec",
            "podman-compose exec",
            "nerdctl exec",
            "nerdctl compose exec",
            "crictl exec",
            "lxc exec",
            "incus exec",
            "multipass exec",
            "buildah run",
        ],
        valued: "euwv",
        long_valued: &[
            "env",
            "env-file",
            "user",
            "workdir",
            "detach-keys",
            "index",
            "cwd",
            "volume",
        ],
        sets: &["e", "env"],
        operands: 1,
        keeps_environment: false,
        ..PLAIN
    },
];
