//! Tools that may take their time: tasks for a client that knows tasks, plain calls for one that does not where that is possible.

use std::time::Duration;

use futures_util::future::try_join_all;
use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult, InputRequest};
use rmcp::task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions};
use serde_json::Value;

use crate::catalog::Catalog;
use crate::fill;

/// What a job does.
pub(crate) enum Job {
    /// Takes so many seconds.
    Slow(f64),
    /// Fails in its result.
    Failing,
    /// Fails with a protocol error.
    Broken,
    /// Asks these questions at once, and says the answers in this text.
    Asking(&'static [&'static str], &'static str),
    /// Says this.
    Saying(String),
}

impl Job {
    /// The job of this tool.
    pub(crate) fn of(tool: &str, arguments: &Value) -> Option<Self> {
        Some(match tool {
            "slow_compute" => Self::Slow(arguments["seconds"].as_f64().unwrap_or(1.0)),
            "failing_job" => Self::Failing,
            "protocol_error_job" => Self::Broken,
            "confirm_delete" => Self::Asking(&["delete"], "confirmed: {delete/content/confirm}"),
            "multi_input" => Self::Asking(&["first", "second"], "{first/content/value}, {second/content/value}"),
            _ => return None,
        })
    }

    /// Whether it can only be a task. The suite says so of `failing_job`; the others have no other way to ask, or are told to.
    fn is_always_a_task(&self) -> bool {
        !matches!(self, Self::Slow(_) | Self::Broken)
    }

    /// Begins a task, or does the work at once if the client knows no tasks.
    pub(crate) async fn call(
        self,
        arguments: &Value,
        capabilities: &ClientCapabilities,
        catalog: &Catalog,
        tasks: &TaskManager,
    ) -> Result<CallToolResponse, ErrorData> {
        if capabilities.supports_tasks() {
            return self.begin(arguments, catalog, tasks);
        }
        if self.is_always_a_task() {
            let tasks = ClientCapabilities::builder().enable_tasks().build();
            return Err(ErrorData::missing_required_client_capability(tasks));
        }
        self.work(&Value::Null).await.map(Into::into)
    }

    fn begin(self, arguments: &Value, catalog: &Catalog, tasks: &TaskManager) -> Result<CallToolResponse, ErrorData> {
        let questions: &[&str] = if let Self::Asking(questions, _) = &self { questions } else { &[] };
        let asks = questions.iter().map(|name| Ok((*name, catalog.ask(name, arguments)?)));
        let asks = asks.collect::<Result<Vec<_>, ErrorData>>()?;
        let task = tasks.spawn(TaskOptions::default(), move |context: TaskContext| {
            Box::pin(async move {
                tokio::select! {
                    () = context.cancelled() => Err(TaskExit::Cancelled),
                    result = self.work_with_answers(&context, asks) => result,
                }
            })
        });
        Ok(CreateTaskResult::new(task).into())
    }

    async fn work_with_answers(
        &self,
        context: &TaskContext,
        asks: Vec<(&'static str, InputRequest)>,
    ) -> Result<CallToolResult, TaskExit> {
        let answers = asks.into_iter().map(async |(name, ask)| {
            let answer = context.request_input(name, ask).await?;
            Ok::<_, TaskExit>((name.to_owned(), answer))
        });
        let answers = try_join_all(answers).await?.into_iter().collect();
        Ok(self.work(&Value::Object(answers)).await?)
    }

    async fn work(&self, answers: &Value) -> Result<CallToolResult, ErrorData> {
        match self {
            Self::Slow(seconds) => {
                tokio::time::sleep(Duration::from_secs_f64(seconds.clamp(0.0, 600.0))).await;
                Ok(said(format!("done after {seconds} s")))
            }
            Self::Failing => Ok(CallToolResult::error(vec![ContentBlock::text("this job fails whenever it runs")])),
            Self::Broken => Err(ErrorData::internal_error("this job breaks whenever it runs", None)),
            Self::Asking(_, then) => Ok(said(fill::text(then, answers))),
            Self::Saying(text) => Ok(said(text.clone())),
        }
    }
}

fn said(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}
