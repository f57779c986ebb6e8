//! Looks at a plugin's bytes without compiling them: what it is, what it exports, what it imports, what it says of itself.

use cardea_chain::{Hook, Hooks, Role};
use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use crate::{LoadError, LoadErrorKind, PluginManifest};

/// No plugin is larger than this.
const MOST_BYTES: usize = 64 << 20;
/// No function of it is larger: what a compiler does to one function takes longer than its length.
const MOST_FUNCTION_BYTES: usize = 2 << 20;
/// The package of the interface.
const PACKAGE: &str = "cardea:plugin/";
/// The version of the interface that this host speaks; patches of it are compatible.
const VERSION: (&str, &str) = ("0.1", "0.1.0");
/// Interfaces that are always there.
const ALWAYS: [&str; 12] = [
    "types",
    "call",
    "reply",
    "subject",
    "credential",
    "scratch",
    "obligation",
    "config",
    "catalog",
    "clock",
    "log",
    "metric",
];
/// Interfaces that a stage has to grant.
const GRANTED: [&str; 6] = ["kv", "limiter", "journal", "http", "secret", "jose"];
/// Interfaces that the wit names and this version does not have.
const NOT_BUILT: [&str; 1] = ["invoke"];
/// Hooks that the wit names and this version does not run.
const NOT_RUN: [Hook; 2] = [Hook::Connect, Hook::Serve];

/// What a component shows of itself.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What it says of itself; none if it was built without an SDK.
    pub manifest: Option<PluginManifest>,
    /// JSON Schema of its configuration.
    pub config_schema: Option<String>,
    /// Hooks it exports.
    pub hooks: Hooks,
    /// Interfaces it imports, as written.
    pub imports: Vec<String>,
    /// SHA-256 of its bytes, lower-case hex.
    pub digest: String,
    /// Its size in bytes.
    pub size: usize,
    pub(crate) role: Role,
}

/// What the walk over the sections finds.
#[derive(Default)]
struct Findings {
    imports: Vec<String>,
    exports: Vec<String>,
    manifest: Option<(usize, String)>,
    config_schema: Option<(usize, String)>,
}

impl Inspection {
    /// Whether it says that what it counts and keeps must outlive a restart.
    pub fn needs_durable(&self) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| manifest.durable)
    }

    /// Looks at a component.
    pub fn of(bytes: &[u8]) -> Result<Self, LoadError> {
        check_form(bytes)?;
        let findings = walk(bytes)?;
        let hooks = hooks(&findings.exports)?;
        for import in &findings.imports {
            check_import(import)?;
        }
        let manifest = findings.manifest.map(|(_, text)| PluginManifest::parse(&text)).transpose()?;
        if let Some(manifest) = &manifest
            && manifest.api != VERSION.0
            && manifest.api != VERSION.1
        {
            return Err(wrong_version("its plugin.toml", &manifest.api));
        }
        let role = manifest.as_ref().map_or_else(|| implied_role(hooks), |manifest| manifest.role);
        Ok(Self {
            manifest,
            config_schema: findings.config_schema.map(|(_, schema)| schema),
            hooks,
            imports: findings.imports,
            digest: Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
            size: bytes.len(),
            role,
        })
    }

    /// What it is for: what its plugin.toml says, or else the role that its hooks imply.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The grants without which it cannot be loaded, by name.
    pub fn grants_wanted(&self) -> Vec<&'static str> {
        GRANTED.into_iter().filter(|name| self.uses(name)).collect()
    }

    /// Sees to it that every hook fits the role.
    pub(crate) fn check_role(&self) -> Result<(), LoadError> {
        let role = self.role;
        let Some(hook) = self.hooks.iter().find(|hook| !fits(role, *hook)) else { return Ok(()) };
        let roles: Vec<_> = Role::ALL.into_iter().filter(|role| fits(*role, hook)).map(Role::as_str).collect();
        Err(LoadError::new(
            LoadErrorKind::Role,
            format!("it exports `{}` in the role `{}`", hook.as_str(), role.as_str()),
            format!(
                "Only plugins of the role {} have that hook: leave it out, or change `role` in plugin.toml",
                roles.join(", ")
            ),
        ))
    }

    pub(crate) fn uses(&self, interface: &str) -> bool {
        self.imports.iter().any(|import| split(import).is_some_and(|(name, _)| name == interface))
    }
}

fn check_form(bytes: &[u8]) -> Result<(), LoadError> {
    let trouble = |problem: &str, remedy: &str| Err(LoadError::new(LoadErrorKind::File, problem, remedy));
    if bytes.len() > MOST_BYTES {
        return trouble("it is larger than 64 MiB", "Strip it, or leave out what it does not need");
    }
    match bytes {
        [] => trouble("the file is empty", "Build the plugin again"),
        [0x7f, b'E', b'L', b'F', ..] => {
            trouble("it is machine code, not WebAssembly", "Give the .wasm file: the gateway compiles it itself")
        }
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => trouble(
            "it is a core WebAssembly module, not a component",
            "Build it for wasm32-wasip2, or wrap it with `wasm-tools component new`",
        ),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        _ => trouble("it is not WebAssembly", "Give the .wasm file of a component"),
    }
}

fn walk(bytes: &[u8]) -> Result<Findings, LoadError> {
    let mut findings = Findings::default();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|fault| damaged(&fault))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(damaged(&"a module where a component belongs"));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = usize::saturating_sub(depth, 1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    findings.imports.push(import.map_err(|fault| damaged(&fault))?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    findings.exports.push(export.map_err(|fault| damaged(&fault))?.name.name.to_owned());
                }
            }
            Payload::CodeSectionEntry(body) if body.range().len() > MOST_FUNCTION_BYTES => return Err(too_long()),
            Payload::CustomSection(section) => match section.name() {
                "cardea:manifest" => note(&mut findings.manifest, depth, section.data())?,
                "cardea:config-schema" => note(&mut findings.config_schema, depth, section.data())?,
                _ => {}
            },
            _ => {}
        }
    }
    Ok(findings)
}

/// Of several sections the outermost counts: whoever wraps a component has the last word.
fn note(found: &mut Option<(usize, String)>, depth: usize, data: &[u8]) -> Result<(), LoadError> {
    let text = std::str::from_utf8(data).map_err(|fault| damaged(&fault))?;
    if found.as_ref().is_none_or(|(other, _)| depth < *other) {
        *found = Some((depth, text.to_owned()));
    }
    Ok(())
}

fn hooks(exports: &[String]) -> Result<Hooks, LoadError> {
    let mut hooks = Hooks::default();
    let mut lifecycle = false;
    for (name, version) in exports.iter().filter_map(|export| split(export)) {
        if !speaks(version) {
            return Err(wrong_version(&format!("its export `{name}`"), version));
        }
        match Hook::ALL.into_iter().find(|hook| hook.as_str() == name) {
            Some(hook) if NOT_RUN.contains(&hook) => return Err(not_available(&format!("exports `{name}`"))),
            Some(hook) => hooks = hooks.with(hook),
            None if name == "lifecycle" => lifecycle = true,
            None => {
                return Err(LoadError::new(
                    LoadErrorKind::Interface,
                    format!("it exports `{name}`, which is no hook"),
                    "Build it with an SDK of this version of the gateway",
                ));
            }
        }
    }
    if !lifecycle || hooks == Hooks::default() {
        let what = if lifecycle { "it exports no hook" } else { "it does not export `cardea:plugin/lifecycle`" };
        return Err(LoadError::new(
            LoadErrorKind::Interface,
            what,
            "A plugin exports `lifecycle` and at least one hook of the package cardea:plugin",
        ));
    }
    Ok(hooks)
}

fn check_import(import: &str) -> Result<(), LoadError> {
    match split(import) {
        Some((name, version)) if !speaks(version) => Err(wrong_version(&format!("its import `{name}`"), version)),
        Some((name, _)) if NOT_BUILT.contains(&name) => Err(not_available(&format!("imports `{name}`"))),
        Some((name, _)) if ALWAYS.contains(&name) || GRANTED.contains(&name) => Ok(()),
        None if import.starts_with("wasi:") => Ok(()),
        _ => Err(LoadError::new(
            LoadErrorKind::Interface,
            format!("it imports `{import}`, which this gateway does not have"),
            "A plugin imports interfaces of cardea:plugin and of WASI 0.2 only",
        )),
    }
}

/// The interface and version in a name of our package.
fn split(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

fn speaks(version: &str) -> bool {
    version.strip_prefix(VERSION.0).is_some_and(|patch| patch.starts_with('.'))
}

/// The role of a plugin that does not name one: the first that has all its hooks and may edit the least.
fn implied_role(hooks: Hooks) -> Role {
    let roles = [Role::Identity, Role::Route, Role::Rights, Role::Limit, Role::Observe, Role::Content];
    let has_all = |role: &Role| hooks.iter().all(|hook| fits(*role, hook));
    roles.into_iter().find(has_all).unwrap_or(Role::Rights)
}

/// Which hooks a role has, as `wit/` says.
fn fits(role: Role, hook: Hook) -> bool {
    match hook {
        Hook::Authenticate => role == Role::Identity,
        Hook::List => role == Role::Rights,
        Hook::Call => matches!(role, Role::Shape | Role::Rights | Role::Limit | Role::Content | Role::Observe),
        Hook::Route => role == Role::Route,
        Hook::Reply => matches!(role, Role::Content | Role::Observe | Role::Limit),
        Hook::Record => role == Role::Observe,
        Hook::Catalog | Hook::Message => role == Role::Content,
        Hook::Connect => role == Role::Connect,
        Hook::Serve => false,
    }
}

fn too_long() -> LoadError {
    LoadError::new(
        LoadErrorKind::File,
        "a function in it is longer than 2 MiB, which would take too long to compile",
        "Split the function, or build with less inlining",
    )
}

fn damaged(fault: &dyn std::fmt::Display) -> LoadError {
    LoadError::new(LoadErrorKind::File, format!("the file is damaged: {fault}"), "Build or copy the plugin again")
}

fn not_available(does: &str) -> LoadError {
    LoadError::new(
        LoadErrorKind::Unavailable,
        format!("it {does}, which is not available in this version"),
        "Use a version of the plugin that does without, or a later gateway",
    )
}

fn wrong_version(whose: &str, version: &str) -> LoadError {
    let version = if version.is_empty() { "no version" } else { version };
    LoadError::new(
        LoadErrorKind::Interface,
        format!("{whose} is of interface version {version}; this gateway speaks {}", VERSION.0),
        "Build the plugin with an SDK of this version",
    )
}
