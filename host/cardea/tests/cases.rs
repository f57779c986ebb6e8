//! The cases of `tests/cases` against the binary that this build made. `cargo test -p cardea --test cases -- WORD` runs those
//! whose path contains the word.

use std::path::Path;
use std::process::ExitCode;

use cardea_test_support::{Programs, suite};

fn main() -> ExitCode {
    match Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")) {
        Ok(programs) => suite(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases"), &programs),
        Err(complaint) => {
            eprintln!("{complaint}");
            ExitCode::FAILURE
        }
    }
}
