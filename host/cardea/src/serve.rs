//! `cardea serve`: settings, plan, build, announce, serve, drain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_config::{AdminPlan, AllowedOrigins, ListenPlan, Secret};
use cardea_listen::tls::Certificate;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::gateway::{Gateway, Parts, open_journal};
use crate::manifest::Manifest;
use crate::{Failure, assemble, control, deliver, log, operate, plan, reload, status};

/// Serves until a signal says to stop.
pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let manifest = Manifest::read(path)?;
    log::start(&manifest.plan.log);
    runtime()?.block_on(serve(path.to_path_buf(), manifest))
}

/// The runtime of every subcommand that needs one.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unavailable(format!("cannot start the runtime: {error}")))
}

async fn serve(path: PathBuf, manifest: Manifest) -> Result<(), Failure> {
    let journal = open_journal(&manifest)?;
    let parts = Parts::open(&manifest, Arc::clone(&journal) as Arc<dyn cardea_chain::Recorder>)?;
    let first = assemble::first(&parts, &manifest).await.map_err(|report| manifest.wrong(&report))?;
    let listen = &manifest.plan.listen;
    let certificate = certificate(listen)?;
    let bound = cardea_listen::bind(listen.address).await.map_err(|error| taken("[listen]", listen.address, &error))?;
    let gateway = Arc::new(Gateway::new(parts, journal, first));
    let shutdown = CancellationToken::new();

    let admin = match &manifest.plan.admin {
        Some(plan) => Some(open_admin(plan).await?),
        None => None,
    };
    // Whoever reads "serving" may send a signal at once, or change a file.
    let signals =
        Signals::listen().map_err(|error| Failure::unavailable(format!("cannot listen for signals: {error}")))?;
    plan::remember(&manifest.plan, &manifest.source);
    control::remember(&manifest.plan, admin.as_ref().map(cardea_admin::Bound::address));
    let mut tasks = tokio::task::JoinSet::new();
    reload::follow(path, Arc::clone(&gateway), certificate.clone(), signals.hangup, shutdown.clone(), &mut tasks);
    announce(bound.address(), certificate.is_some(), admin.as_ref().map(cardea_admin::Bound::address), &gateway);

    if let Some(admin) = admin {
        tasks.spawn(admin.serve(status::of(&gateway), operate::of(&gateway), shutdown.clone()));
    }
    tasks.spawn(deliver::follow(Arc::clone(&gateway), manifest.data().to_path_buf(), shutdown.clone()));
    tasks.spawn(stop_on_signal(signals.terminate, signals.interrupt, shutdown.clone()));
    let settings = settings(listen, bound.address(), certificate.as_ref())?;
    bound.serve(settings, Arc::clone(&gateway.serving), shutdown).await;
    while tasks.join_next().await.is_some() {}
    gateway.built().close().await;
    gateway.journal.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn open_admin(plan: &AdminPlan) -> Result<cardea_admin::Bound, Failure> {
    let revealed = |token: &Option<Secret>| token.as_ref().map(|token| token.reveal().to_owned());
    let (token, viewer_token) = (revealed(&plan.token), revealed(&plan.viewer_token));
    let settings = cardea_admin::Settings { hosts: Vec::new(), token, viewer_token };
    cardea_admin::bind(plan.address, settings).await.map_err(|error| taken("[admin]", plan.address, &error))
}

fn announce(address: SocketAddr, tls: bool, admin: Option<SocketAddr>, gateway: &Gateway) {
    let scheme = if tls { "https" } else { "http" };
    let built = gateway.built();
    let admin = admin.map(tracing::field::display);
    tracing::info!(
        address = %address, url = %format!("{scheme}://{address}/mcp"), admin,
        servers = built.plan.servers.len(), stages = built.stages.len(), version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
}

fn settings(
    plan: &ListenPlan,
    address: SocketAddr,
    certificate: Option<&Arc<Certificate>>,
) -> Result<cardea_listen::Settings, Failure> {
    let origins = match &plan.allowed_origins {
        AllowedOrigins::Only(origins) => origins.clone(),
        AllowedOrigins::Loopback => loopback_origins(address, certificate.is_some()),
    };
    let tls = certificate
        .map(|certificate| certificate.server_config())
        .transpose()
        .map_err(|error| Failure::config(format!("[listen.tls]: {error}")))?;
    let limits = &plan.limits;
    Ok(cardea_listen::Settings {
        hosts: plan.allowed_hosts.clone(),
        origins,
        tls,
        public_url: plan.public_url.as_ref().map(ToString::to_string),
        limits: cardea_listen::Limits {
            max_body: limits.max_body_bytes.bytes(),
            header_timeout: limits.header_timeout,
            body_timeout: limits.body_timeout,
            idle_timeout: limits.idle_timeout,
            max_connections: limits.max_connections,
            max_connections_per_peer: limits.max_connections_per_peer,
            max_calls: limits.max_concurrent_calls,
            call_timeout: limits.call_timeout,
            max_call_timeout: limits.max_call_timeout,
            max_sessions: limits.max_sessions,
            session_idle: limits.session_idle,
            drain: limits.drain_timeout,
            ..cardea_listen::Limits::default()
        },
    })
}

fn loopback_origins(address: SocketAddr, tls: bool) -> Vec<String> {
    let scheme = if tls { "https" } else { "http" };
    ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{scheme}://{host}:{}", address.port())).into()
}

fn certificate(plan: &ListenPlan) -> Result<Option<Arc<Certificate>>, Failure> {
    let Some(tls) = &plan.tls else { return Ok(None) };
    let (certificate, key) = reload::read_certificate(tls).map_err(Failure::config)?;
    Certificate::load(&certificate, &key).map(Some).map_err(|error| Failure::config(format!("[listen.tls]: {error}")))
}

fn taken(section: &str, address: SocketAddr, error: &dyn std::fmt::Display) -> Failure {
    Failure::unavailable(format!(
        "cannot listen on {address}: {error}\nhelp: {section} address = \"127.0.0.1:0\" takes any free port"
    ))
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let [terminate, interrupt, hangup] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self { terminate: terminate?, interrupt: interrupt?, hangup: hangup? })
    }
}

async fn stop_on_signal(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: finishing what is under way"),
        _ = interrupt.recv() => tracing::info!("SIGINT: finishing what is under way"),
        () = shutdown.cancelled() => return,
    }
    shutdown.cancel();
    // A second signal is impatience, and honoured.
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::warn!("second signal: stopping at once");
        std::process::exit(130);
    });
}
