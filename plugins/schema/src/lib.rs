//! Holds arguments to a tool's input schema and results to its output schema. Nothing is ever changed: what fits passes as
//! it came, byte by byte.

mod budget;
mod config;
mod mismatch;
mod validators;

use std::cell::RefCell;

use cardea_sdk::prelude::*;
use serde_json::Value;

pub use config::Config;
use config::{Answer, Lacking, Mode};
use mismatch::Mismatch;
use validators::{Found, Validators};

/// The one method whose calls have schemas.
const TOOLS_CALL: &str = "tools/call";

/// The schemas in force, compiled as they are met.
pub struct Schema {
    config: Config,
    validators: RefCell<Validators>,
}

#[cardea_sdk::plugin]
impl Plugin for Schema {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self { config, validators: RefCell::default() })
    }

    fn on_call(&self) -> CallVerdict {
        if self.config.arguments == Mode::Off || call::method() != TOOLS_CALL {
            return CallVerdict::Pass;
        }
        let name = call::name().unwrap_or_default();
        let arguments = call::get("/arguments").unwrap_or_else(|| "{}".to_owned());
        match self.check(&name, "/inputSchema", &arguments) {
            Check::Fits => CallVerdict::Pass,
            Check::Differs(mismatch) => match self.config.arguments {
                Mode::Enforce => self.told(&name, &mismatch).into(),
                _ => {
                    warn("arguments do not fit the input schema", &name, &mismatch.places());
                    CallVerdict::Pass
                }
            },
            Check::Unlisted => match self.config.unlisted {
                Lacking::Pass => CallVerdict::Pass,
                Lacking::Refuse => Refusal::unavailable(format!(
                    "The definition of `{name}` is not known yet. List the tools, then call it again."
                ))
                .reason("no list with this tool was seen for this subject, so there is no schema to go by")
                .into(),
            },
            Check::Unusable(why) => {
                warn("an input schema cannot be used", &name, &why);
                match self.config.unusable {
                    Lacking::Pass => CallVerdict::Pass,
                    Lacking::Refuse => unusable(&format!("`{name}` cannot be called: its input schema"), &why).into(),
                }
            }
        }
    }

    fn on_reply(&self) -> ReplyVerdict {
        if self.config.results == Mode::Off || call::method() != TOOLS_CALL || !is_final() {
            return ReplyVerdict::Pass;
        }
        let name = call::name().unwrap_or_default();
        let Some(content) = reply::get("/structuredContent") else { return self.without_content(&name) };
        match self.check(&name, "/outputSchema", &content) {
            Check::Differs(mismatch) => self.bad_result(&name, &mismatch.places()),
            Check::Unusable(why) => {
                warn("an output schema cannot be used", &name, &why);
                match (self.config.results, self.config.unusable) {
                    (Mode::Enforce, Lacking::Refuse) => {
                        unusable(&format!("The result of `{name}` cannot be checked: its output schema"), &why).into()
                    }
                    _ => ReplyVerdict::Pass,
                }
            }
            // A tool without an output schema promises nothing.
            Check::Fits | Check::Unlisted => ReplyVerdict::Pass,
        }
    }
}

/// What comes of holding a value to a schema.
enum Check {
    Fits,
    Differs(Mismatch),
    /// There is no schema.
    Unlisted,
    /// There is one, and it cannot be used.
    Unusable(String),
}

impl Schema {
    fn check(&self, tool: &str, which: &'static str, json: &str) -> Check {
        let Some(schema) = catalog::get(ItemKind::Tool, tool, which) else { return Check::Unlisted };
        let Ok(value) = serde_json::from_str::<Value>(json) else { return Check::Differs(Mismatch::unreadable()) };
        let mut validators = self.validators.borrow_mut();
        match validators.of(tool, which, schema) {
            Found::Validator(validator) if validator.is_valid(&value) => Check::Fits,
            Found::Validator(validator) => Check::Differs(Mismatch::of(validator, &value)),
            Found::Unusable(why) => Check::Unusable(why.clone()),
        }
    }

    /// The refusal of a call, in words a model can correct itself by.
    fn told(&self, name: &str, mismatch: &Mismatch) -> Refusal {
        let message = format!("`{name}` was not called: its arguments do not fit its input schema. {mismatch}");
        let refusal = Refusal::invalid(message).reason(mismatch.places()).data(&mismatch.data());
        match self.config.answer {
            Answer::ToolResult => refusal.as_tool_result(),
            Answer::Error => refusal,
        }
    }

    /// A result without structured content breaks the promise of a tool that has an output schema.
    fn without_content(&self, name: &str) -> ReplyVerdict {
        match catalog::get(ItemKind::Tool, name, "/outputSchema") {
            Some(_) => self.bad_result(name, "`structuredContent` is not there"),
            None => ReplyVerdict::Pass,
        }
    }

    fn bad_result(&self, name: &str, places: &str) -> ReplyVerdict {
        warn("a result does not fit the output schema", name, places);
        match self.config.results {
            Mode::Enforce => Refusal::unavailable(format!(
                "The result of `{name}` is not what its server promises, so it was not delivered."
            ))
            .reason(places)
            .into(),
            _ => ReplyVerdict::Pass,
        }
    }
}

/// True for the result of a tool that has done what it was asked: no error, no question, no task.
fn is_final() -> bool {
    let complete = || reply::text("/resultType").is_none_or(|kind| kind == "complete");
    !reply::is_error() && !reply::is_tool_error() && complete() && reply::get("/task").is_none()
}

fn unusable(what: &str, why: &str) -> Refusal {
    Refusal::unavailable(format!("{what} cannot be used by the gateway.")).reason(why)
}

fn warn(what: &str, tool: &str, why: &str) {
    log::warn(&format!("`{tool}`: {what}: {why}"));
}
