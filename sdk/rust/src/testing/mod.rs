//! A scripted host, so that a plugin's cases run natively, in milliseconds and with a debugger.
//!
//! A case file says what is given and what is expected ([`case`]); [`run_cases`] builds the plugin for each case,
//! runs the hook against a host made of what is given, and compares ([`expect`]). The same files run against the real
//! component in the gateway's own tests, which is why parsing and comparing know nothing of how a case was run.
//!
//! ```ignore
//! #[test]
//! fn cases() {
//!     cardea_sdk::testing::run_cases::<MyPlugin>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"));
//! }
//! ```

pub mod case;
pub mod document;
pub mod expect;
pub mod given;
pub mod host;
pub mod message;
pub mod observed;
mod partial;
mod run;
mod world;

pub use run::{Manifest, run_case, run_cases};
