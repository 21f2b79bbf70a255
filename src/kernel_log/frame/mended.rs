//! JSON that is nearly JSON: what writers of entries let through, made so that a strict reader takes it.

use super::scan::Scan;

/// Bytes that are no UTF-8 stand as these characters of the private use area while the text is read: 0xff as U+F7FF.
/// Where such a character was there already, each of its own bytes stands so, and nothing is mixed up.
const STANDS_FOR: u32 = 0xf700;

/// The object with its faults mended; none where there was nothing to mend. One field that a strict reader refuses would
/// cost the whole entry, and so the kill that it tells of.
///
/// Bytes that are no UTF-8 and control characters within a string, half of a surrogate pair, numbers beyond every range.
pub(super) fn mended(text: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push_apart(&mut mended, letter);
        }
        stand_in(&mut mended, chunk.invalid());
    }
    let mended = tokens(&mended);
    (mended != text).then_some(mended)
}

/// The bytes of a text that was read from a mended object.
pub(super) fn unmended(text: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match stood_for(letter) {
            Some(byte) => bytes.push(byte),
            None => push(&mut bytes, letter),
        }
    }
    bytes
}

/// The byte that a character stands for.
fn stood_for(letter: char) -> Option<u8> {
    let byte = u32::from(letter).checked_sub(STANDS_FOR)?;
    u8::try_from(byte).ok().filter(|byte| !byte.is_ascii())
}

fn stand_in(text: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        push(text, char::from_u32(STANDS_FOR + u32::from(*byte)).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
}

/// Adds a character so that it cannot be taken for one that stands for a byte.
fn push_apart(text: &mut Vec<u8>, letter: char) {
    match stood_for(letter) {
        Some(_) => stand_in(text, letter.encode_utf8(&mut [0; 4]).as_bytes()),
        None => push(text, letter),
    }
}

fn push(bytes: &mut Vec<u8>, letter: char) {
    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The text with its strings and numbers mended.
fn tokens(text: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(text.len());
    let mut scan = Scan::of(text);
    while let Some(byte) = scan.next() {
        match byte {
            b'"' => string(&mut scan, &mut mended),
            b'-' | b'0'..=b'9' => number(byte, &mut scan, &mut mended),
            _ => mended.push(byte),
        }
    }
    mended
}

/// A string from behind its first quote to its last.
fn string(scan: &mut Scan<'_>, mended: &mut Vec<u8>) {
    mended.push(b'"');
    while let Some(byte) = scan.next() {
        match byte {
            b'\\' => escape(scan, mended),
            0..0x20 => mended.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => mended.push(byte),
        }
        if byte == b'"' {
            return;
        }
    }
}

/// What follows a backslash. A surrogate stays if both halves are there.
fn escape(scan: &mut Scan<'_>, mended: &mut Vec<u8>) {
    const LOST: &[u8] = b"\\ufffd";
    match unit(scan) {
        None => {
            mended.push(b'\\');
            mended.extend(scan.next());
        }
        Some(high @ 0xd800..0xdc00) => {
            let mut ahead = *scan;
            match ahead.text(b"\\").and_then(|()| unit(&mut ahead)).filter(|low| (0xdc00..0xe000).contains(low)) {
                Some(low) => {
                    mended.extend_from_slice(format!("\\u{high:04x}\\u{low:04x}").as_bytes());
                    *scan = ahead;
                }
                None => mended.extend_from_slice(LOST),
            }
        }
        Some(0xdc00..0xe000) => mended.extend_from_slice(LOST),
        Some(unit @ 0xf780..0xf800) => push_apart(mended, char::from_u32(unit.into()).unwrap_or_default()),
        Some(unit) => mended.extend_from_slice(format!("\\u{unit:04x}").as_bytes()),
    }
}

/// `u00e9`; stays where it is if it is none.
fn unit(scan: &mut Scan<'_>) -> Option<u16> {
    let mut ahead = *scan;
    ahead.text(b"u")?;
    let mut unit = 0_u16;
    for _ in 0..4 {
        let digit = char::from(ahead.next()?).to_digit(16)?;
        unit = unit << 4 | u16::try_from(digit).ok()?;
    }
    *scan = ahead;
    Some(unit)
}

/// A whole number stays; no field of the journal that matters has another.
fn number(first: u8, scan: &mut Scan<'_>, mended: &mut Vec<u8>) {
    let mut number = vec![first];
    while let Some(byte) = scan.peek().filter(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
        number.push(byte);
        scan.next();
    }
    let whole = number.len() < 20 && number.iter().all(u8::is_ascii_digit);
    mended.extend_from_slice(if whole { &number } else { b"null" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_strict_reader_takes_stays_as_it_is() {
        for text in [r#"{"a":"\ud83d\ude00 \u00e9 \" \\","b":[1,null],"c":12}"#, "{}", "", "{\"é\":\"\\u"] {
            assert_eq!(mended(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_a_string_come_back(bytes: Vec<u8>) {
            let escaped: Vec<u8> = bytes.iter().flat_map(|byte| match byte {
                b'"' | b'\\' => vec![b'\\', *byte],
                _ => vec![*byte],
            }).collect();
            let text = [b"\"", escaped.as_slice(), b"\""].concat();
            let text = mended(&text).unwrap_or(text);
            let read: String = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(unmended(read.as_bytes()), bytes);
        }

        #[test]
        fn no_escape_is_refused(units in prop::collection::vec(any::<u16>(), 0..8)) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let text = format!("\"{escapes}\"").into_bytes();
            let text = mended(&text).unwrap_or(text);
            let read: String = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(unmended(read.as_bytes()), String::from_utf16_lossy(&units).into_bytes());
        }
    }
}
