//! What a plugin finds behind its imports: what every one may use, and what its stage grants.

use wasmtime::component::{HasSelf, Linker};

use crate::Allowed;
use crate::bindings::cardea::plugin as wit;
use crate::guest::Guest;

/// Everything that needs no grant. WASI is there because every language's standard library imports it, and empty: no
/// files, no sockets, no environment.
pub(crate) fn always(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let guest: fn(&mut Guest) -> &mut Guest = |guest| guest;
    wit::types::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::call::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::reply::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::subject::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::credential::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::scratch::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::obligation::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::config::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::catalog::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::clock::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::log::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    wit::metric::add_to_linker::<_, HasSelf<Guest>>(&mut linker, guest)?;
    Ok(linker)
}

/// What is asked for and granted, in addition; and what a plugin can do without, which answers `denied` where it is not granted.
pub(crate) fn granted(linker: &mut Linker<Guest>, allowed: &Allowed) -> wasmtime::Result<()> {
    let guest: fn(&mut Guest) -> &mut Guest = |guest| guest;
    let denied = |name: &str| allowed.denied.iter().any(|denied| denied == name);
    if allowed.scope.kv.is_some() || denied("kv") {
        wit::kv::add_to_linker::<_, HasSelf<Guest>>(linker, guest)?;
    }
    if allowed.scope.limiter {
        wit::limiter::add_to_linker::<_, HasSelf<Guest>>(linker, guest)?;
    }
    if allowed.scope.journal {
        wit::journal::add_to_linker::<_, HasSelf<Guest>>(linker, guest)?;
    }
    if !allowed.scope.http.is_empty() {
        wit::http::add_to_linker::<_, HasSelf<Guest>>(linker, guest)?;
    }
    if allowed.scope.jose {
        wit::jose::add_to_linker::<_, HasSelf<Guest>>(linker, guest)?;
    }
    if !allowed.scope.secrets.is_empty() || denied("secret") {
        wit::secret::add_to_linker::<_, HasSelf<Guest>>(linker, guest)?;
    }
    Ok(())
}
