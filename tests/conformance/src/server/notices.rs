//! What the server says without being asked: log messages, progress, and that a list has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rmcp::RoleServer;
use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam};
use rmcp::service::{RequestContext, ServiceError, SubscriptionContext, SubscriptionSink};
use serde_json::json;
use tokio::sync::Mutex;

/// Three log messages, whether a level was set or not.
pub(crate) async fn logs(context: &RequestContext<RoleServer>) -> Result<(), ServiceError> {
    for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        log(context, LoggingLevel::Info, text).await?;
    }
    Ok(())
}

/// One log message if this very request asks for a level.
pub(crate) async fn log_if_asked(context: &RequestContext<RoleServer>) -> Result<(), ServiceError> {
    match context.meta.log_level() {
        Some(level) => log(context, level, "a level was asked for").await,
        None => Ok(()),
    }
}

/// The start, the middle and the end, if the request has a token for them.
pub(crate) async fn progress(context: &RequestContext<RoleServer>) -> Result<(), ServiceError> {
    let Some(token) = context.meta.get_progress_token() else { return Ok(()) };
    for done in [0.0, 50.0, 100.0] {
        let progress = ProgressNotificationParam::new(token.clone(), done).with_total(100.0);
        context.peer.notify_progress(progress).await?;
    }
    Ok(())
}

async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, text: &str) -> Result<(), ServiceError> {
    context.peer.notify_logging_message(LoggingMessageNotificationParam::new(level, json!(text))).await
}

/// Everybody who listens.
#[derive(Clone, Default)]
pub(crate) struct Listeners {
    sinks: Arc<Mutex<HashMap<u64, SubscriptionSink>>>,
    next: Arc<AtomicU64>,
}

/// Which list.
#[derive(Clone, Copy)]
pub(crate) enum List {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
}

impl Listeners {
    /// Keeps this one until it goes away.
    pub(crate) async fn keep(&self, context: &SubscriptionContext) {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.sinks.lock().await.insert(key, context.sink().clone());
        context.cancelled().await;
        self.sinks.lock().await.remove(&key);
    }

    /// Tells everybody who asked for news of this list.
    pub(crate) async fn changed(&self, list: List) {
        let sinks: Vec<SubscriptionSink> = self.sinks.lock().await.values().cloned().collect();
        for sink in sinks {
            // One that has gone away meanwhile misses nothing.
            drop(match list {
                List::Tools => sink.notify_tool_list_changed().await,
                List::Prompts => sink.notify_prompt_list_changed().await,
            });
        }
    }
}
