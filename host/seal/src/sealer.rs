//! The seal: AES-256-GCM, under a key of its own that is derived from the gateway's key and 24 random bytes.
//!
//! A key for every seal makes the number of seals no concern: random nonces under one key would have to be counted.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// A key below this many characters could be guessed.
const SHORTEST_KEY: usize = 32;
const KEY_ID: usize = 4;
const SALT: usize = 24;
const HEAD: usize = KEY_ID + SALT;

/// Seals with its first key, opens with all.
pub struct Sealer {
    keys: Vec<Key>,
}

/// Why a text is no seal of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed {
    /// It has not the form of one.
    #[error("it is no seal")]
    Form,
    /// It was made with a key we do not have, or no longer.
    #[error("it was sealed with another key")]
    Key,
    /// It was changed, or made for something else.
    #[error("it was changed, or sealed for something else")]
    Broken,
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has fewer than 32 characters; `openssl rand -base64 32` makes one")]
pub struct WeakKey;

struct Key {
    id: [u8; KEY_ID],
    secret: Prk,
}

impl Sealer {
    /// Seals with the first of these keys and opens with all of them; none means a key that nobody else has.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Result<Self, WeakKey> {
        let keys: Vec<Key> = keys.into_iter().map(Key::new).collect::<Result<_, _>>()?;
        Ok(if keys.is_empty() { Self::of_this_process() } else { Self { keys } })
    }

    /// A key that ends with the process.
    pub fn of_this_process() -> Self {
        let mut key = [0; 32];
        fill(&mut key);
        Self { keys: vec![Key::of(&key)] }
    }

    /// Seals facts for a purpose. What comes out is URL-safe text.
    pub fn seal(&self, purpose: &str, facts: &[u8]) -> String {
        let key = &self.keys[0];
        let mut head = [0; HEAD];
        head[..KEY_ID].copy_from_slice(&key.id);
        fill(&mut head[KEY_ID..]);
        let mut sealed = facts.to_vec();
        let (once, nonce) = key.derive(&head[KEY_ID..], purpose);
        let done = once.seal_in_place_append_tag(nonce, Aad::from(&head), &mut sealed);
        let mut whole = head.to_vec();
        match done {
            Ok(()) => whole.append(&mut sealed),
            // Only facts of 64 GiB cannot be sealed; a head alone opens nowhere.
            Err(_) => sealed.clear(),
        }
        BASE64_URL_SAFE_NO_PAD.encode(whole)
    }

    /// The facts of a seal that was made for this purpose.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, Unsealed> {
        let whole = BASE64_URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Unsealed::Form)?;
        if whole.len() < HEAD + AES_256_GCM.tag_len() {
            return Err(Unsealed::Form);
        }
        let (head, facts) = whole.split_at(HEAD);
        let (id, salt) = head.split_at(KEY_ID);
        let key = self.keys.iter().find(|key| key.id == id).ok_or(Unsealed::Key)?;
        let (once, nonce) = key.derive(salt, purpose);
        let mut facts = facts.to_vec();
        let opened = once.open_in_place(nonce, Aad::from(head), &mut facts).map_err(|_| Unsealed::Broken)?.len();
        facts.truncate(opened);
        Ok(facts)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.keys.len()).finish()
    }
}

impl Key {
    fn new(text: &str) -> Result<Self, WeakKey> {
        if text.chars().count() < SHORTEST_KEY { Err(WeakKey) } else { Ok(Self::of(text.as_bytes())) }
    }

    fn of(key: &[u8]) -> Self {
        let mut id = [0; KEY_ID];
        let secret = Salt::new(HKDF_SHA256, b"cardea seal 1").extract(key);
        let name = digest::digest(&digest::SHA256, &[b"cardea seal key ", key].concat());
        id.copy_from_slice(&name.as_ref()[..KEY_ID]);
        Self { id, secret }
    }

    /// The key of one seal. It is used once, so its nonce may be known.
    #[allow(clippy::expect_used, reason = "HKDF fails only for lengths beyond 8 KiB, and these are constants")]
    fn derive(&self, salt: &[u8], purpose: &str) -> (LessSafeKey, Nonce) {
        let info = [salt, purpose.as_bytes()];
        let key = self.secret.expand(&info, &AES_256_GCM).map(UnboundKey::from).expect("32 bytes can be derived");
        (LessSafeKey::new(key), Nonce::assume_unique_for_key([0; NONCE_LEN]))
    }
}

#[allow(clippy::expect_used, reason = "without random numbers nothing a gateway does is safe")]
fn fill(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the system has random numbers");
}
