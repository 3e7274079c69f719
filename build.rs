//! Builds anew when a migration is added: they are embedded into the program.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
