//! The attribute `#[cardea_sdk::plugin]`: turns one `impl Plugin for …` block into a component's exports.

mod expand;
mod hooks;

use proc_macro::TokenStream;

/// Makes a component of a plugin.
///
/// Put it on the `impl Plugin for …` block. The component exports `lifecycle` and exactly the hooks whose methods the
/// block defines; the host finds out what a plugin does by looking at its exports. `plugin.toml` and
/// `config.schema.json`, which stand beside the crate's `Cargo.toml`, go into the component as the custom sections
/// `cardea:manifest` and `cardea:config-schema`.
#[proc_macro_attribute]
pub fn plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
