//! What wit-bindgen makes of `wit/`: one module per world, so that a plugin exports the hooks it has and no others.
//!
//! `base` holds every import and every shared type; the other worlds take them from there. Plugins use the friendlier
//! names at the crate's root; the export macros in here are for [`crate::plugin`].

#![allow(missing_docs, unsafe_code, unreachable_pub, unused_qualifications, reason = "written by wit-bindgen")]
#![allow(clippy::allow_attributes_without_reason, reason = "written by wit-bindgen")]

/// Every import, and `lifecycle`.
pub mod base {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "base",
        pub_export_macro: true,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

/// A world that adds one hook to `base`, and where the interfaces it shares with `base` are.
macro_rules! world_of_hook {
    ($module:ident, $world:literal $(, $interface:literal at $path:path)?) => {
        #[doc = concat!("The world `", $world, "`.")]
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                world: $world,
                pub_export_macro: true,
                additional_derives: [PartialEq],
                with: { $($interface: $path)? },
            });
        }
    };
    ($module:ident, $world:literal with types) => {
        world_of_hook!($module, $world, "cardea:plugin/types@0.1.0" at crate::bindings::base::cardea::plugin::types);
    };
}

world_of_hook!(authenticates, "authenticates" with types);
world_of_hook!(admits, "admits" with types);
world_of_hook!(lists, "lists" with types);
world_of_hook!(judges_calls, "judges-calls" with types);
world_of_hook!(routes, "routes");
world_of_hook!(connects, "connects" with types);
world_of_hook!(judges_messages, "judges-messages" with types);
world_of_hook!(judges_replies, "judges-replies" with types);
world_of_hook!(records, "records");
