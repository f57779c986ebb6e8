//! Says what of each call's payload goes into the journal. The record itself, with who, what and every stage's
//! verdict, is the host's to write.

mod wishes;

use cardea_sdk::journal::Document;
use cardea_sdk::prelude::*;

pub use wishes::Config;
use wishes::Wish;

/// The wishes for each document.
pub struct Audit {
    call: Vec<Wish>,
    reply: Vec<Wish>,
}

#[cardea_sdk::plugin]
impl Plugin for Audit {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let (call, reply) = config.into_wishes()?;
        Ok(Self { call, reply })
    }

    fn on_call(&self) -> CallVerdict {
        tell(Document::Call, &self.call);
        CallVerdict::Pass
    }

    fn on_reply(&self) -> ReplyVerdict {
        tell(Document::Reply, &self.reply);
        ReplyVerdict::Pass
    }
}

/// Hands the wishes to the journal. An observer cannot refuse a call, so a failure ends here; because the strict
/// wishes come first, what fails is the keeping of a value, never the dropping.
fn tell(document: Document, wishes: &[Wish]) {
    for Wish { pointer, treatment } in wishes {
        if let Err(error) = journal::include(document, pointer, *treatment) {
            log::error(&format!(
                "the journal did not take the wish for `{pointer}`, so it is not recorded, nor what comes after: {error}"
            ));
            metric::count("journal_errors", 1);
            return;
        }
    }
}
