//! `cardea serve`: settings, plan, build, announce, serve, drain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_config::{AdminPlan, AllowedOrigins, ListenPlan};
use cardea_listen::tls::Certificate;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::gateway::Gateway;
use crate::manifest::Manifest;
use crate::{Failure, cluster, control, deliver, log, operate, plan, reload, status};

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
    let (listen, cluster) = (&manifest.plan.listen, &manifest.plan.cluster);
    // Bound first: the others may have to be told the port.
    let bound = cardea_listen::bind(listen.address).await.map_err(|error| taken("[listen]", listen.address, &error))?;
    let link = cluster::link(cluster)?;
    let gateway = Gateway::open(&manifest, cluster::replica(cluster, Some(bound.address()))?).await?;
    let certificate = certificate(listen)?;
    let shutdown = CancellationToken::new();

    let admin = match &manifest.plan.admin {
        Some(plan) => Some(open_admin(plan).await?),
        None => None,
    };
    // Whoever reads "serving" may send a signal at once, or change a file.
    let signals =
        Signals::listen().map_err(|error| Failure::unavailable(format!("cannot listen for signals: {error}")))?;
    cluster::announce(cluster);
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
    let settings = cardea_listen::Settings {
        gauges: Arc::clone(&gateway.parts.gauges),
        replica: Arc::clone(&gateway.parts.replica),
        link,
        ..settings(listen, bound.address(), certificate.as_ref())?
    };
    bound.serve(settings, Arc::clone(&gateway.serving), shutdown).await;
    while tasks.join_next().await.is_some() {}
    gateway.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn open_admin(plan: &AdminPlan) -> Result<cardea_admin::Bound, Failure> {
    let token = plan.token.as_ref().map(|token| token.reveal().to_owned());
    let settings = cardea_admin::Settings { hosts: Vec::new(), token };
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
    Ok(cardea_listen::Settings {
        hosts: plan.allowed_hosts.clone(),
        origins,
        tls,
        public_url: plan.public_url.as_ref().map(ToString::to_string),
        limits: limits(&plan.limits),
        ..cardea_listen::Settings::default()
    })
}

/// The limits of a front door, whatever kind it is.
pub(crate) fn limits(plan: &cardea_config::Limits) -> cardea_listen::Limits {
    cardea_listen::Limits {
        max_body: plan.max_body_bytes.bytes(),
        header_timeout: plan.header_timeout,
        body_timeout: plan.body_timeout,
        idle_timeout: plan.idle_timeout,
        max_connections: plan.max_connections,
        max_connections_per_peer: plan.max_connections_per_peer,
        max_calls: plan.max_concurrent_calls,
        call_timeout: plan.call_timeout,
        max_call_timeout: plan.max_call_timeout,
        max_sessions: plan.max_sessions,
        session_idle: plan.session_idle,
        drain: plan.drain_timeout,
        ..cardea_listen::Limits::default()
    }
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

/// The signals a gateway heeds.
pub(crate) struct Signals {
    pub(crate) terminate: Signal,
    pub(crate) interrupt: Signal,
    pub(crate) hangup: Signal,
    /// Never read. A file that may not grow further is to be an error of the write; unhandled, the signal ends the process.
    _file_size: Signal,
}

impl Signals {
    /// From here on they end nobody by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let [terminate, interrupt, hangup] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        let file_size = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        Ok(Self { terminate: terminate?, interrupt: interrupt?, hangup: hangup?, _file_size: file_size })
    }
}

/// Tells `shutdown` at the first signal to stop; the second one ends the process.
pub(crate) async fn stop_on_signal(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
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
