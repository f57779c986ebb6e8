//! Finds personal and secret values in texts and puts something else in their place. Knows nothing of calls and of the
//! gateway: what a stage masks, and for whom, is said by the plugins around it.
//!
//! One pass over a text looks at the beginning of every word and at every `@`; the tests behind are exact and linear. What is
//! found is found in any of these forms: as it stands; with the escapes of JSON or of URLs, once or several times over; with
//! invisible characters in between; in full-width forms; as base64 of a text, twice at most.

mod address;
mod document;
mod iban;
mod kind;
mod mask;
mod national;
mod number;
mod pattern;
mod policy;
mod scan;
mod token;
mod view;

pub use document::{Document, Hash, Stop, mask_document};
pub use kind::{Kind, Kinds};
pub use mask::{mask, mask_joined};
pub use pattern::Patterns;
pub use policy::{Action, Config, Policy};
pub use scan::{Finding, find};
