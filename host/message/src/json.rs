//! Raw JSON text, found and changed by span, never reshaped.
//!
//! All reading is serde_json's: these functions only watch it read and note where values begin and end. Each is linear in
//! the length of the text and none panics, whatever the text. Pointers are RFC 6901.
//!
//! All functions but [`check`] expect text that passed [`check`]. On other text they answer as serde_json would: of two
//! members with one key the last one counts, and text that is not JSON holds nothing.

mod check;
mod edit;
mod pointer;
mod seek;
mod texts;

pub use check::{JsonFault, JsonFaultKind, MAX_DEPTH, check};
pub use edit::{EditFault, remove, set};
pub use pointer::{Pointer, PointerFault};
pub use seek::{elements, find, find_str, members};
pub use texts::texts;

pub(crate) use check::{DUPLICATE, KeySeed, Seen, fault_of, utf8};
pub(crate) use edit::put;
pub(crate) use seek::{entries, is_object, span_in, unquoted};
