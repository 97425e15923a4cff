//! Rebuilds the store when a migration is added: the macro that embeds them sees only the old ones.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
