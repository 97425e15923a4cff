//! Keys and passwords of the local stack, drawn once and kept in `keys/`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rand::Rng as _;
use sbh_api::token::{Hs256Key, Hs256Keys};
use serde::{Deserialize, Serialize};

use anyhow::Result;

use crate::home::{Home, private_folder, read_json, write_private};

/// The passwords of PostgreSQL's roles.
#[derive(Clone, Serialize, Deserialize)]
pub struct Passwords {
    /// Of the superuser, for people and for migrations.
    pub admin: String,
    /// Of `sbh_app`.
    pub app: String,
    /// Of `sbh_dispatch`.
    pub dispatch: String,
}

/// All secrets of a stack.
#[derive(Clone)]
pub struct Secrets {
    /// PostgreSQL's.
    pub passwords: Passwords,
    /// The API's: the file that `auth.hs256_keys_file` names.
    pub signing: Hs256Keys,
    /// The token in the address of the codec server.
    pub codec_token: String,
}

impl Secrets {
    /// Reads the secrets, and draws those that are not there yet.
    pub fn load_or_create(home: &Home) -> Result<Self> {
        let folder = home.keys();
        private_folder(&folder)?;
        let passwords = kept(&folder.join("postgres.json"), || Passwords {
            admin: random_hex::<16>(),
            app: random_hex::<16>(),
            dispatch: random_hex::<16>(),
        })?;
        let signing = kept(&folder.join("jwt.json"), || {
            let secret: [u8; 32] = rand::rng().random();
            let secret = BASE64_STANDARD.encode(secret);
            Hs256Keys {
                keys: vec![Hs256Key { kid: format!("local-{}", random_hex::<4>()), secret }],
            }
        })?;
        let path = folder.join("codec-token");
        let codec_token = match std::fs::read_to_string(&path) {
            Ok(token) => token.trim().to_owned(),
            Err(_) => {
                let token = random_hex::<24>();
                write_private(&path, token.as_bytes())?;
                token
            }
        };
        Ok(Self { passwords, signing, codec_token })
    }
}

/// So many random bytes as hexadecimal text.
pub fn random_hex<const N: usize>() -> String {
    let mut bytes = [0_u8; N];
    rand::rng().fill(&mut bytes[..]);
    hex::encode(bytes)
}

fn kept<T: Serialize + serde::de::DeserializeOwned>(
    path: &std::path::Path,
    draw: impl FnOnce() -> T,
) -> Result<T> {
    if let Some(kept) = read_json(path)? {
        return Ok(kept);
    }
    let drawn = draw();
    write_private(path, &serde_json::to_vec_pretty(&drawn)?)?;
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_drawn_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let first = Secrets::load_or_create(&home).unwrap();
        let second = Secrets::load_or_create(&home).unwrap();
        assert_eq!(first.passwords.admin, second.passwords.admin);
        assert_eq!(first.signing.keys[0].secret, second.signing.keys[0].secret);
        assert_eq!(first.codec_token, second.codec_token);
        assert_ne!(first.passwords.admin, first.passwords.app);
    }
}
