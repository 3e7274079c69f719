//! The driver with a podman of somebody without rights: root inside is that somebody outside.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use sdm::ports::containers::{ContainerSpec, NetworkAccess};

use super::driver::{Place, shell};
use crate::support::podman::{NOBODY, Rootless};

#[test]
fn i3_se_03_a_podman_without_rights_runs_goals_gives_their_secrets_and_leaves_files_that_are_ours() {
    let Some(podman) = Rootless::start() else { return };
    let place = Place::new();
    let secrets = place.path("exchange/secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o700)).unwrap();
    let secret = secrets.join("0-TOKEN");
    std::fs::write(&secret, "canary").unwrap();
    std::os::unix::fs::chown(&secret, Some(NOBODY), Some(NOBODY)).unwrap();
    let script = format!(
        "busybox id -u; echo \"got $(busybox cat {})\"; busybox mkdir -p -m 700 deep/er; echo x > deep/er/file; \
         busybox touch /atm/output/result; busybox ip -o addr",
        secret.display()
    );
    let mut order = place.order(&podman.socket(), vec![shell("main", &script)]);
    // A network of the goal's own needs programs beside podman; none is had without.
    order.network = NetworkAccess::Closed;
    let ran = place.run_as(NOBODY, &order);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("\n0\n") && ran.out.contains("got canary"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("eth0"), "{}", ran.out);
    for name in ["project/deep/er/file", "exchange/output/result"] {
        assert_eq!(
            std::fs::symlink_metadata(place.path(name)).unwrap().uid(),
            NOBODY,
            "{name}"
        );
    }
    assert_eq!(podman.containers(), "");

    // What it cannot do is said, and nothing hangs.
    let other = ContainerSpec {
        user: Some("1234".to_owned()),
        ..shell("main", "true")
    };
    let mut order = place.order(&podman.socket(), vec![other]);
    order.network = NetworkAccess::Closed;
    let ran = place.run_as(NOBODY, &order);
    if ran.code != 0 {
        assert!(
            ran.report
                .failure
                .unwrap()
                .starts_with("failed to start container `main`: ")
        );
    }
    assert_eq!(podman.containers(), "");
}
