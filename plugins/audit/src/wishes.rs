//! The configuration, and the wishes it amounts to: strict ones first.

use cardea_sdk::journal::Treatment;
use cardea_sdk::prelude::Deserialize;

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    #[serde(default = "hash")]
    arguments: TreatmentConfig,
    #[serde(default = "drop")]
    results: TreatmentConfig,
    #[serde(default)]
    pointers: Vec<PointerConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PointerConfig {
    document: DocumentConfig,
    pointer: String,
    treatment: TreatmentConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DocumentConfig {
    Call,
    Reply,
}

// In the order in which the journal is told: strict first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TreatmentConfig {
    Drop,
    Hash,
    Keep,
}

fn hash() -> TreatmentConfig {
    TreatmentConfig::Hash
}

fn drop() -> TreatmentConfig {
    TreatmentConfig::Drop
}

/// How the value at a pointer goes into the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) pointer: String,
    pub(crate) treatment: Treatment,
}

impl Config {
    /// The wishes for the call and for the reply, or what is wrong.
    pub(crate) fn into_wishes(self) -> Result<(Vec<Wish>, Vec<Wish>), String> {
        for (at, config) in self.pointers.iter().enumerate() {
            check_pointer(&config.pointer).map_err(|error| format!("pointers[{at}].pointer: {error}"))?;
            let same = |other: &&PointerConfig| other.document == config.document && other.pointer == config.pointer;
            if self.pointers.iter().take(at).any(|other| same(&other)) {
                return Err(format!("pointers[{at}].pointer: `{}` is there twice", config.pointer));
            }
        }
        let call = self.wishes(DocumentConfig::Call, "/arguments", self.arguments)?;
        let reply = self.wishes(DocumentConfig::Reply, "", self.results)?;
        Ok((call, reply))
    }

    fn wishes(&self, document: DocumentConfig, whole: &str, treatment: TreatmentConfig) -> Result<Vec<Wish>, String> {
        let single = self.pointers.iter().filter(|config| config.document == document);
        let mut all: Vec<_> = single.map(|config| (config.treatment, config.pointer.as_str())).collect();
        if all.iter().any(|(_, pointer)| *pointer == whole) {
            return Err(format!("pointers: `{whole}` is what `arguments` says already"));
        }
        // Nothing is recorded unless somebody wishes it, so dropping the whole needs no word.
        if treatment != TreatmentConfig::Drop {
            all.push((treatment, whole));
        }
        all.sort_unstable();
        Ok(all
            .into_iter()
            .map(|(treatment, pointer)| Wish { pointer: pointer.to_owned(), treatment: treatment.into() })
            .collect())
    }
}

impl From<TreatmentConfig> for Treatment {
    fn from(config: TreatmentConfig) -> Self {
        match config {
            TreatmentConfig::Drop => Self::Drop,
            TreatmentConfig::Hash => Self::Hash,
            TreatmentConfig::Keep => Self::Keep,
        }
    }
}

fn check_pointer(pointer: &str) -> Result<(), String> {
    let escapes_are_right = pointer.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if pointer.starts_with('/') && escapes_are_right {
        return Ok(());
    }
    Err(format!("`{pointer}` is no JSON pointer into the document, such as `/arguments/path`"))
}
