//! JSON that is nearly JSON: what writers of entries let through, made so that a strict reader takes it.

use super::scan::Scan;

/// Bytes that are no UTF-8 stand as these characters of the private use area while the text is read: 0xff as U+F7FF.
const STANDS_FOR: u32 = 0xf700;

/// The object with its faults mended; none where there was nothing to mend. One field that a strict reader refuses would
/// cost the whole entry, and so the kill that it tells of.
///
/// Bytes that are no UTF-8 and control characters within a string, half of a surrogate pair, numbers beyond every range.
pub(super) fn mended(text: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        mended.extend_from_slice(chunk.valid().as_bytes());
        for byte in chunk.invalid() {
            push(&mut mended, char::from_u32(STANDS_FOR + u32::from(*byte)).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
    let mended = tokens(&mended);
    (mended != text).then_some(mended)
}

/// The bytes of a text that was read from a mended object.
pub(super) fn unmended(text: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match u32::from(letter).checked_sub(STANDS_FOR).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) if byte >= 0x80 => bytes.push(byte),
            _ => push(&mut bytes, letter),
        }
    }
    bytes
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
            prop_assert_eq!(serde_json::from_slice::<String>(&text).unwrap(), String::from_utf16_lossy(&units));
        }
    }
}
