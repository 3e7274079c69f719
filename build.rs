//! Builds anew when a migration is added: they are embedded into the program. Packs the program's relocations where that works.

#![expect(
    clippy::disallowed_methods,
    reason = "what is forbidden to the program is how cargo talks to this one"
)]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=build.rs");
    if packs_relocations() {
        // A list of 3 MB that is read whole at every start becomes one of 60 KB.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the program will be loaded by a C library that knows packed relocations, and is linked by a linker that makes them
/// well: mold of the stable distributions does not.
fn packs_relocations() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let is_release = is("PROFILE", "release");
    let is_gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    let is_native = env::var_os("HOST") == env::var_os("TARGET");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    is_release
        && is_gnu
        && is_native
        && !flags.contains("mold")
        && glibc().is_some_and(|version| version >= (2, 36))
}

/// Version of this system's GNU C library.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
