//! Definitions on their way: what no stage has admitted is neither listed nor called.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cardea_message::{Pointer, json};
use tokio::time::{Instant, timeout_at};

use super::{Walk, unreadable_list};
use crate::admission::{Admitted, Kept};
use crate::{CatalogVerdict, Fault, Hook, HookFault, ItemKind, Listing, Offered, Placed, Reply, Step};

impl Walk<'_> {
    /// Room 4: a tool or prompt that is not admitted is as good as one that is not there.
    pub(super) async fn admit_name(&mut self) -> Result<(), Fault> {
        let kind = match self.call.method.as_str() {
            "tools/call" => ItemKind::Tool,
            "prompts/get" => ItemKind::Prompt,
            _ => return Ok(()),
        };
        let (Some(server), Some(native)) = (self.call.server.clone(), self.call.native_name.clone()) else {
            return Ok(());
        };
        if !self.judges_catalog(&server) {
            return Ok(());
        }
        if self.admitted(&server, kind, false).await?.item(&native).is_some()
            || self.admitted(&server, kind, true).await?.item(&native).is_some()
        {
            return Ok(());
        }
        Err(Fault::unknown_name(&self.call.method, self.call.name.as_deref().unwrap_or_default()))
    }

    /// Room 8: a list without what is not admitted, and with the edits of what is.
    pub(super) async fn admit_page(&mut self, reply: Reply) -> Reply {
        let kind = match ItemKind::of_method(&self.call.method) {
            Some(kind @ (ItemKind::Tool | ItemKind::Prompt)) => kind,
            _ => return reply,
        };
        let Some(result) = reply.result() else { return reply };
        if !self.chain.stages.iter().any(|placed| placed.stage.hooks().has(Hook::Catalog)) {
            return reply;
        }
        let Some(page) = Listing::read(&self.call, kind, result) else { return unreadable_list(kind).into() };
        match self.admitted_items(kind, &page).await {
            Ok(items) => reply.with_document(page.rewritten(&items)),
            Err(fault) => fault.into(),
        }
    }

    /// The items of a page as they are offered; none for those that are not.
    async fn admitted_items(&mut self, kind: ItemKind, page: &Listing) -> Result<Vec<Option<Bytes>>, Fault> {
        let mut known: HashMap<Arc<str>, (Arc<Admitted>, bool)> = HashMap::new();
        let mut items = Vec::with_capacity(page.items.len());
        for (at, item) in page.items.iter().enumerate() {
            let definition = page.definition_at(at);
            let server = &item.server;
            if !self.judges_catalog(server) {
                items.push(Some(definition));
                continue;
            }
            if !known.contains_key(server) {
                known.insert(Arc::clone(server), (self.admitted(server, kind, false).await?, false));
            }
            let digest = digest_of_native(kind, &item.native_id, &definition);
            let fits = |admitted: &Admitted| {
                admitted.item(&item.native_id).is_some_and(|kept| Some(&kept.digest) == digest.as_ref())
            };
            // A page that shows something else than what was judged is newer than that, or made to look so.
            let is_stale = known.get(server).is_some_and(|(admitted, fresh)| !fresh && !fits(admitted));
            if is_stale {
                known.insert(Arc::clone(server), (self.admitted(server, kind, true).await?, true));
            }
            let offered = known.get(server).filter(|(admitted, _)| fits(admitted));
            let kept = offered.and_then(|(admitted, _)| admitted.item(&item.native_id));
            items.push(kept.and_then(|kept| edited(kept, definition)));
        }
        Ok(items)
    }

    /// What became of what a server offers this caller; `fresh` if what is known of it may be old.
    async fn admitted(&mut self, server: &Arc<str>, kind: ItemKind, fresh: bool) -> Result<Arc<Admitted>, Fault> {
        let directory = Arc::clone(&self.call.directory);
        let offered = timeout_at(self.call.deadline.at(), directory.offers(&self.call, server, kind, fresh)).await;
        let offered = offered.map_err(|_| Fault::deadline(server))??;
        if let Some(admitted) = self.chain.admissions.of(server, kind, &offered) {
            return Ok(admitted);
        }
        let chain = self.chain;
        let mut said = Vec::new();
        for placed in &chain.stages {
            if judges(placed, server) {
                said.extend(self.judge_offered(placed, &offered).await?);
            }
        }
        let admitted = Arc::new(Admitted::of(&offered, &said));
        chain.admissions.remember(server, kind, &offered, Arc::clone(&admitted));
        Ok(admitted)
    }

    /// None if the stage failed and the manifest says that it goes on.
    async fn judge_offered(
        &mut self,
        placed: &Placed,
        offered: &Offered,
    ) -> Result<Option<Vec<CatalogVerdict>>, Fault> {
        let started = Instant::now();
        let wanted = offered.definitions().len();
        let judged = placed.stage.admit(offered.definitions()).await.and_then(|done| match done.verdict.len() {
            given if given == wanted => Ok(done),
            given => Err(HookFault::bad_answer(format!("{given} answers for {wanted} definitions"))),
        });
        match judged {
            Ok(done) => {
                self.commit_but_edits(placed, done.effects, Step::of(placed, Hook::Catalog, started).word("admit"));
                Ok(Some(done.verdict))
            }
            Err(fault) => self.stumbled(placed, Hook::Catalog, &fault, started).map_or(Ok(None), Err),
        }
    }

    fn judges_catalog(&self, server: &str) -> bool {
        self.chain.stages.iter().any(|placed| judges(placed, server))
    }
}

fn judges(placed: &Placed, server: &str) -> bool {
    placed.stage.hooks().has(Hook::Catalog) && placed.matcher.server(server)
}

/// The digest of a definition as its server wrote it: at the endpoint of all servers it carries another name.
fn digest_of_native(kind: ItemKind, native: &str, definition: &Bytes) -> Option<String> {
    let quoted = serde_json::Value::from(native).to_string();
    let json = json::set(definition, &Pointer::root().child(kind.key()), quoted.as_bytes()).ok()?;
    let offered = Offered::new(&Arc::from(""), kind, [(native.to_owned(), Bytes::from(json))]);
    offered.definitions().first().map(|definition| definition.digest.clone())
}

/// The definition with the edits of the stages. One that cannot be edited as they say is not offered.
fn edited(kept: &Kept, definition: Bytes) -> Option<Bytes> {
    kept.edits.iter().try_fold(definition, |definition, edit| {
        let pointer = Pointer::parse(&edit.pointer).ok()?;
        let names = matches!(edit.pointer.as_str(), "" | "/name" | "/uri" | "/uriTemplate");
        let new = match &edit.json {
            _ if names => return None,
            Some(value) => json::set(&definition, &pointer, value.as_bytes()),
            None => json::remove(&definition, &pointer),
        };
        new.ok().map(Bytes::from)
    })
}
