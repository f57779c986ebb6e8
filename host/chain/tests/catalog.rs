//! Definitions and the stages that admit them: what is not admitted is neither listed nor called.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cardea_chain::*;
use cardea_message::Method;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use support::{Diary, FakeServer, Kept, call};

type Judge = dyn Fn(&Definition) -> CatalogVerdict + Send + Sync;

/// A stage that admits, and writes down what it was asked.
struct Admitter {
    name: Arc<str>,
    diary: Diary,
    judge: Box<Judge>,
    fails: bool,
}

impl Stage for Admitter {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn role(&self) -> Role {
        Role::Content
    }
    fn hooks(&self) -> Hooks {
        Hooks::default().with(Hook::Catalog)
    }
    fn admit<'a>(&'a self, definitions: &'a Arc<Vec<Definition>>) -> HookFuture<'a, Vec<CatalogVerdict>> {
        let names: Vec<_> = definitions.iter().map(|definition| definition.native_id.as_str()).collect();
        self.diary.lock().unwrap().push(names.join(","));
        let verdict: Vec<_> = definitions.iter().map(|definition| (self.judge)(definition)).collect();
        let fault = HookFault { kind: HookFaultKind::Trap, inside: "on purpose".into() };
        std::future::ready(if self.fails { Err(fault) } else { Ok(verdict.into()) }).boxed()
    }
}

/// A server's list as the house knows it, and as it is when it is asked again.
struct Lists {
    server: Arc<FakeServer>,
    known: Mutex<Arc<Offered>>,
    now: Arc<Offered>,
}

impl Directory for Lists {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        let upstream: Arc<dyn Upstream> = Arc::<FakeServer>::clone(&self.server);
        let target = Target {
            server: Some("files".into()),
            native_name: call.name.clone(),
            params: None,
            endpoints: Arc::from([Endpoint { facts: Candidate::new("files", "files"), upstream }]),
            call_timeout: None,
        };
        std::future::ready(Ok(target)).boxed()
    }
    fn place(&self, _call: &Call, _kind: ItemKind, id: &str) -> Option<Place> {
        Some(Place { server: "files".into(), native: id.to_owned() })
    }
    fn definition(&self, _call: &Call, _kind: ItemKind, _id: &str) -> Option<Bytes> {
        None
    }
    fn offers<'a>(
        &'a self,
        _call: &'a Arc<Call>,
        _server: &'a str,
        _kind: ItemKind,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Arc<Offered>, Fault>> {
        let mut known = self.known.lock().unwrap();
        if fresh {
            *known = Arc::clone(&self.now);
        }
        std::future::ready(Ok(Arc::clone(&known))).boxed()
    }
}

struct Story {
    chain: Chain,
    lists: Arc<Lists>,
    diary: Diary,
}

fn tool(name: &str, text: &str) -> String {
    format!(r#"{{"name":"{name}","description":"{text}"}}"#)
}

fn offered(tools: &[String]) -> Arc<Offered> {
    let name =
        |json: &String| serde_json::from_str::<serde_json::Value>(json).unwrap()["name"].as_str().unwrap().to_owned();
    Arc::new(Offered::new(&"files".into(), ItemKind::Tool, tools.iter().map(|json| (name(json), json.clone().into()))))
}

impl Story {
    /// The house knows `known`; what the server shows now is `shown`.
    fn new(
        known: &[String],
        shown: &[String],
        judge: impl Fn(&Definition) -> CatalogVerdict + Send + Sync + 'static,
    ) -> Self {
        Self::with(known, shown, judge, false)
    }

    fn with(
        known: &[String],
        shown: &[String],
        judge: impl Fn(&Definition) -> CatalogVerdict + Send + Sync + 'static,
        fails: bool,
    ) -> Self {
        let diary = Diary::default();
        let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, shown.join(","));
        let server = Arc::new(FakeServer { answer, hang: false, diary: Arc::default() });
        let lists = Lists { server, known: Mutex::new(offered(known)), now: offered(shown) };
        let stage = Admitter { name: "pin".into(), diary: Arc::clone(&diary), judge: Box::new(judge), fails };
        let placed = Placed { stage: Arc::new(stage), matcher: Matcher::default(), on_error: OnError::Refuse };
        let chain = Chain::new(vec![placed], 1, Arc::new(Kept::default()));
        Self { chain, lists: Arc::new(lists), diary }
    }

    async fn walk(&self, method: Method, name: Option<&str>) -> Reply {
        let mut asked = call(method, "{}", name, &self.lists.server);
        Arc::get_mut(&mut asked).unwrap().directory = Arc::<Lists>::clone(&self.lists);
        let (outlet, _heard) = Outlet::new(1);
        self.chain.walk(asked, Vec::new(), &outlet).await
    }

    async fn list(&self) -> String {
        String::from_utf8(self.walk(Method::TOOLS_LIST, None).await.result().unwrap().to_vec()).unwrap()
    }

    async fn fault_of_call(&self, name: &str) -> Option<FaultKind> {
        match self.walk(Method::TOOLS_CALL, Some(name)).await.answer {
            Answer::Failed(fault) => Some(fault.kind),
            _ => None,
        }
    }

    fn judged(&self) -> Vec<String> {
        self.diary.lock().unwrap().clone()
    }
}

fn hold(name: &'static str) -> impl Fn(&Definition) -> CatalogVerdict + Send + Sync {
    move |definition| {
        let decision = if definition.native_id == name { Decision::Hold } else { Decision::Keep };
        CatalogVerdict { decision, ..CatalogVerdict::keep() }
    }
}

#[tokio::test]
async fn what_is_held_is_neither_listed_nor_called_and_the_rest_is() {
    let tools = [tool("read", "Reads."), tool("burn", "Burns.")];
    let story = Story::new(&tools, &tools, hold("burn"));
    assert_eq!(story.fault_of_call("burn").await, Some(FaultKind::UnknownName), "before anybody has listed");
    assert_eq!(story.fault_of_call("read").await, None);
    assert_eq!(story.list().await, format!(r#"{{"tools":[{}]}}"#, tools[0]));
    assert_eq!(story.fault_of_call("nowhere").await, Some(FaultKind::UnknownName));
    assert_eq!(story.judged(), ["read,burn"], "once a revision");
}

#[tokio::test]
async fn a_page_that_shows_something_new_is_judged_before_it_is_shown() {
    let story = Story::new(
        &[tool("read", "Reads.")],
        &[tool("read", "Reads. Then burns."), tool("burn", "Burns.")],
        hold("burn"),
    );
    assert_eq!(story.list().await, format!(r#"{{"tools":[{}]}}"#, tool("read", "Reads. Then burns.")));
    assert_eq!(story.judged(), ["read", "read,burn"]);
}

#[tokio::test]
async fn edits_are_made_wherever_the_definition_is_shown() {
    let tools = [tool("read", "Reads. IMPORTANT!")];
    let story = Story::new(&tools, &tools, |_| CatalogVerdict {
        edits: vec![DefinitionEdit { pointer: "/description".into(), json: Some(r#""Reads.""#.into()) }],
        ..CatalogVerdict::keep()
    });
    assert_eq!(story.list().await, format!(r#"{{"tools":[{}]}}"#, tool("read", "Reads.")));
}

#[tokio::test]
async fn an_item_whose_name_would_be_edited_is_not_offered() {
    let tools = [tool("read", "Reads.")];
    let story = Story::new(&tools, &tools, |_| CatalogVerdict {
        edits: vec![DefinitionEdit { pointer: "/name".into(), json: Some(r#""rm""#.into()) }],
        ..CatalogVerdict::keep()
    });
    assert_eq!(story.list().await, r#"{"tools":[]}"#);
}

#[tokio::test]
async fn two_definitions_of_one_name_are_not_offered() {
    let tools = [tool("read", "Reads."), tool("read", "Burns.")];
    let story = Story::new(&tools, &tools, |_| CatalogVerdict::keep());
    assert_eq!(story.list().await, r#"{"tools":[]}"#);
    assert_eq!(story.fault_of_call("read").await, Some(FaultKind::UnknownName));
}

#[tokio::test]
async fn a_stage_that_fails_admits_nothing() {
    let tools = [tool("read", "Reads.")];
    let story = Story::with(&tools, &tools, |_| CatalogVerdict::keep(), true);
    assert_eq!(story.fault_of_call("read").await, Some(FaultKind::StageFailed));
    assert!(story.walk(Method::TOOLS_LIST, None).await.is_error());
}
