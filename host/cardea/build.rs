//! Finds the standard plugins that the binary embeds, and says how to build them if they are not there.

use std::path::{Path, PathBuf};

/// In the order in which `cardea plugin list` shows them.
const STANDARD: [&str; 15] = [
    "anonymous",
    "api-key",
    "jwt",
    "rbac",
    "policy-cel",
    "policy-rego",
    "policy-cedar",
    "rate-limit",
    "quota",
    "schema",
    "mask",
    "mask-arguments",
    "guard",
    "pin",
    "audit",
];

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let folder = target_folder(&out).join("plugins");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut table = String::from("&[\n");
    for name in STANDARD {
        let file = folder.join(format!("{name}.wasm"));
        println!("cargo::rerun-if-changed={}", file.display());
        if !file.is_file() {
            println!("cargo::error=the standard plugin `{name}` is not built; run `cargo xtask plugins` first");
        }
        table.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", file.display().to_string()));
    }
    table.push(']');
    if let Err(error) = std::fs::write(out.join("standard.rs"), table) {
        println!("cargo::error=cannot write the table of standard plugins: {error}");
    }
}

/// `OUT_DIR` is `<target>/<profile>/build/<package>/out`, wherever the target folder was moved to.
fn target_folder(out: &Path) -> PathBuf {
    out.ancestors().nth(4).unwrap_or(out).to_path_buf()
}
