//! A real podman, as the container engine of one test: its own service on a store that all tests share.
//!
//! The store and its only image, a shell without anything else, are made once, behind a lock.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The image: busybox, from nothing.
pub const IMAGE: &str = "localhost/sdm-test";

/// What podman needs where control groups are of both versions and limits cannot be raised.
const CONFIGURATION: &str = r#"[containers]
default_ulimits = ["nofile=16384:16384", "nproc=8192:8192"]
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
"#;

const CONTAINERFILE: &str = r#"FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox","--install","-s","/bin"]
ENV PATH=/bin
CMD ["/bin/sh"]
"#;

/// How long a service may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A podman service, ended with the test.
pub struct Podman {
    service: Child,
    directory: tempfile::TempDir,
}

impl Podman {
    /// `None`, said aloud, when podman cannot be used here.
    pub fn start() -> Option<Self> {
        Self::start_trusting(&[])
    }

    /// One that talks with these registries, `host:port`, in clear.
    pub fn start_trusting(registries: &[String]) -> Option<Self> {
        let store = match Store::prepared() {
            Ok(store) => store,
            Err(why) => {
                println!("podman cannot be used: {why}");
                let install = "podman runc iptables containernetworking-plugins busybox-static";
                super::git_servers::skipped("podman", install);
                return None;
            }
        };
        let directory = tempfile::Builder::new().prefix("sdm-podman-").tempdir().unwrap();
        let socket = directory.path().join("podman.sock");
        let log = File::create(directory.path().join("log")).unwrap();
        let known = registries.iter();
        let known = known.map(|place| format!("[[registry]]\nlocation = \"{place}\"\ninsecure = true\n"));
        let list = directory.path().join("registries.conf");
        fs::write(&list, known.collect::<String>()).unwrap();
        let mut command = store.podman();
        command
            .env("CONTAINERS_REGISTRIES_CONF", list)
            .args(["system", "service", "--time=0"])
            .arg(format!("unix://{}", socket.display()))
            // Monitors of containers leave files where they are started.
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let service = command.spawn().unwrap();
        let podman = Self { service, directory };
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(podman.socket()).is_err() {
            assert!(begun.elapsed() < PATIENCE, "podman does not listen");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        Some(podman)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("podman.sock")
    }

    /// Ids of containers, networks and volumes that carry a label, such as `sdm.owner=…`.
    pub fn labelled(&self, label: &str) -> Vec<String> {
        let store = Store::at_rest();
        let filter = format!("label={label}");
        let list = |words: &[&str]| {
            let mut command = store.podman();
            let output = command
                .args(words)
                .args(["-q", "--filter", &filter])
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        [
            list(&["ps", "-a"]),
            list(&["network", "ls"]),
            list(&["volume", "ls"]),
        ]
        .concat()
    }

    /// Makes an image of this name from the test's own, with one more line; what had the name before loses it.
    pub fn make_image(&self, name: &str, line: &str) {
        let context = tempfile::tempdir_in(self.directory.path()).unwrap();
        let text = format!("FROM {IMAGE}\n{line}\n");
        fs::write(context.path().join("Containerfile"), text).unwrap();
        let mut build = Store::at_rest().podman();
        build
            .args(["build", "--quiet", "--tag", name])
            .arg(context.path());
        succeeds(build).unwrap();
    }

    /// Sends an image to the registry that its name names, in clear.
    pub fn send_image(&self, name: &str) {
        let mut push = Store::at_rest().podman();
        push.args(["push", "--quiet", "--tls-verify=false", name]);
        succeeds(push).unwrap();
    }

    /// Removes images by their names.
    pub fn remove_images(&self, names: &[&str]) {
        let mut remove = Store::at_rest().podman();
        remove.args(["rmi", "--force"]).args(names);
        succeeds(remove).unwrap();
    }

    /// All that the engine tells of the containers that carry a label.
    pub fn inspected(&self, label: &str) -> String {
        let (store, filter) = (Store::at_rest(), format!("label={label}"));
        let ids = store
            .podman()
            .args(["ps", "-q", "--filter", &filter])
            .output()
            .unwrap();
        let ids = String::from_utf8_lossy(&ids.stdout).into_owned();
        let mut inspect = store.podman();
        inspect.arg("inspect").args(ids.split_whitespace());
        String::from_utf8_lossy(&inspect.output().unwrap().stdout).into_owned()
    }

    /// Ends the service, as a crash of an engine would; containers go on.
    pub fn kill_service(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.kill_service();
    }
}

/// Somebody without rights.
pub const NOBODY: u32 = 65534;

/// A podman of somebody without rights, with a store of its own that has the image; its programs are called by `busybox`.
pub struct Rootless {
    service: Child,
    directory: tempfile::TempDir,
}

impl Rootless {
    /// `None`, said aloud, where nobody can be somebody else, or the kernel lets them have no containers.
    pub fn start() -> Option<Self> {
        let directory = tempfile::Builder::new()
            .prefix("sdm-rootless-")
            .tempdir()
            .unwrap();
        match rootless_store(directory.path()) {
            Ok(()) => {}
            Err(why) => {
                println!("skipped: there is no podman without rights here: {why}");
                return None;
            }
        }
        let socket = directory.path().join("podman.sock");
        let mut command = rootless_podman(directory.path());
        command
            .args(["system", "service", "--time=0"])
            .arg(format!("unix://{}", socket.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let service = command.spawn().unwrap();
        let podman = Self { service, directory };
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(podman.socket()).is_err() {
            assert!(begun.elapsed() < PATIENCE, "podman does not listen");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        Some(podman)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("podman.sock")
    }

    /// Ids of all containers.
    pub fn containers(&self) -> String {
        let listed = rootless_podman(self.directory.path())
            .args(["ps", "-aq"])
            .output()
            .unwrap();
        String::from_utf8_lossy(&listed.stdout).into_owned()
    }
}

impl Drop for Rootless {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

fn rootless_store(home: &Path) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    if !nix::unistd::geteuid().is_root() {
        return Err("only root can be somebody else as well".to_owned());
    }
    std::os::unix::fs::chown(home, Some(NOBODY), Some(NOBODY)).map_err(said)?;
    fs::write(home.join("containers.conf"), CONFIGURATION).map_err(said)?;
    fs::create_dir(home.join("image")).map_err(said)?;
    fs::copy("/bin/busybox", home.join("image/busybox")).map_err(said)?;
    // Nothing is run while it is made: that would need more than one user inside.
    let text =
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\nCMD [\"/bin/sh\"]\n";
    fs::write(home.join("image/Containerfile"), text).map_err(said)?;
    let mut build = rootless_podman(home);
    build
        .args(["build", "--quiet", "--isolation", "chroot", "--tag", IMAGE])
        .arg(home.join("image"));
    succeeds(build)?;
    let mut run = rootless_podman(home);
    run.args(["run", "--rm", "--network", "none", IMAGE, "busybox", "true"]);
    succeeds(run)
}

fn rootless_podman(home: &Path) -> Command {
    let mut command = Command::new("podman");
    command
        .args(["--storage-driver", "vfs"])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("CONTAINERS_CONF", home.join("containers.conf"));
    command
}

/// Where images and containers of all tests are.
struct Store(PathBuf);

impl Store {
    fn at_rest() -> Self {
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join("podman"))
    }

    /// The store with its image in it; by whoever comes first.
    fn prepared() -> Result<Self, String> {
        let store = Self::at_rest();
        fs::create_dir_all(&store.0).map_err(|error| error.to_string())?;
        let lock = File::create(store.0.join("lock")).map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;
        let ready = store.0.join("ready");
        if !ready.exists() {
            store.prepare()?;
            fs::write(ready, "").map_err(|error| error.to_string())?;
        }
        Ok(store)
    }

    fn prepare(&self) -> Result<(), String> {
        let busybox = ["/bin/busybox", "/usr/bin/busybox"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let busybox = busybox.ok_or("there is no busybox")?;
        let context = self.0.join("image");
        for directory in ["image", "net-overlay", "net-vfs"] {
            fs::create_dir_all(self.0.join(directory)).map_err(|error| error.to_string())?;
        }
        fs::write(self.0.join("containers.conf"), CONFIGURATION).map_err(|error| error.to_string())?;
        fs::write(context.join("Containerfile"), CONTAINERFILE).map_err(|error| error.to_string())?;
        fs::copy(busybox, context.join("busybox")).map_err(|error| error.to_string())?;
        let mut trouble = String::new();
        // Where overlays are refused, plain directories do.
        for driver in ["overlay", "vfs"] {
            fs::write(self.0.join("driver"), driver).map_err(|error| error.to_string())?;
            match self.build(&context) {
                Ok(()) => return Ok(()),
                Err(why) => trouble = why,
            }
        }
        Err(trouble)
    }

    fn build(&self, context: &Path) -> Result<(), String> {
        let mut build = self.podman();
        build.args(["build", "--quiet", "--tag", IMAGE]).arg(context);
        succeeds(build)?;
        let mut run = self.podman();
        run.args(["run", "--rm", IMAGE, "true"]);
        succeeds(run)
    }

    fn podman(&self) -> Command {
        let mut command = Command::new("podman");
        let driver = fs::read_to_string(self.0.join("driver")).unwrap_or_default();
        command.env("CONTAINERS_CONF", self.0.join("containers.conf"));
        for (flag, name) in [
            ("--root", "root"),
            ("--runroot", "run"),
            ("--tmpdir", "tmp"),
            ("--network-config-dir", "net"),
        ] {
            command.arg(flag).arg(self.0.join(format!("{name}-{driver}")));
        }
        command.arg("--storage-driver").arg(driver);
        command
    }
}

fn succeeds(mut command: Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
