//! Programs that run another one, which their arguments name: those of a computer here, those of an environment that is made for
//! it in [`environments`].

mod environments;

use environments::ENVIRONMENTS;

use super::flags::{Flags, Shape};
use super::{Role, Walk};
use crate::model::variables::{steers_as_written, steers_programs};

/// One of them.
pub(super) struct Wrapper {
    names: &'static [&'static str],
    /// Letters with a value.
    valued: &'static str,
    long_valued: &'static [&'static str],
    /// Letters and long names whose value is code.
    code: &'static str,
    long_code: &'static [&'static str],
    /// Letters and long names whose value sets a variable.
    sets: &'static [&'static str],
    /// How many arguments of its own stand before the program.
    operands: usize,
    /// Whether variables may stand before the program.
    assigns: bool,
    /// Whether the program has the variables of the wrapper.
    keeps_environment: bool,
}

const PLAIN: Wrapper = Wrapper {
    names: &[],
    valued: "",
    long_valued: &[],
    code: "",
    long_code: &[],
    sets: &[],
    operands: 0,
    assigns: false,
    keeps_environment: true,
};

static WRAPPERS: &[Wrapper] = &[
    Wrapper {
        names: &["entr"],
        code: "s",
        ..PLAIN
    },
    Wrapper {
        names: &["env"],
        valued: "uCSaP",
        long_valued: &["unset", "chdir", "split-string", "argv0"],
        assigns: true,
        ..PLAIN
    },
    Wrapper {
        names: &[
            "setsid",
            "nohup",
            "busybox",
            "toybox",
            "command",
            "builtin",
            "fakeroot",
            "eatmydata",
            "torsocks",
            "caffeinate",
            "catatonit",
            "dumb-init",
            "dbus-run-session",
            "setarch",
            "linux",
            "exec",
        ],
        valued: "a",
        ..PLAIN
    },
    Wrapper {
        names: &["timeout", "gtimeout"],
        valued: "ks",
        long_valued: &["kill-after", "signal"],
        operands: 1,
        ..PLAIN
    },
    Wrapper {
        names: &["nice"],
        valued: "n",
        long_valued: &["adjustment"],
        ..PLAIN
    },
    Wrapper {
        names: &["ionice"],
        valued: "cnpPu",
        long_valued: &["class", "classdata"],
        ..PLAIN
    },
    Wrapper {
        names: &["chrt"],
        valued: "TPD",
        operands: 1,
        ..PLAIN
    },
    Wrapper {
        names: &[
            "valgrind",
            "firejail",
            "proot",
            "watchexec",
            "bear",
            "ccache",
            "sccache",
            "distcc",
            "retry",
            "catchsegv",
            "scan-build",
        ],
        valued: "rwbRjtd",
        long_valued: &["watch", "exts", "ignore", "timeout", "times", "delay", "tool"],
        ..PLAIN
    },
    Wrapper {
        names: &[
            "taskset",
            "gosu",
            "su-exec",
            "wait-for-it",
            "wait-for-it.sh",
            "setuidgid",
            "s6-setuidgid",
            "chpst",
            "faketime",
        ],
        operands: 1,
        ..PLAIN
    },
    Wrapper {
        names: &["stdbuf"],
        valued: "ioe",
        long_valued: &["input", "output", "error"],
        ..PLAIN
    },
    Wrapper {
        names: &["chroot"],
        long_valued: &["userspec", "groups"],
        operands: 1,
        ..PLAIN
    },
    Wrapper {
        names: &["unshare", "nsenter"],
        valued: "SGRwt",
        long_valued: &[
            "setuid",
            "setgid",
            "root",
            "wd",
            "target",
            "map-user",
            "map-group",
        ],
        ..PLAIN
    },
    Wrapper {
        names: &["flock"],
        valued: "wE",
        long_valued: &["timeout", "wait", "conflict-exit-code"],
        operands: 1,
        ..PLAIN
    },
    Wrapper {
        names: &["time", "gtime"],
        valued: "fo",
        long_valued: &["format", "output"],
        ..PLAIN
    },
    Wrapper {
        names: &["xargs"],
        valued: "InPLdsEa",
        long_valued: &[
            "max-args",
            "max-procs",
            "max-lines",
            "delimiter",
            "max-chars",
            "arg-file",
        ],
        ..PLAIN
    },
    Wrapper {
        names: &["xvfb-run"],
        valued: "nsfpwe",
        long_valued: &["server-num", "server-args"],
        ..PLAIN
    },
    Wrapper {
        names: &["tini"],
        valued: "pe",
        ..PLAIN
    },
    Wrapper {
        names: &["strace", "ltrace"],
        valued: "eopsuEPabIOSX",
        sets: &["E"],
        ..PLAIN
    },
    Wrapper {
        names: &["perf stat", "perf record", "perf trace", "perf mem"],
        valued: "eoFcptrmGCDI",
        long_valued: &["event", "output", "freq", "repeat"],
        ..PLAIN
    },
    Wrapper {
        names: &["setpriv"],
        long_valued: &[
            "reuid",
            "regid",
            "ruid",
            "rgid",
            "euid",
            "egid",
            "groups",
            "inh-caps",
            "ambient-caps",
            "bounding-set",
            "securebits",
            "pdeathsig",
            "selinux-label",
            "apparmor-profile",
        ],
        ..PLAIN
    },
    Wrapper {
        names: &["prlimit"],
        valued: "o",
        ..PLAIN
    },
    Wrapper {
        names: &["systemd-run"],
        valued: "ptuEMH",
        long_valued: &[
            "unit",
            "property",
            "description",
            "slice",
            "uid",
            "gid",
            "nice",
            "working-directory",
            "setenv",
            "service-type",
            "on-active",
            "on-calendar",
            "machine",
            "host",
        ],
        sets: &["E", "setenv"],
        keeps_environment: false,
        ..PLAIN
    },
    Wrapper {
        names: &["runuser"],
        valued: "ugGsw",
        long_valued: &["user", "group", "supp-group", "shell", "whitelist-environment"],
        code: "c",
        long_code: &["command", "session-command"],
        ..PLAIN
    },
    Wrapper {
        names: &["cmake -E env", "cmake -E time"],
        long_valued: &["unset", "modify"],
        assigns: true,
        ..PLAIN
    },
    Wrapper {
        names: &["cmake -E chdir"],
        operands: 1,
        ..PLAIN
    },
    Wrapper {
        names: &["sudo"],
        valued: "ughpCDRrtTUac",
        long_valued: &[
            "user",
            "group",
            "host",
            "prompt",
            "chdir",
            "chroot",
            "close-from",
            "command-timeout",
        ],
        assigns: true,
        keeps_environment: false,
        ..PLAIN
    },
    Wrapper {
        names: &["doas"],
        valued: "uCa",
        keeps_environment: false,
        ..PLAIN
    },
];

impl Wrapper {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let mut all = WRAPPERS.iter().chain(ENVIRONMENTS);
        all.find(|wrapper| wrapper.names.contains(&name))
    }
}

impl Walk<'_> {
    pub(super) fn wrapped(&mut self, wrapper: &Wrapper, name: &str, at: usize) {
        let valued = [wrapper.valued, wrapper.code].concat();
        let long_valued = [wrapper.long_valued, wrapper.long_code].concat();
        let shape = Shape {
            valued: &valued,
            attached: "",
            bare: "",
            long_valued: &long_valued,
            pairs: &[],
            last: "",
            long_last: &[],
        };
        let flags = Flags::read(&self.argv, at + 1, shape);
        self.values_of(wrapper, name, &flags);
        if name == "env" && flags.has(&["S", "split-string"]) {
            return self.rest_is_code(name, at + 1);
        }
        if name == "command" && flags.has(&["v", "V"]) {
            return; // It only looks for the program.
        }
        let is_emptied = name == "env" && flags.has(&["i", "ignore-environment"]);
        self.keeps_environment &= wrapper.keeps_environment && !is_emptied;
        let first = self.after_assignments(wrapper, flags.end);
        let program = first + wrapper.operands;
        let is_marked = wrapper.operands > 0 && self.argv.get(program) == Some(&"--");
        let program = program + usize::from(is_marked);
        if flags.is_doubtful {
            self.programs_inside(program);
        }
        match self.argv.get(program) {
            Some(&("-c" | "--command")) if name == "flock" => {
                self.add_script(program + 1, name);
            }
            Some(_) | None => self.program(program),
        }
    }

    /// Code and variables that flags of a wrapper give.
    fn values_of(&mut self, wrapper: &Wrapper, name: &str, flags: &Flags<'_>) {
        for flag in &flags.all {
            let Some(at) = flag.value_at else { continue };
            if wrapper.code.contains(flag.name) || wrapper.long_code.contains(&flag.name) {
                self.add(at, Role::Code, name, true);
            } else if wrapper.sets.contains(&flag.name) {
                self.set_by_flag(at);
            }
        }
    }

    /// `NAME=value` somewhere behind a flag.
    pub(super) fn set_by_flag(&mut self, at: usize) {
        let word = self.argv.get(at).copied().unwrap_or_default();
        let setting = word.strip_prefix("--").and_then(|long| long.split_once('='));
        let setting = setting.map_or(word, |(_, setting)| setting);
        let setting = setting
            .strip_prefix("-e")
            .or(setting.strip_prefix("-E"))
            .unwrap_or(setting);
        if let Some((variable, _)) = setting.split_once('=').filter(|(name, _)| steers_programs(name)) {
            self.add(at, Role::Variable, variable, false);
        }
    }

    /// Past the variables that are set before the program; `-` of `env` sets nothing and empties all.
    fn after_assignments(&mut self, wrapper: &Wrapper, from: usize) -> usize {
        let mut index = from;
        if !wrapper.assigns {
            return index;
        }
        while let Some(word) = self.argv.get(index).copied() {
            let Some((variable, _)) = word.split_once('=').filter(|_| !word.starts_with('$')) else {
                if word != "-" {
                    break;
                }
                self.keeps_environment = false;
                index += 1;
                continue;
            };
            if steers_as_written(variable) {
                self.add(index, Role::Variable, variable, false);
            }
            index += 1;
        }
        index
    }
}
