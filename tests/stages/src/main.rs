//! What stages cost, measured without a network: `cargo xtask bench stages` and `cargo xtask bench runaway` run this and set the
//! marks. Each figure is one JSON line.

mod cost;
mod figure;
mod house;
mod large;
mod life;
mod runaway;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::house::House;

/// What goes wrong is shown, and nothing else is done about it.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Measures what stages cost.
#[derive(Parser)]
struct Arguments {
    /// What is measured.
    group: Group,
    /// The folder of the build, with `plugins` and `guests` in it.
    #[arg(long)]
    target: PathBuf,
    /// How long a group that goes by time takes, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Group {
    /// Time of a hook, of a chain, of large bodies, of a swap; memory of an instance.
    Stages,
    /// How fast a guest that never returns is stopped, and what others notice.
    Runaway,
}

fn main() -> ExitCode {
    match measured(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measured(arguments: &Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let house = House::open(&arguments.target)?;
    runtime.block_on(async {
        match arguments.group {
            Group::Stages => {
                // First, because what is measured later leaves memory behind.
                life::measure(&arguments.target).await?;
                cost::measure(&house).await?;
                large::measure(&house).await
            }
            Group::Runaway => runaway::measure(&house, arguments.seconds).await,
        }
    })
}
