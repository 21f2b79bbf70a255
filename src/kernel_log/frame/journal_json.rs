//! One object of `journalctl -o json`, and of Docker's json-file driver: both are a line of JSON.

use super::date;
use super::journal::Entry;
use super::mended;
use crate::kernel_log::Wall;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A line that a container wrote, as Docker keeps it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Docker {
    pub(super) log: Vec<u8>,
    pub(super) stream: Vec<u8>,
    time: Vec<u8>,
}

/// What an object was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Object {
    Entry(Entry),
    Docker(Docker),
    /// Somebody else's object.
    Other,
}

/// Reads one object; none where it is no JSON even when mended, or cut.
pub(super) fn read(text: &[u8]) -> Option<Object> {
    let Fields { entry, docker } = match serde_json::from_slice(text) {
        Ok(fields) => fields,
        Err(_) => of_mended(text)?,
    };
    Some(match (entry, docker) {
        (Some(entry), _) => Object::Entry(entry),
        (None, Some(docker)) => Object::Docker(docker),
        (None, None) => Object::Other,
    })
}

fn of_mended(text: &[u8]) -> Option<Fields> {
    let mut fields: Fields = serde_json::from_slice(&mended::mended(text)?).ok()?;
    if let Some(message) = fields.entry.as_mut().and_then(|entry| entry.message.as_mut()) {
        *message = mended::unmended(message);
    }
    if let Some(docker) = &mut fields.docker {
        docker.log = mended::unmended(&docker.log);
    }
    Some(fields)
}

impl Docker {
    /// When the container wrote it.
    pub(super) fn wall(&self) -> Option<Wall> {
        date::iso(&mut super::scan::Scan::of(&self.time)).map(|iso| iso.wall)
    }
}

#[derive(Default)]
struct Fields {
    entry: Option<Entry>,
    docker: Option<Docker>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut entry = Entry::default();
        let mut docker = Docker::default();
        let (mut journal, mut container) = (false, false);
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match key.as_ref() {
                "log" => docker.log = map.next_value::<Text>()?.0.unwrap_or_default(),
                "stream" => docker.stream = map.next_value::<Text>()?.0.unwrap_or_default(),
                "time" => docker.time = map.next_value::<Text>()?.0.unwrap_or_default(),
                name if wanted(name) => entry.take(name.as_bytes(), map.next_value::<Text>()?.0),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            journal |= matches!(key.as_ref(), "MESSAGE" | "__CURSOR" | "__REALTIME_TIMESTAMP");
            container |= key == "log";
        }
        Ok(Fields { entry: journal.then_some(entry), docker: container.then_some(docker) })
    }
}

fn wanted(name: &str) -> bool {
    name.starts_with('_') || matches!(name, "MESSAGE" | "PRIORITY" | "SYSLOG_IDENTIFIER" | "SYSLOG_FACILITY")
}

/// A value: text, an array of bytes, null, or an array of those where the field was given more than once.
struct Text(Option<Vec<u8>>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a field")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.as_bytes().to_vec())))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string().into_bytes())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string().into_bytes())))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        let mut bytes = Vec::new();
        let mut first = None;
        while let Some(item) = seq.next_element::<Item>()? {
            match item {
                Item::Byte(byte) => bytes.push(byte),
                Item::Value(value) => first = first.or(value),
            }
        }
        Ok(Text(first.or(Some(bytes))))
    }
}

/// A member of an array: one byte of a value, or one value of many.
enum Item {
    Byte(u8),
    Value(Option<Vec<u8>>),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a byte or a value")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Item, E> {
        u8::try_from(number).map(Item::Byte).map_err(|_| E::custom("not a byte"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Item, E> {
        Ok(Item::Value(Some(text.as_bytes().to_vec())))
    }

    fn visit_unit<E>(self) -> Result<Item, E> {
        Ok(Item::Value(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Item, A::Error> {
        TextVisitor.visit_seq(seq).map(|text| Item::Value(text.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::Origin;

    fn entry(text: &str) -> Entry {
        match read(text.as_bytes()) {
            Some(Object::Entry(entry)) => entry,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_is_text_bytes_or_nothing() {
        assert_eq!(entry(r#"{"MESSAGE":"a\nb"}"#).message.unwrap(), b"a\nb");
        assert_eq!(entry(r#"{"MESSAGE":[97,255,10]}"#).message.unwrap(), b"a\xff\n");
        assert_eq!(entry(r#"{"MESSAGE":null}"#).message, None);
        assert_eq!(entry(r#"{"MESSAGE":["one","two"]}"#).message.unwrap(), b"one");
        assert_eq!(entry(r#"{"MESSAGE":[[111],"two"]}"#).message.unwrap(), b"o");
    }

    #[test]
    fn only_the_transport_makes_it_the_kernels() {
        let of = |fields: &str| entry(&format!("{{\"MESSAGE\":\"x\",{fields}}}")).head().origin;
        assert_eq!(of(r#""_TRANSPORT":"kernel","SYSLOG_FACILITY":"0""#), Origin::Kernel);
        assert_eq!(of(r#""_TRANSPORT":"kernel""#), Origin::Kernel);
        assert_eq!(of(r#""_TRANSPORT":"kernel","SYSLOG_FACILITY":"1""#), Origin::Other, "written to /dev/kmsg");
        assert_eq!(of(r#""_TRANSPORT":"syslog","SYSLOG_IDENTIFIER":"kernel","SYSLOG_FACILITY":"0""#), Origin::Other);
        assert_eq!(of(r#""SYSLOG_IDENTIFIER":"kernel","SYSLOG_FACILITY":"0""#), Origin::Unsaid);
        assert_eq!(of(r#""SYSLOG_IDENTIFIER":"kernel""#), Origin::Other);
    }

    #[test]
    fn no_other_field_costs_an_entry_its_message() {
        for value in
            [&b"\"\\ud800\""[..], b"\"\\udc00\\ud83d\"", b"\"\xff\"", b"\"a\tb\x01\"", b"1e999999", b"-1e999999"]
        {
            for name in ["_CMDLINE", "__CURSOR", "SYSLOG_IDENTIFIER", "OTHER"] {
                let text = [b"{\"", name.as_bytes(), b"\":", value, br#","MESSAGE":"a \u00e9","_TRANSPORT":"kernel"}"#]
                    .concat();
                let Some(Object::Entry(entry)) = read(&text) else { panic!("{}", String::from_utf8_lossy(&text)) };
                assert_eq!(entry.message.as_deref(), Some("a é".as_bytes()));
                assert_eq!(entry.head().origin, Origin::Kernel);
            }
        }
        let Some(Object::Entry(entry)) = read(b"{\"MESSAGE\":\"a\xffb\"}") else { panic!() };
        assert_eq!(entry.message.as_deref(), Some(&b"a\xffb"[..]), "a name may be any bytes");
    }

    #[test]
    fn what_is_cut_or_no_json_is_nothing() {
        for text in [r#"{"MESSAGE":"a"#, "{", "", "null", "[1]", r#"{"MESSAGE":[256]}"#] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(br#"{"level":"info"}"#), Some(Object::Other));
    }
}
