//! `cardea stdio`: one client at standard input and output, in front of a running gateway or of a manifest of its own.
//! Standard output belongs to the protocol; everything else goes to standard error.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use cardea_chain::Subject;
use cardea_config::{Log, LogFormat, LogLevel, Spans, StdioPlan};
use cardea_listen::stdio::{Stdio, serve};
use cardea_listen::{Generation, Limits};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tokio::io::{stdin, stdout};
use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;
use crate::gateway::Gateway;
use crate::manifest::Manifest;
use crate::serve::{Signals, runtime, stop_on_signal};
use crate::{Failure, assemble, bridge, cluster, deliver, log, reload};

/// What stands behind the pipes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The endpoint of a running gateway, such as `http://127.0.0.1:8080/mcp`.
    #[arg(long, conflicts_with_all = ["manifest", "endpoint"])]
    url: Option<Uri>,
    /// With `--url`: a header of every request, with its value from an environment variable, so that it stands in no list of
    /// processes. May be repeated.
    #[arg(long, value_name = "NAME=VARIABLE", requires = "url")]
    header_from_env: Vec<String>,
    /// A manifest, served in this process alone: no port is opened.
    #[arg(long, short, default_value = "cardea.toml")]
    manifest: PathBuf,
    /// With `--manifest`: the path of the endpoint that the client reaches.
    #[arg(long, default_value = assemble::ALL_SERVERS)]
    endpoint: String,
}

/// Serves until the client leaves or a signal says to stop.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.url {
        Some(url) => {
            let headers = headers(&arguments.header_from_env)?;
            check(url)?;
            // Nobody configures the log of a bridge: what failed, and when it began and ended.
            log::start(&Log { format: LogFormat::Auto, level: LogLevel::Info, spans: Spans::default() });
            to_the_end(before_a_gateway(url, headers))
        }
        None => {
            let manifest = Manifest::read(&arguments.manifest)?;
            log::start(&manifest.plan.log);
            to_the_end(before_a_manifest(&arguments.manifest, manifest, &arguments.endpoint))
        }
    }
}

/// Runs to the end. The runtime is not waited for: a thread may still read an input that never comes.
fn to_the_end(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

async fn before_a_gateway(url: &Uri, headers: HeaderMap) -> Result<(), Failure> {
    let bridge = Bridge::new(url, &headers)?;
    let shutdown = CancellationToken::new();
    let signals = Signals::listen().map_err(|error| deaf(&error))?;
    tokio::spawn(stop_on_signal(signals.terminate, signals.interrupt, shutdown.clone()));
    tracing::info!(%url, version = env!("CARGO_PKG_VERSION"), "bridging standard input and output");
    let subject = Subject { issuer: "stdio".into(), id: "client".into(), kind: "user".into(), ..Subject::default() };
    talk(bridge::ENDPOINT, subject, bridge::limits(), Arc::clone(&bridge.generation), shutdown).await;
    bridge.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn before_a_manifest(path: &Path, manifest: Manifest, endpoint: &str) -> Result<(), Failure> {
    let Some(stdio) = manifest.plan.stdio.clone() else {
        return Err(Failure::config(format!(
            "{}: nothing says who calls over standard input and output\nhelp: add `[stdio]` with `subject = \"…\"`, a name for the caller, and the `roles` it has",
            path.display()
        )));
    };
    let gateway = Gateway::open(&manifest, cluster::replica(&manifest.plan.cluster, None)?).await?;
    let served = Arc::clone(&gateway.built().generation);
    if !served.endpoints.contains_key(endpoint) {
        gateway.close().await;
        return Err(no_endpoint(endpoint, &served));
    }
    let shutdown = CancellationToken::new();
    let signals = Signals::listen().map_err(|error| deaf(&error))?;
    let built = gateway.built();
    tracing::info!(
        endpoint,
        subject = stdio.subject,
        servers = built.plan.servers.len(),
        stages = built.stages.len(),
        version = env!("CARGO_PKG_VERSION"),
        "serving on standard input and output"
    );
    let mut tasks = tokio::task::JoinSet::new();
    reload::follow(path.to_path_buf(), Arc::clone(&gateway), None, signals.hangup, shutdown.clone(), &mut tasks);
    tasks.spawn(deliver::follow(Arc::clone(&gateway), manifest.data().to_path_buf(), shutdown.clone()));
    tasks.spawn(stop_on_signal(signals.terminate, signals.interrupt, shutdown.clone()));
    let limits = crate::serve::limits(&manifest.plan.listen.limits);
    talk(endpoint, subject(stdio), limits, Arc::clone(&gateway.serving), shutdown.clone()).await;
    shutdown.cancel();
    while tasks.join_next().await.is_some() {}
    gateway.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn talk(
    endpoint: &str,
    subject: Subject,
    limits: Limits,
    generation: Arc<ArcSwap<Generation>>,
    shutdown: CancellationToken,
) {
    let stdio = Stdio { endpoint: endpoint.into(), subject, limits };
    serve(stdin(), stdout(), stdio, generation, shutdown).await;
}

fn subject(plan: StdioPlan) -> Subject {
    let StdioPlan { subject: id, tenant, roles, groups, scopes } = plan;
    let (issuer, kind) = ("stdio".into(), "user".into());
    Subject { issuer, id, kind, tenant, roles, groups, scopes, ..Subject::default() }
}

/// A URL that can be posted to.
fn check(url: &Uri) -> Result<(), Failure> {
    if matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() {
        return Ok(());
    }
    Err(Failure::usage(format!("--url {url}: is no URL with http:// or https:// and a host")))
}

fn headers(from_env: &[String]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for pair in from_env {
        let wrong = |what: &str| Failure::usage(format!("--header-from-env {pair}: {what}"));
        let (name, variable) = pair.split_once('=').ok_or_else(|| wrong("is not of the form NAME=VARIABLE"))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("is not the name of a header"))?;
        let value = std::env::var(variable).map_err(|_| wrong(&format!("{variable} is not set")))?;
        let mut value =
            HeaderValue::from_str(&value).map_err(|_| wrong(&format!("{variable} holds no header value")))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

fn no_endpoint(endpoint: &str, generation: &Generation) -> Failure {
    let mut known: Vec<&str> = generation.endpoints.keys().map(|path| &**path).collect();
    known.sort_unstable();
    Failure::usage(format!("--endpoint {endpoint}: is not one of {}", known.join(", ")))
}

fn deaf(error: &std::io::Error) -> Failure {
    Failure::unavailable(format!("cannot listen for signals: {error}"))
}
