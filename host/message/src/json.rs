//! Raw JSON text, found and changed by span, never reshaped.
//!
//! Whether a text is JSON, serde_json decides ([`check`]), and strings are unescaped by it. In text that it has read, values
//! are then found by their ends alone. Each function is linear in the length of the text and none panics, whatever the text.
//! Pointers are RFC 6901.
//!
//! All functions but [`check`] expect text that passed [`check`]. Of two members with one key they would see the first, and
//! in text that is not JSON whatever looks like a value.

mod check;
mod edit;
mod pointer;
mod seek;
mod skim;
mod texts;

pub use check::{JsonFault, JsonFaultKind, MAX_DEPTH, check};
pub use edit::{EditFault, remove, set};
pub use pointer::{Pointer, PointerFault};
pub use seek::{elements, find, find_str, member, member_str, members, string};
pub use texts::texts;

pub(crate) use check::{DUPLICATE, KeySeed, Seen, fault_of, utf8};
pub(crate) use seek::{is_object, span_in};
pub(crate) use skim::{Entry, entries, is_key, unquoted};
