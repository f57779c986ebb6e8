//! What plugins that run policies have in common: the document a policy decides on, what it may answer, and the two hooks
//! around it. An engine brings one function, from document to decision; `docs/reference/policy-input.md` tells policy
//! authors of both.
//!
//! Whatever is unclear counts against the call: a policy that fails, answers nothing, or answers something else than a
//! decision refuses.

mod decision;
mod hooks;
mod input;
mod settings;

pub use decision::{Decision, Denial};
pub use hooks::{Engine, judge, keep};
pub use input::{Action, Input};
pub use settings::{Data, Settings};
