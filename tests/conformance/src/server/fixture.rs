//! The server: which part of it answers which request.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ClientCapabilities,
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, GetPromptRequestParams, GetPromptResponse,
    GetPromptResult, GetTaskParams, GetTaskResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, PromptMessage, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, RequestStateCodec, Role, ServerCapabilities, ServerConfig,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    UpdateTaskParams,
};
use rmcp::service::{RequestContext, ServiceError, SubscriptionContext};
use rmcp::task_manager::TaskManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;

use crate::catalog::Catalog;
use crate::jobs::Job;
use crate::notices::{List, Listeners};
use crate::rounds::{Try, Turn};
use crate::{asks, notices};

type Context = RequestContext<RoleServer>;

const CACHE_MILLISECONDS: u64 = 60_000;
/// How long the call takes that a client may lose its connection in.
const LONG_ENOUGH_TO_BREAK: Duration = Duration::from_millis(500);
/// Seals what a client carries from try to try. It guards nothing: whoever reads this may forge it.
const STATE_KEY: &[u8] = b"a conformance run on this machine only";

/// Everything the server knows; clones share it.
#[derive(Clone)]
pub(crate) struct Fixture {
    catalog: Arc<Catalog>,
    codec: RequestStateCodec,
    listeners: Listeners,
    tasks: TaskManager,
    versions: &'static [ProtocolVersion],
}

impl Fixture {
    /// A server that speaks these versions. Fails if its data is wrong.
    pub(crate) fn new(versions: &'static [ProtocolVersion]) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self {
            catalog: Arc::new(Catalog::read()?),
            codec: RequestStateCodec::try_new(STATE_KEY)?,
            listeners: Listeners::default(),
            tasks: TaskManager::new(),
            versions,
        })
    }

    /// Plays as far as it goes without another try of the client's, if this tool or prompt needs answers at all.
    async fn play(&self, name: &str, mut this: Try, context: &Context) -> Result<Option<Turn>, ErrorData> {
        let Some(rounds) = self.catalog.rounds.get(name) else { return Ok(None) };
        loop {
            match rounds.play(&this, &self.catalog, &self.codec)? {
                Turn::Ask(ask) if is_legacy(context) => {
                    this.responses = Some(asks::ask(context, ask.input_requests.unwrap_or_default()).await?);
                    this.state = ask.request_state;
                }
                turn => return Ok(Some(turn)),
            }
        }
    }

    /// The tools that do more than say the same.
    async fn act(&self, tool: &str, context: &Context) -> Result<CallToolResult, ErrorData> {
        match tool {
            "test_tool_with_logging" => notices::logs(context).await.map_err(unheard)?,
            "test_logging_tool" => notices::log_if_asked(context).await.map_err(unheard)?,
            "test_tool_with_progress" => notices::progress(context).await.map_err(unheard)?,
            "test_trigger_tool_change" => self.listeners.changed(List::Tools).await,
            "test_trigger_prompt_change" => self.listeners.changed(List::Prompts).await,
            "test_missing_capability" => needs_sampling(&capabilities(context))?,
            _ => return Err(ErrorData::invalid_params(format!("Unknown tool: {tool}"), None)),
        }
        Ok(CallToolResult::success(vec![ContentBlock::text("done")]))
    }
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_completions()
            .enable_logging()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("cardea-conformance", env!("CARGO_PKG_VERSION")))
            .with_instructions("Says what the conformance suite expects.")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(self.versions)
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListToolsResult, ErrorData> {
        let result = ListToolsResult::with_all_items(self.catalog.tools.definitions.clone());
        Ok(result.with_ttl_ms(CACHE_MILLISECONDS).with_cache_scope(CacheScope::Public))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.catalog.tool(name).cloned()
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        let arguments = json!(request.arguments.unwrap_or_default());
        let capabilities = capabilities(&context);
        if request.name == "test_reconnection" {
            tokio::time::sleep(LONG_ENOUGH_TO_BREAK).await;
        }
        if let Some(answer) = self.catalog.tool_answer(&request.name, &arguments) {
            return answer.map(Into::into);
        }
        let this = Try {
            arguments: arguments.clone(),
            responses: request.input_responses,
            state: request.request_state,
            capabilities: capabilities.clone(),
        };
        let job = match self.play(&request.name, this, &context).await? {
            Some(Turn::Ask(ask)) => return Ok(ask.into()),
            Some(Turn::Done(text)) if request.name == "test_tool_with_task" => Some(Job::Saying(text)),
            Some(Turn::Done(text)) => return Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into()),
            None => Job::of(&request.name, &arguments),
        };
        match job {
            Some(job) => job.call(&arguments, &capabilities, &self.catalog, &self.tasks).await,
            None => self.act(&request.name, &context).await.map(Into::into),
        }
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let result = ListPromptsResult::with_all_items(self.catalog.prompts.definitions.clone());
        Ok(result.with_ttl_ms(CACHE_MILLISECONDS).with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = json!(request.arguments.unwrap_or_default());
        if let Some(answer) = self.catalog.prompt_answer(&request.name, &arguments) {
            return answer.map(Into::into);
        }
        let this = Try {
            arguments,
            responses: request.input_responses,
            state: request.request_state,
            capabilities: capabilities(&context),
        };
        match self.play(&request.name, this, &context).await? {
            Some(Turn::Ask(ask)) => Ok(ask.into()),
            Some(Turn::Done(text)) => Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).into()),
            None => Err(ErrorData::invalid_params(format!("Unknown prompt: {}", request.name), None)),
        }
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let result = ListResourcesResult::with_all_items(self.catalog.resources.definitions.clone());
        Ok(result.with_ttl_ms(CACHE_MILLISECONDS).with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let result = ListResourceTemplatesResult::with_all_items(self.catalog.resources.templates.clone());
        Ok(result.with_ttl_ms(CACHE_MILLISECONDS).with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let unknown = || ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": request.uri })));
        let result = self.catalog.resource(&request.uri).ok_or_else(unknown)??;
        Ok(result.with_ttl_ms(CACHE_MILLISECONDS).with_cache_scope(CacheScope::Public).into())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        // No resource here ever changes, so there is nobody to remember.
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn complete(&self, request: CompleteRequestParams, _: Context) -> Result<CompleteResult, ErrorData> {
        let values = vec![format!("{}paris", request.argument.value), format!("{}park", request.argument.value)];
        let info = CompletionInfo::with_all_values(values).map_err(|error| ErrorData::internal_error(error, None))?;
        Ok(CompleteResult::new(info))
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        // What it logs it logs at every level.
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.listeners.keep(&context).await;
        Ok(())
    }

    async fn get_task(&self, request: GetTaskParams, _: Context) -> Result<GetTaskResult, ErrorData> {
        self.tasks.get_task(&request.task_id).map(GetTaskResult::new)
    }

    async fn update_task(&self, request: UpdateTaskParams, _: Context) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Context) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}

fn capabilities(context: &Context) -> ClientCapabilities {
    context.client_capabilities().unwrap_or_default()
}

fn is_legacy(context: &Context) -> bool {
    context.protocol_version().is_none_or(|version| version < ProtocolVersion::V_2026_07_28)
}

fn needs_sampling(capabilities: &ClientCapabilities) -> Result<(), ErrorData> {
    match capabilities.sampling {
        Some(_) => Ok(()),
        None => {
            Err(ErrorData::missing_required_client_capability(ClientCapabilities::builder().enable_sampling().build()))
        }
    }
}

fn unheard(error: ServiceError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
