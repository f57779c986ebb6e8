//! `cargo xtask plugins`: the standard plugins, and the Rust guest of the tests, from source to components.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::step::{output, run, step};
use crate::workspace::{Package, Workspace, cargo};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "guest";
/// Plugins in a workspace of their own, by the name of their folder.
const APART: [&str; 1] = ["policy-cedar"];

/// Builds every crate of `plugins/` to `<target>/plugins/<name>.wasm` and every one of `tests/guests/` to `<target>/guests/<name>.wasm`.
pub(crate) fn plugins(workspace: &Workspace) -> Outcome {
    step("plugins", || {
        add_target(workspace)?;
        let plugins: Vec<&Package> = workspace.packages_in("plugins").collect();
        let guests: Vec<&Package> = workspace.packages_in("tests/guests").collect();
        build(workspace, plugins.iter().chain(&guests).copied())?;
        let into = workspace.target.join("plugins");
        gather(workspace, &plugins, &into)?;
        for name in APART {
            build_apart(workspace, name)?;
            gather_one(workspace, &format!("cardea-plugin-{name}"), &into.join(format!("{name}.wasm")))?;
        }
        gather(workspace, &guests, &workspace.target.join("guests"))
    })
}

/// Asks the sysroot and not rustup: it is faster, and a toolchain without rustup may have the target too.
fn add_target(workspace: &Workspace) -> Outcome {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    eprintln!("    the Rust target {TARGET} is missing; rustup adds it");
    run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(&workspace.root))
}

fn build<'a>(workspace: &Workspace, packages: impl Iterator<Item = &'a Package>) -> Outcome {
    let mut command = cargo();
    command.current_dir(&workspace.root).args(["build", "--profile", PROFILE, "--target", TARGET]);
    command.arg("--config").arg(remapped_paths(workspace));
    for package in packages {
        command.args(["--package", &package.name]);
    }
    run(&mut command)
}

fn build_apart(workspace: &Workspace, name: &str) -> Outcome {
    let mut command = cargo();
    command.current_dir(&workspace.root).args(["build", "--locked", "--profile", PROFILE, "--target", TARGET]);
    command.arg("--config").arg(remapped_paths(workspace));
    command.arg("--manifest-path").arg(workspace.root.join("plugins").join(name).join("Cargo.toml"));
    run(command.arg("--target-dir").arg(&workspace.target))
}

/// Panic messages carry source paths: without this, the same plugin would have other bytes on every machine. It is set for
/// the guests' target alone, through cargo's configuration, so that no build of the host ever sees another flag.
fn remapped_paths(workspace: &Workspace) -> String {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let flags = [remap(&cargo_home, "/cargo"), remap(&workspace.root, "/cardea")];
    format!("target.{TARGET}.rustflags={flags:?}")
}

fn gather(workspace: &Workspace, packages: &[&Package], into: &Path) -> Outcome {
    fs::create_dir_all(into).map_err(|error| format!("{} cannot be made: {error}", into.display()))?;
    for package in packages {
        gather_one(workspace, &package.name, &into.join(format!("{}.wasm", package.short_name())))?;
    }
    Ok(())
}

fn gather_one(workspace: &Workspace, package: &str, into: &Path) -> Outcome {
    let file = format!("{}.wasm", package.replace('-', "_"));
    copy_if_changed(&workspace.target.join(TARGET).join(PROFILE).join(file), into)
}

/// Leaves an equal file untouched: the gateway embeds these, and a newer time alone would build it again.
fn copy_if_changed(from: &Path, to: &Path) -> Outcome {
    let bytes = fs::read(from).map_err(|error| format!("{} cannot be read: {error}", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    eprintln!("    {} ({} KiB)", to.display(), bytes.len().div_ceil(1024));
    fs::write(to, bytes).map_err(|error| format!("{} cannot be written: {error}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_component_is_left_untouched_and_another_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "one").unwrap();
        copy_if_changed(&from, &to).unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(&to).unwrap().set_modified(long_ago).unwrap();
        copy_if_changed(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), long_ago);
        fs::write(&from, "two").unwrap();
        copy_if_changed(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"two");
    }

    #[test]
    fn a_component_that_was_not_built_is_named() {
        let complaint = copy_if_changed(Path::new("no/such.wasm"), Path::new("no/where.wasm")).unwrap_err();
        assert!(complaint.contains("no/such.wasm"), "{complaint}");
    }
}
