//! Anchors: the head of the chain, written down beside it and signed.
//!
//! A chain shows that nothing inside it was changed; it cannot show that its end was cut off, or that the whole of it was
//! written anew. Whoever keeps an anchor elsewhere can. Anchors are lines of `anchors.jsonl`, and each is logged as well.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};

use crate::Link;

const FILE: &str = "anchors.jsonl";

/// The head of the chain at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Anchor {
    /// The cursor that the next line will have.
    pub cursor: u64,
    /// The link of the line before it, 64 hexadecimal digits.
    pub link: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Ed25519 (RFC 8032) over the text `cardea-anchor/1`, `cursor`, `link` and `atMs`, joined by line feeds; base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Anchor {
    pub(crate) fn new(cursor: u64, link: Link, at_ms: u64, key: Option<&SigningKey>) -> Self {
        let mut anchor = Self { cursor, link: link.to_string(), at_ms, signature: None };
        anchor.signature = key.map(|key| BASE64_STANDARD.encode(key.0.sign(anchor.signed().as_bytes())));
        anchor
    }

    /// Whether the key made the signature.
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let signature = self.signature.as_deref().and_then(|text| BASE64_STANDARD.decode(text).ok());
        signature.is_some_and(|signature| {
            UnparsedPublicKey::new(&ED25519, &key.0).verify(self.signed().as_bytes(), &signature).is_ok()
        })
    }

    fn signed(&self) -> String {
        format!("cardea-anchor/1\n{}\n{}\n{}", self.cursor, self.link, self.at_ms)
    }
}

/// Signs anchors.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads a PKCS #8 private key in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let key =
            PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "is not a private key in PEM (PKCS #8)")?;
        Ed25519KeyPair::from_pkcs8(key.secret_pkcs8_der()).map(Self).map_err(|_| "is not an Ed25519 key")
    }

    /// The key that checks what this one signs.
    pub fn verifying(&self) -> VerifyingKey {
        VerifyingKey(self.0.public_key().as_ref().to_vec())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// Checks signatures of anchors.
#[derive(Clone, Debug)]
pub struct VerifyingKey(Vec<u8>);

/// The DER before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl VerifyingKey {
    /// Reads a public key in PEM, as `openssl pkey -pubout` writes it.
    pub fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| "is not a public key in PEM")?;
        match key.strip_prefix(&SPKI_PREFIX) {
            Some(raw) if raw.len() == 32 => Ok(Self(raw.to_vec())),
            _ => Err("is not an Ed25519 key"),
        }
    }
}

/// Appends an anchor and forces it to the disk. The line feed comes first: half an anchor that a crash left stays a line of
/// its own.
pub(crate) fn append(folder: &Path, anchor: &Anchor) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path(folder))?;
    let torn = torn(folder)?;
    let mut line = if torn { vec![b'\n'] } else { Vec::new() };
    serde_json::to_writer(&mut line, anchor)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

/// The anchors of a journal, oldest first; empty if none was written yet. A line that a crash cut short is no anchor.
pub(crate) fn read(folder: &Path) -> io::Result<Vec<Anchor>> {
    let file = match File::open(path(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let lines: Vec<String> = BufReader::new(file).lines().collect::<io::Result<_>>()?;
    Ok(lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Whether the file ends in the middle of a line.
fn torn(folder: &Path) -> io::Result<bool> {
    let mut file = File::open(path(folder))?;
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// Made by `openssl genpkey -algorithm ed25519` for this test alone.
    const PRIVATE: &str = include_str!("../tests/anchor-key.pem");
    const PUBLIC: &str = include_str!("../tests/anchor-key.pub.pem");

    #[test]
    fn what_openssl_makes_signs_and_verifies() {
        let (private, public) = (SigningKey::from_pem(PRIVATE).unwrap(), VerifyingKey::from_pem(PUBLIC).unwrap());
        let anchor = Anchor::new(7, Link::of(b"x"), 5, Some(&private));
        assert!(anchor.is_signed_by(&public) && anchor.is_signed_by(&private.verifying()));
        let moved = Anchor { cursor: 8, ..anchor.clone() };
        let unsigned = Anchor { signature: None, ..anchor };
        assert!(!moved.is_signed_by(&public) && !unsigned.is_signed_by(&public));
    }

    #[test]
    fn other_keys_are_named_for_what_they_are_not() {
        assert_eq!(SigningKey::from_pem("x").unwrap_err(), "is not a private key in PEM (PKCS #8)");
        assert_eq!(SigningKey::from_pem(PUBLIC).unwrap_err(), "is not a private key in PEM (PKCS #8)");
        assert_eq!(VerifyingKey::from_pem(PRIVATE).unwrap_err(), "is not a public key in PEM");
    }
}
