//! What `#[plugin]` writes next to the block it stands on.

use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, ImplItem, ItemImpl, Result, Type};

use crate::hooks::{HOOKS, HookName};

/// The file that says what a plugin is.
const MANIFEST: &str = "plugin.toml";
/// The JSON Schema of a plugin's configuration.
const CONFIG_SCHEMA: &str = "config.schema.json";

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "#[plugin] takes no arguments"));
    }
    let block: ItemImpl = syn::parse2(item)?;
    check_block(&block)?;
    let folder = crate_folder()?;
    let manifest = file_beside_cargo_toml(&folder, MANIFEST)?;
    let schema = file_beside_cargo_toml(&folder, CONFIG_SCHEMA)?;
    let hooks = defined_hooks(&block);

    let described = described(&block.self_ty, &hooks, &manifest, &schema);
    let exports = exports(&block.self_ty, &hooks, &manifest, &schema);
    Ok(quote! { #block #described #exports })
}

fn check_block(block: &ItemImpl) -> Result<()> {
    let is_plugin =
        block.trait_.as_ref().and_then(|(_, path, _)| path.segments.last()).is_some_and(|last| last.ident == "Plugin");
    if !is_plugin {
        return Err(Error::new_spanned(&block.self_ty, "#[plugin] belongs on an `impl Plugin for …` block"));
    }
    if !block.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &block.generics,
            "a plugin's type takes no parameters: the component holds one value of it",
        ));
    }
    Ok(())
}

fn crate_folder() -> Result<PathBuf> {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).ok_or_else(|| {
        Error::new(Span::call_site(), "#[plugin] needs cargo: it looks for plugin.toml beside Cargo.toml")
    })
}

fn file_beside_cargo_toml(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    if !path.is_file() {
        let text = format!("`{name}` is missing: a plugin has it beside its Cargo.toml, here {}", path.display());
        return Err(Error::new(Span::call_site(), text));
    }
    path.into_os_string()
        .into_string()
        .map_err(|path| Error::new(Span::call_site(), format!("the path {} is not UTF-8", path.display())))
}

fn defined_hooks(block: &ItemImpl) -> Vec<&'static HookName> {
    HOOKS
        .iter()
        .filter(|hook| {
            block.items.iter().any(|item| matches!(item, ImplItem::Fn(method) if method.sig.ident == hook.method))
        })
        .collect()
}

/// What holds natively too: the hooks, the manifest, the schema and the place of the one value.
fn described(plugin: &Type, hooks: &[&HookName], manifest: &str, schema: &str) -> TokenStream {
    let cases = hooks.iter().map(|hook| format_ident!("{}", hook.case));
    quote! {
        impl ::cardea_sdk::Described for #plugin {
            const HOOKS: &'static [::cardea_sdk::Hook] = &[#(::cardea_sdk::Hook::#cases),*];
            const MANIFEST: &'static str = ::core::include_str!(#manifest);
            const CONFIG_SCHEMA: &'static str = ::core::include_str!(#schema);

            fn with_slot<R>(act: impl ::core::ops::FnOnce(&::core::cell::OnceCell<Self>) -> R) -> R {
                ::std::thread_local! {
                    static PLUGIN: ::core::cell::OnceCell<#plugin> = const { ::core::cell::OnceCell::new() };
                }
                PLUGIN.with(act)
            }
        }
    }
}

/// What makes a component of it: the exports of the hooks that are there, and the two files as custom sections.
fn exports(plugin: &Type, hooks: &[&HookName], manifest: &str, schema: &str) -> TokenStream {
    let worlds =
        std::iter::once("base").chain(hooks.iter().map(|hook| hook.bindings)).map(|world| format_ident!("{world}"));
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "exports and link sections are unsafe attributes")]
        const _: () = {
            type Component = ::cardea_sdk::Component<#plugin>;
            #(::cardea_sdk::bindings::#worlds::export!(Component with_types_in ::cardea_sdk::bindings::#worlds);)*

            const MANIFEST: &[u8] = ::core::include_bytes!(#manifest);
            #[unsafe(link_section = "cardea:manifest")]
            static MANIFEST_SECTION: [u8; MANIFEST.len()] = *::core::include_bytes!(#manifest);

            const CONFIG_SCHEMA: &[u8] = ::core::include_bytes!(#schema);
            #[unsafe(link_section = "cardea:config-schema")]
            static CONFIG_SCHEMA_SECTION: [u8; CONFIG_SCHEMA.len()] = *::core::include_bytes!(#schema);
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn error(item: TokenStream) -> String {
        expand(TokenStream::new(), item).unwrap_err().to_string()
    }

    #[test]
    fn a_missing_file_is_named() {
        assert!(error(quote! { impl Plugin for X {} }).starts_with("`plugin.toml` is missing"));
    }

    #[test]
    fn only_plugin_blocks_are_taken() {
        assert!(error(quote! { impl X {} }).contains("impl Plugin for"));
        assert!(error(quote! { impl Clone for X {} }).contains("impl Plugin for"));
        assert!(error(quote! { impl<T> Plugin for X<T> {} }).contains("no parameters"));
        assert!(expand(quote! { now }, quote! { impl Plugin for X {} }).is_err());
    }

    #[test]
    fn hooks_are_the_methods_that_are_there() {
        let block: ItemImpl =
            syn::parse2(quote! { impl Plugin for X { fn on_reply(&self) {} fn new() {} fn on_call(&self) {} } })
                .unwrap();
        let methods: Vec<_> = defined_hooks(&block).iter().map(|hook| hook.method).collect();
        assert_eq!(methods, ["on_call", "on_reply"]);
    }
}
