//! What something was before a change, or shall be after it: all that is needed to make it so again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Bytes. In JSON they are text where they are UTF-8, so that a journal can be read by people, else base64.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Content(pub Vec<u8>);

/// User and group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Owner {
    /// Root's: what gtune makes belongs to root.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileImage {
    /// Its bytes.
    pub content: Content,
    /// Permission bits, `0o644`.
    pub mode: u32,
    /// Whose it is.
    #[serde(flatten)]
    pub owner: Owner,
    /// Extended attributes by name, access lists and security labels among them (xattr(7)).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Content>,
}

impl FileImage {
    /// A configuration file as gtune makes one: root's, for all to read.
    pub fn configuration(content: impl Into<Vec<u8>>) -> Self {
        Self { content: Content(content.into()), mode: 0o644, owner: Owner::ROOT, attributes: BTreeMap::new() }
    }

    /// The same file with other bytes.
    pub fn with_content(&self, content: impl Into<Vec<u8>>) -> Self {
        Self { content: Content(content.into()), ..self.clone() }
    }
}

/// A directory, without what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryImage {
    /// Permission bits.
    pub mode: u32,
    /// Whose it is.
    #[serde(flatten)]
    pub owner: Owner,
}

impl DirectoryImage {
    /// A directory as gtune makes one. Below a mount it shows through when the mount is missing: then the service must
    /// fail to write there rather than use the disk without a word, so it is root's alone.
    pub const OF_ROOT: Self = Self { mode: 0o755, owner: Owner::ROOT };
}

/// A mounted file system, as mount(8) would be told to make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountImage {
    /// Type: `tmpfs`.
    pub kind: String,
    /// Source: `tmpfs`, or whatever name it was given.
    pub source: String,
    /// Options that the kernel is told: `size=64m`, `mode=1777`, `nosuid`, … None that only mount(8) or systemd read.
    pub options: Vec<String>,
}

impl Content {
    /// The bytes as text, lossily.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// The form in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Base64 { base64: String },
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Written::Base64 { base64: STANDARD.encode(&self.0) }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Text(text) => Ok(Self(text.into_bytes())),
            Written::Base64 { base64 } => STANDARD.decode(base64).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_stays_readable_and_other_bytes_become_base64() {
        assert_eq!(serde_json::to_string(&Content::from("tmpfs /mem\n")).unwrap(), r#""tmpfs /mem\n""#);
        assert_eq!(serde_json::to_string(&Content(vec![0xff])).unwrap(), r#"{"base64":"/w=="}"#);
    }

    proptest! {
        #[test]
        fn a_file_comes_back_from_the_journal_as_it_went_in(bytes: Vec<u8>, mode in 0u32..0o7777, uid: u32, label: Vec<u8>) {
            let file = FileImage {
                content: Content(bytes),
                mode,
                owner: Owner { uid, gid: 7 },
                attributes: [("security.selinux".to_owned(), Content(label))].into(),
            };
            let json = serde_json::to_string(&file).unwrap();
            prop_assert_eq!(serde_json::from_str::<FileImage>(&json).unwrap(), file);
        }
    }
}
