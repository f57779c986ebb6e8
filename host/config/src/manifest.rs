//! Raw: every key of `cardea.toml`, as it is written. The doc comments here are the reference page.

mod journal;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cardea_grant::{Algorithm, HttpRule, IpNet, Pattern, Secret};
use http::Uri;

use crate::document::Document;
use crate::grant::{IssuerUrl, KeysUrl, KvGrant, ScopeName, Secrets, TokenType};
use crate::http_words::{Headers, Host, Origin};
use crate::names::{AdminAddress, Argument, EndpointPath, Patterns, PluginSource, ServerName, StageName, Variables};
use crate::section::{Form, Key, Required, Section, choices, section};
use crate::text_file::TextFile;
use crate::units::Size;

pub use journal::{Journal, JournalMode, JournalSync};

section! {
    /// The whole of `cardea.toml`. Paths are relative to its folder. A key that is not listed here is an error.
    pub(crate) struct Manifest {
        /// The reason, in words, why calls may pass without a stage of role `rights`. Without it, such a stage must stand
        /// before every server.
        open: Option<String>;
        /// Folder for what the gateway keeps: counters, sessions, the audit journal, compiled plugins.
        data_directory: PathBuf = ".cardea";
        /// Where clients reach the gateway: `/mcp` for all servers, `/servers/<name>/mcp` for one of them.
        listen: Listen = {};
        /// The admin listener: health, metrics, status.
        admin: Admin = {};
        /// Who calls when the manifest is served by `cardea stdio`. There is nobody to ask for a credential: whoever starts the
        /// program is let in as this.
        stdio: Option<Stdio>;
        /// What the gateway writes to its standard error.
        log: Log = {};
        /// How a changed manifest proves itself after it was taken in.
        reload: Reload = {};
        /// Where the counters and values of stages are kept, and who shares them.
        state: State = {};
        /// The record of every call, kept while a stage holds the `journal` grant.
        journal: Journal = {};
        /// The gateways beside this one, behind the same load balancer.
        cluster: Cluster = {};
        /// An MCP server behind the gateway; one `[[server]]` for each. It has exactly one of `command`, `url` and
        /// `[[server.endpoint]]`.
        server: Vec<Server> = [];
        /// One more path where clients reach some of the servers, or some of what they have; one `[[endpoint]]` for each.
        endpoint: Vec<View> = [];
        /// A plugin that calls pass through, in the order written here; one `[[stage]]` for each.
        stage: Vec<Stage> = [];
    }
}

section! {
    /// Where clients reach the gateway: `/mcp` for all servers, `/servers/<name>/mcp` for one of them.
    pub(crate) struct Listen {
        /// IP address and port to listen on. Port 0 takes any free port.
        address: SocketAddr = "127.0.0.1:8080";
        /// The URL under which clients reach the gateway, if it differs from the address: behind a proxy, or by a name.
        public_url: Option<Uri>;
        /// Values of the `Host` header that are served; without a port, any port will do. Default: `localhost`,
        /// `127.0.0.1`, `[::1]`, the host of `address` and the host of `public-url`.
        allowed_hosts: Option<Vec<Host>>;
        /// Origins of web pages that may call the gateway, such as `https://app.example.com`. Default: pages served from
        /// a loopback name at the port of this listener.
        allowed_origins: Option<Vec<Origin>>;
        /// Serves HTTPS instead of HTTP.
        tls: Option<Tls>;
        /// What one client may take of the gateway.
        limits: Limits = {};
    }
}

section! {
    /// Serves HTTPS instead of HTTP.
    pub(crate) struct Tls {
        /// PEM file with the certificate and the chain that leads to it.
        certificate: Required<PathBuf>;
        /// PEM file with the private key.
        key: Required<PathBuf>;
    }
}

section! {
    /// What clients and servers may take of the gateway.
    pub struct Limits {
        /// Longest body of a request.
        max_body_bytes: Size = "4MiB", within "1KiB" to "1GiB";
        /// Longest message of a server.
        max_message_bytes: Size = "16MiB", within "1KiB" to "1GiB";
        /// Connections open at once.
        max_connections: usize = 10_000, within 1 to 1_000_000;
        /// Connections open at once from one address. Default: no limit but `max-connections`. Behind a proxy every
        /// client has the proxy's address.
        max_connections_per_peer: Option<usize>, within 1 to 1_000_000;
        /// Calls under way at once; more are refused.
        max_concurrent_calls: usize = 4096, within 1 to 1_000_000;
        /// Longest wait for the headers of a request.
        header_timeout: Duration = "10s", within "100ms" to "5m";
        /// Longest wait for the body of a request.
        body_timeout: Duration = "30s", within "100ms" to "1h";
        /// A connection without a request for this long is closed.
        idle_timeout: Duration = "60s", within "1s" to "1h";
        /// Longest time for one call, unless its server says otherwise. Progress of the call starts it anew.
        /// A subscription has it for its acknowledgement only.
        call_timeout: Duration = "60s", within "10ms" to "1d";
        /// Longest time for one call, however much progress it makes.
        max_call_timeout: Duration = "10m", within "10ms" to "7d";
        /// When the gateway stops: longest wait for the calls under way.
        drain_timeout: Duration = "30s", within "0s" to "1h";
        /// Sessions of clients that speak a protocol version with sessions.
        max_sessions: usize = 10_000, within 1 to 10_000_000;
        /// A session without a message for this long ends.
        session_idle: Duration = "30m", within "1s" to "7d";
    }
}

section! {
    /// The admin listener: health, metrics, status.
    pub(crate) struct Admin {
        /// IP address and port to listen on, or `off`.
        address: AdminAddress = "127.0.0.1:9090";
        /// Token that a caller must show as `Authorization: Bearer …`. Required if the address is not loopback.
        token: Option<Secret>;
        /// Another token, for those who may look and change nothing.
        viewer_token: Option<Secret>;
        /// Calls that have ended and are kept in memory, stage by stage, for `cardea explain` and `/v1/calls`; 0 keeps none.
        recent_calls: usize = 1000, within 0 to 100_000;
        /// Most memory for them: the oldest go first.
        recent_bytes: Size = "4MiB", within "64KiB" to "1GiB";
    }
}

section! {
    /// Who calls when the manifest is served by `cardea stdio`. There is nobody to ask for a credential: whoever starts the
    /// program is let in as this.
    pub(crate) struct Stdio {
        /// The caller's name, for rights, limits and the journal.
        subject: Required<String>;
        /// The caller's tenant. Default: the one of everybody who has no other.
        tenant: Option<String>;
        /// The caller's roles.
        roles: Vec<String> = [];
        /// The caller's groups.
        groups: Vec<String> = [];
        /// The caller's scopes.
        scopes: Vec<String> = [];
    }
}

section! {
    /// What the gateway writes to its standard error.
    pub struct Log {
        /// The form of a line.
        format: LogFormat = "auto";
        /// The least important line that is written.
        level: LogLevel = "info";
    }
}

section! {
    /// How a changed manifest proves itself after it was taken in: the stages that are new with it are on probation. If one of
    /// them fails in more than 1 % of its calls, takes three times as long as the one before it, or fails so often that it is
    /// left alone, what served before serves again.
    pub struct Reload {
        /// Longest time on probation; `0s` for none.
        probation: Duration = "60s", within "0s" to "1h";
        /// Calls after which probation is over, if that is sooner.
        probation_calls: usize = 1000, within 1 to 1_000_000;
    }
}

choices! {
    /// The form of a log line.
    pub enum LogFormat {
        /// `pretty` on a terminal, else `json`.
        Auto = "auto",
        /// For people.
        Pretty = "pretty",
        /// One JSON object per line.
        Json = "json",
    }
}

choices! {
    /// The importance of a log line.
    pub enum LogLevel {
        /// What failed.
        Error = "error",
        /// What may fail soon.
        Warn = "warn",
        /// What changed.
        Info = "info",
        /// What happens to each call.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

section! {
    /// Where the counters and values of stages are kept, and who shares them. Without `redis` they are this gateway's own.
    pub(crate) struct State {
        /// Where they are kept if they are not shared.
        keep_in: KeepIn = "file";
        /// Address of a Redis or Valkey through which gateways share them: `redis://host:6379`, with TLS `rediss://…`, or
        /// `unix:///path`. It takes the place of `keep-in`.
        redis: Option<Secret>;
        /// What every key in Redis begins with. Gateways with the same prefix share; give another to those that must not.
        prefix: String = "cardea";
        /// Longest wait for an answer of Redis, and so the most a call loses while it is slow. When three answers in a row
        /// come later, every use does what its `on-loss` says until Redis is fast enough again.
        patience: Duration = "4ms", within "1ms" to "5s";
    }
}

section! {
    /// The gateways beside this one, behind the same load balancer: any of them takes any request, and hands what only
    /// another can answer over to it.
    pub(crate) struct Cluster {
        /// Secrets of at least 32 characters that all replicas have: they seal what clients carry, such as ids of sessions.
        /// The first seals, all open, so that a new one is put last, then first, and the old one then left out. Default: one
        /// that ends with the process.
        keys: Vec<Secret> = [];
        /// URL at which the other replicas reach the `[listen]` of this one: scheme, host and port. Port 0 stands for the
        /// port that was taken.
        advertise: Option<Uri>;
        /// PEM file with the authorities of the replicas' certificates. Required if they speak HTTPS.
        ca: Option<PathBuf>;
        /// The reason, in words, why replicas may speak to each other without TLS beyond this machine.
        plain: Option<String>;
    }
}

choices! {
    /// Where a gateway keeps its own state.
    pub enum KeepIn {
        /// In the data directory: counters and values outlive a restart.
        File = "file",
        /// In the process: they end with it.
        Memory = "memory",
    }
}

section! {
    /// An MCP server behind the gateway; one `[[server]]` for each. It has exactly one of `command`, `url` and
    /// `[[server.endpoint]]`.
    pub(crate) struct Server {
        /// Its name: 1 to 24 of `a`-`z`, `0`-`9` and `-`. At `/mcp` its tools are called `<name>_<tool>`.
        name: Required<ServerName>;
        /// A program, with its arguments, to start and speak to over standard input and output. A program with a `/` in it
        /// is relative to the manifest's folder; others are looked up in `PATH`.
        command: Option<Vec<Argument>>;
        /// Address of a server that speaks HTTP.
        url: Option<Uri>;
        /// An address of a server that has several; one `[[server.endpoint]]` for each.
        endpoint: Option<Vec<Endpoint>>;
        /// With `command`: the folder it starts in. Default: the manifest's folder.
        cwd: Option<PathBuf>;
        /// With `command`: environment variables set for it.
        env: Variables = {};
        /// With `url` or `endpoint`: headers added to every request.
        headers: Headers = {};
        /// Who shares one session with the server, and so, with `command`, one process. A server that speaks 2026-07-28
        /// has no sessions: all clients share one connection to it, or one process.
        session: SessionScope = "client";
        /// The protocol it speaks.
        protocol: Protocol = "auto";
        /// Longest time for one call to it. Default: `listen.limits.call-timeout`.
        call_timeout: Option<Duration>, within "10ms" to "7d";
        /// With `command`: processes of it at once.
        max_children: usize = 32, within 1 to 10_000;
        /// A session with it, and so a process of it, without a call for this long is ended.
        idle_timeout: Duration = "30m", within "1s" to "7d";
        /// Longest wait for its answer to the first message.
        start_timeout: Duration = "30s", within "100ms" to "10m";
    }
}

choices! {
    /// Who shares one session with a server.
    pub enum SessionScope {
        /// Each client session has its own; clients without sessions have one per subject.
        Client = "client",
        /// One per subject.
        Subject = "subject",
        /// One for all.
        Shared = "shared",
        /// One per call.
        Call = "call",
    }
}

choices! {
    /// The protocol a server speaks.
    pub enum Protocol {
        /// Found out with the first message.
        Auto = "auto",
        /// The stateless one, 2026-07-28 and later.
        Modern = "modern",
        /// The one with sessions, up to 2025-11-25.
        Legacy = "legacy",
    }
}

section! {
    /// An address of a server that has several; one `[[server.endpoint]]` for each.
    pub(crate) struct Endpoint {
        /// The address.
        url: Required<Uri>;
        /// Its share of the calls, beside the other endpoints' weights.
        weight: u32 = 1, within 1 to 1000;
        /// Words for stages of role `route`, such as `region = "eu"`.
        labels: BTreeMap<String, String> = {};
    }
}

section! {
    /// One more path where clients reach some of the servers, or some of what they have; one `[[endpoint]]` for each. Beside it
    /// there are always `/mcp` and `/servers/<name>/mcp`.
    pub(crate) struct View {
        /// The path, such as `/teams/search/mcp`.
        path: Required<EndpointPath>;
        /// The servers, of which an earlier one comes before a later one where both have the same name or URI. Default: all, in
        /// the order of the manifest.
        servers: Option<Vec<ServerName>>;
        /// Patterns for `<server>/<name or URI>`, such as `git/read_*` or `wiki/https://wiki.example.com/*`: of tools, prompts,
        /// resources and templates, only what fits one of them is there. Default: everything.
        include: Option<Patterns>;
        /// Patterns likewise: what fits one of them is not there.
        exclude: Option<Patterns>;
        /// Names of this endpoint's own for tools and prompts: `"git/log" = "history"`. Such an item has no other name here.
        rename: BTreeMap<String, String> = {};
        /// Whether names of tools and prompts carry their server, as in `git_log`.
        prefix: Prefix = "always";
    }
}

choices! {
    /// Whether names of tools and prompts carry their server.
    pub enum Prefix {
        /// All do.
        Always = "always",
        /// Those do that an earlier server has too; the others may be called either way.
        OnConflict = "on-conflict",
        /// None does; what an earlier server has too is not there.
        Never = "never",
    }
}

section! {
    /// A plugin that calls pass through, in the order written here; one `[[stage]]` for each.
    pub(crate) struct Stage {
        /// The plugin: the name of one that is built in (`"api-key"`) or the path of a component (`"./mask.wasm"`).
        plugin: Required<PluginSource>;
        /// Its name in logs and records, different for every stage. Default: the name of the plugin.
        name: Option<StageName>;
        /// The calls that pass through it. Default: all.
        r#match: Match = {};
        /// What it may use beside its own hooks.
        grant: Grant = {};
        /// Its settings, checked against the plugin's own JSON Schema.
        config: Document = {};
        /// Another version that runs beside it, to see what it would say.
        shadow: Option<Shadow>;
        /// With a plugin of role `identity`: what clients without a token are told of the endpoints it guards, at
        /// `/.well-known/oauth-protected-resource/<path>` (RFC 9728).
        metadata: Metadata = {};
        /// Texts of files as settings, each under its name in `config`: `files = { policy = "./policy.rego" }`. A file that changes
        /// counts at once, as the manifest does.
        files: BTreeMap<String, TextFile> = {};
        /// What happens to a call when the plugin fails.
        on_error: OnError = "refuse";
        /// The reason, in words, why calls may pass this stage when it fails. Without it, `on-error` is `refuse` for every
        /// stage that decides or changes something: of all roles but `route` and `observe`.
        accept_fail_open: Option<String>;
        /// How long what it counts and keeps is needed. A plugin that needs it `durable` need not be told.
        keep: Keep = "process";
        /// What it does while `state.redis` cannot be reached.
        on_loss: OnLoss = {};
        /// Who shares an instance of the plugin.
        isolation: Isolation = "shared";
        /// Instances that may run at once. Default: as many as the plugin's grants ask for.
        concurrency: Option<usize>, within 1 to 10_000;
        /// Memory of one instance.
        memory: Size = "16MiB", within "1MiB" to "256MiB";
        /// CPU time of one hook.
        cpu_budget: Duration = "10ms", within "1ms" to "10s";
        /// Time of one hook, waits included.
        wall_budget: Duration = "50ms", within "1ms" to "60s";
    }
}

section! {
    /// Another version of a stage, which runs beside it on the same calls: what it says is compared with what the stage says, and
    /// changes nothing. It has the stage's grants and budgets; what it writes only it sees. `cardea shadow report` shows the
    /// differences.
    pub(crate) struct Shadow {
        /// The plugin. Default: the stage's own.
        plugin: Option<PluginSource>;
        /// Its settings, checked against its own JSON Schema. Default: the stage's own.
        config: Option<Document>;
    }
}

choices! {
    /// What happens to a call when a plugin fails.
    pub enum OnError {
        /// The call is refused.
        Refuse = "refuse",
        /// The call goes on as if the hook that failed had passed it. Never for stages of role `identity` or `rights`.
        Allow = "allow",
        /// The call goes on as if the stage were not there: none of its hooks is asked about this call again. Never for stages
        /// of role `identity` or `rights`.
        Skip = "skip",
    }
}

choices! {
    /// How long state is needed. Concurrent slots are needed for a call only, and end with it.
    pub enum Keep {
        /// For as long as the gateway runs.
        Process = "process",
        /// Beyond a restart: it is on the disk before the plugin goes on, and cannot be kept in memory.
        Durable = "durable",
    }
}

section! {
    /// What a stage does while `state.redis` cannot be reached.
    pub struct OnLoss {
        /// What becomes of its limits.
        limiter: LimiterLoss = "refuse";
        /// What becomes of its values.
        kv: KvLoss = "refuse";
    }
}

choices! {
    /// What becomes of limits while the gateways that share them cannot.
    pub enum LimiterLoss {
        /// The plugin hears that they cannot be counted; the standard ones refuse the call.
        Refuse = "refuse",
        /// Every gateway counts for itself, so that together they admit more.
        Local = "local",
        /// Everything passes, uncounted. For stages of role `limit` this needs `accept-fail-open`.
        Allow = "allow",
    }
}

choices! {
    /// What becomes of values while the gateways that share them cannot.
    pub enum KvLoss {
        /// The plugin hears that they cannot be reached.
        Refuse = "refuse",
        /// Nothing is found, and what is written is forgotten: for what can be had anew, such as a cache.
        Empty = "empty",
    }
}

choices! {
    /// Who shares an instance of a plugin.
    pub enum Isolation {
        /// All calls, one after the other.
        Shared = "shared",
        /// Nobody: every hook of every call has a fresh instance.
        Call = "call",
    }
}

section! {
    /// The calls that pass through a stage. Every list that is written must have one pattern that fits; `*` stands for any
    /// text, `?` for one character.
    pub(crate) struct Match {
        /// Paths clients call, such as `/mcp` or `/servers/git/mcp`.
        endpoints: Option<Patterns>;
        /// Names of servers.
        servers: Option<Patterns>;
        /// MCP methods in their modern names, such as `tools/call`.
        methods: Option<Patterns>;
        /// Names of tools and prompts and URIs of resources, as the server itself calls them.
        names: Option<Patterns>;
    }
}

section! {
    /// What a stage may use beside its own hooks. What holds is what the plugin asks for in its `plugin.toml` and the stage
    /// grants here; `cardea plan` shows both.
    pub(crate) struct Grant {
        /// Counters that limit rates and concurrency.
        limiter: bool = false;
        /// Values kept between calls: `true`, or `{ max-bytes = "1MiB", max-keys = 1000 }`, each for one tenant.
        kv: KvGrant = false;
        /// Lines appended to the audit journal.
        journal: bool = false;
        /// Requests it may send: a method, an origin, and a path in which `*` stands for any text.
        http: Option<Vec<HttpRule>>;
        /// Networks outside the public internet that these requests, and those for keys of issuers, may reach, such as
        /// `10.1.0.0/16`.
        private_addresses: Vec<IpNet> = [];
        /// Secrets the gateway uses in the plugin's name.
        secret: SecretGrant = {};
        /// What of a call it may read: `/params/…`, `/result/…` with all that is below, in which `*` is any one member, and
        /// `header:…`. Default: what its role needs.
        read: Option<Vec<Pattern>>;
        /// What of a call it may edit, likewise. Default: what its role needs.
        edit: Option<Vec<Pattern>>;
        /// Issuers whose tokens the gateway verifies in the plugin's name; one `[[stage.grant.jose]]` for each.
        jose: Vec<TokenIssuer> = [];
    }
}

section! {
    /// An issuer whose tokens the gateway verifies in the plugin's name; one `[[stage.grant.jose]]` for each.
    pub(crate) struct TokenIssuer {
        /// Its identifier as its tokens have it in `iss`: an `https` URL, or an `http` URL of a loopback address, which
        /// `private-addresses` then lists.
        issuer: Required<IssuerUrl>;
        /// Address of its keys (a JWK set). Default: what its metadata says, if that is at the issuer's own origin.
        jwks_url: Option<KeysUrl>;
        /// Algorithms its tokens may be signed with, of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`
        /// and `EdDSA`. Default: all of them.
        algorithms: Option<Vec<Algorithm>>;
        /// Types its tokens may have in `typ`. `at+jwt` is that of RFC 9068; where an issuer writes `JWT` on everything, what
        /// keeps ID tokens out is the audience alone.
        types: Vec<TokenType> = ["at+jwt"];
        /// How far its clock may be from the gateway's.
        leeway: Duration = "30s", within "0s" to "2m";
        /// The longest time between a token's beginning and its end.
        max_lifetime: Duration = "1d", within "1m" to "30d";
    }
}

section! {
    /// With a plugin of role `identity`: what clients without a token are told of the endpoints it guards, at
    /// `/.well-known/oauth-protected-resource/<path>` (RFC 9728).
    pub(crate) struct Metadata {
        /// Issuers whose tokens are taken. Default: those of `grant.jose`.
        authorization_servers: Option<Vec<IssuerUrl>>;
        /// Scopes a client should ask for at first; the fewest that are of use.
        scopes: Vec<ScopeName> = [];
        /// A name of the endpoint for people.
        name: Option<String>;
        /// A page about it for people.
        documentation: Option<Uri>;
    }
}

section! {
    /// Secrets the gateway uses in the plugin's name: for signatures, and as `{{secret:name}}` in headers of its requests.
    pub(crate) struct SecretGrant {
        /// The secrets, by the names the plugin has for them.
        values: Secrets = {};
        /// Names of those that the plugin may read, and not only use.
        reveal: Option<Vec<String>>;
    }
}

section! {
    /// How much a plugin may keep for one tenant.
    pub(crate) struct KvQuota {
        /// Bytes of keys and values.
        max_bytes: Option<Size>, within "1KiB" to "1GiB";
        /// Keys.
        max_keys: Option<usize>, within 1 to 10_000_000;
    }
}

/// The dotted names of the keys in which secrets may stand.
pub(crate) fn secret_keys() -> Vec<String> {
    fn collect(prefix: &str, keys: &[Key], found: &mut Vec<String>) {
        for key in keys {
            let name = format!("{prefix}{}", key.name);
            if key.shape.secret {
                found.push(name);
            } else if let Form::Table { keys, .. } = &key.shape.form {
                collect(&format!("{name}."), keys, found);
            }
        }
    }
    let mut found = Vec::new();
    collect("", &Manifest::keys(), &mut found);
    found
}
