//! What may be written of a goal in containers.

use super::options;
use crate::model::running::{GRACE, TIMEOUT};
use crate::model::{Descriptor, Field, ValueType};
use crate::spec::secrets::SECRETS;

const TEXTS: ValueType = ValueType::List(&ValueType::Text);

const PORT: &[Field] = &[Field::new(
    "container_port",
    ValueType::Integer { min: 1, max: 65535 },
    "port inside the container",
)
.required()];

const MOUNT: &[Field] = &[
    Field::new("name", ValueType::Text, "a volume of the goal").required(),
    Field::new("mount_path", ValueType::Text, "where it appears in the container").required(),
    Field::new(
        "read_only",
        ValueType::Boolean,
        "whether it can only be read there",
    )
    .default("false"),
];

const LIMITS: &[Field] = &[
    // Engines refuse to start anything with less.
    Field::new(
        "memory",
        ValueType::Size,
        "memory, swap included, such as `512MiB`",
    )
    .within(6 << 20, u64::MAX),
    Field::new("cpu", ValueType::Text, "cores, such as `1.5` or `500m`"),
    Field::new(
        "pids",
        ValueType::Integer {
            min: 1,
            max: 1_000_000,
        },
        "processes and threads",
    ),
    Field::new(
        "shm",
        ValueType::Size,
        "shared memory in `/dev/shm`, such as `1GiB`; the engine's own",
    )
    .within(1 << 16, u64::MAX),
    Field::new(
        "open_files",
        ValueType::Integer {
            min: 16,
            max: 1 << 30,
        },
        "open files of each process; the goal's own limit",
    ),
    Field::new(
        "file_size",
        ValueType::Size,
        "size of each file that is written; the goal's own limit",
    )
    .within(1 << 12, 1 << 60),
    Field::new(
        "locked_memory",
        ValueType::Size,
        "memory of each process that is never written out",
    )
    .within(1 << 12, 1 << 60),
    Field::new("stack", ValueType::Size, "stack of each process").within(1 << 16, 1 << 60),
];

/// One container.
pub(in crate::kinds) const CONTAINER: &[Field] = &[
    Field::new(
        "name",
        ValueType::Text,
        "what it is called, and its name on the goal's network",
    )
    .required(),
    Field::new("image", ValueType::Text, "its image; placeholders allowed").required(),
    Field::new(
        "command",
        TEXTS,
        "entry point and its first arguments; the image's own",
    )
    .aliases(&["entrypoint"]),
    Field::new("args", TEXTS, "further arguments; placeholders allowed"),
    Field::new(
        "env",
        ValueType::Variables,
        "variables, as a map or a list of `{name, value}`; placeholders allowed",
    )
    .aliases(&["environment"]),
    Field::new(
        "ports",
        ValueType::List(&ValueType::TextOr("container_port", PORT)),
        "ports it offers on the computer's loopback, by a number that the log tells",
    ),
    Field::new(
        "volume_mounts",
        ValueType::List(&ValueType::Fields(MOUNT)),
        "volumes of the goal it uses",
    ),
    Field::new(
        "test",
        ValueType::Test,
        "a push test: without it this container is left out",
    ),
    Field::new(
        "working_dir",
        ValueType::Text,
        "where it runs; the working copy, for a service the image's own, as with an empty text",
    )
    .aliases(&["working_directory"]),
    Field::new("user", ValueType::Text, "who it runs as; the image's own"),
    Field::new(
        "pull",
        ValueType::Choice(&["missing", "always", "never"]),
        "when its image is fetched",
    )
    .default("missing"),
    Field::new("limits", ValueType::Fields(LIMITS), "what it may use"),
    Field {
        help: "secrets that this container is given, and no other",
        ..SECRETS
    },
    Field::new(
        "privileged",
        ValueType::Boolean,
        "all rights over the computer, where the operator allows it",
    )
    .default("false"),
    Field::new(
        "capabilities",
        TEXTS,
        "further capabilities, where the operator allows them",
    )
    .not_empty(),
    options::DROP_CAPABILITIES,
    options::DEVICES,
    options::SYSCTLS,
    options::TMPFS_FIELD,
    options::READ_ONLY,
    options::HOSTNAME,
    options::EXTRA_HOSTS,
    options::DNS,
    options::READY_FIELD,
];

const HOST_PATH: &[Field] = &[Field::new("path", ValueType::Text, "an absolute path").required()];

const VOLUME: &[Field] = &[
    Field::new("name", ValueType::Text, "what mounts call it").required(),
    Field::new(
        "host_path",
        ValueType::Fields(HOST_PATH),
        "a directory of the computer, where the operator allows it",
    ),
    Field::new(
        "empty_dir",
        ValueType::Any,
        "what a volume is anyway; accepted for older files",
    ),
];

pub(in crate::kinds) const INIT_CONTAINERS: Field = Field::new(
    "init_containers",
    ValueType::List(&ValueType::Fields(CONTAINER)),
    "containers that run before the others, one after the other, to a good end",
);

pub(in crate::kinds) const VOLUMES: Field = Field::new(
    "volumes",
    ValueType::List(&ValueType::Fields(VOLUME)),
    "empty directories that containers share; gone with the goal",
);

pub(in crate::kinds) const NETWORK: Field = Field::new(
    "network",
    ValueType::Choice(&["open", "closed", "host"]),
    "what the containers reach: all, each other only, or the computer's own network where the operator allows it; \
     `open`, and `closed` for pushes that are not trusted",
);

const BESIDE: &[Field] = &[
    INIT_CONTAINERS,
    VOLUMES,
    NETWORK,
    Field {
        help: "longest run time, images included",
        ..TIMEOUT
    },
    GRACE,
];

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    name: "containers",
    aliases: &[],
    value: Some(ValueType::With {
        main: &ValueType::List(&ValueType::Fields(CONTAINER)),
        beside: BESIDE,
    }),
    by_use: false,
    help: "Runs containers on the working copy: the first decides, the others are its services.",
    example: "name: test\ncontainers: [{name: test, image: \"node:20\", args: [npm, test]}]",
};
