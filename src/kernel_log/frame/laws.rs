//! Laws of the reader for any bytes, in any pieces.

use super::tests::{pieces, records, shown};
use super::{Reader, stamp_of};
use proptest::prelude::*;

/// Words that frames are made of, so that random text comes near to them.
const WORDS: &[&[u8]] = &[
    b"\n",
    b"\n",
    b"\n",
    b" ",
    b"[",
    b"]",
    b"<4>",
    b"4,1,2,-;",
    b"4,1,2,c;a\\x0ab",
    b"[    1.000000] ",
    b"[    1.000000][T7] ",
    b"[Nov20 19:01] ",
    b"[  +0.000008] ",
    b"[Fri Nov 20 19:01:18 2026] ",
    b"2026-11-20T19:01:18,589657+00:00 ",
    b"Nov 20 19:12:34 vm kernel: ",
    b"Nov 20 19:12:34 vm app[1]: ",
    b"2026-11-20T19:12:34.252569+00:00 vm kernel: ",
    b"<4>1 2026-11-20T19:12:34Z vm kernel - - - ",
    b"kern  :warn  : ",
    b"kern: warning: [2026-01-12T20:27:31.9Z]: ",
    b"{\"dmesg\":[{\"pri\":4,\"time\": 1.000000,\"msg\":\"",
    b"\"}]}",
    b"{\n  \"dmesg\": [",
    b"{\"pri\":4,\"msg\":\"a\"},",
    b"{\n",
    b"}\n",
    b"{\"MESSAGE\":\"x\",\"_TRANSPORT\":\"kernel\"}",
    b"\"MESSAGE\" : \"x\"",
    b"{\"log\":\"[ 1.000000] a\\n\",\"stream\":\"stdout\"}\n",
    b"{\"log\":\"part\",\"stream\":\"stderr\"}\n",
    b"2026-11-20T19:16:47.2Z stdout P ",
    b"2026-11-20T19:16:47.2Z stdout F ",
    b"__CURSOR=s\n",
    b"MESSAGE\n",
    b"\x05\0\0\0\0\0\0\0",
    b"hello\n",
    b"MESSAGE=x\n",
    b"-- Boot 0 --\n",
    b"\r",
    b"\0",
    b"\x1b[32m",
    b"\x1b[0m",
    b"x invoked oom-killer: y",
    b"Memory cgroup out of memory: Killed process 1 (x)",
    b"               ",
    b"#012",
    b"\\x1b",
    b"\xff",
    b"data: ",
    "\u{feff}".as_bytes(),
    "апр 28 19:12:34 vm kernel: ".as_bytes(),
    "5月 29 ".as_bytes(),
    b"19:12:34 ",
    b"[ 1.000000] vm kernel: ",
];

fn near() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![8 => prop::sample::select(WORDS).prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..8)];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

/// A message of the kernel: no newline, since not every frame can carry one; it does not end like a frame's own end.
fn message() -> impl Strategy<Value = String> {
    prop::string::string_regex("[A-Za-z(][ -\"$-Z_-~]{0,60}[a-z0-9)]").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn pieces_of_any_size_make_the_same_records(text in near(), piece in 1_usize..40) {
        prop_assert_eq!(pieces(&text, piece), records(&text));
    }

    #[test]
    fn no_bytes_panic(text: Vec<u8>, piece in 1_usize..9) {
        prop_assert_eq!(pieces(&text, piece), records(&text));
        let _ = stamp_of(&text);
    }

    #[test]
    fn no_line_near_a_frame_panics(text in near()) {
        let _ = stamp_of(&text);
    }

    #[test]
    fn offsets_are_in_order_and_within(text in near(), at in 0_u64..1_000) {
        let mut offsets = Vec::new();
        let mut reader = Reader::at(at);
        reader.feed(&text, &mut |record| offsets.push(record.offset));
        reader.finish(&mut |record| offsets.push(record.offset));
        for offset in &offsets {
            prop_assert!((at..=at + text.len() as u64).contains(offset));
        }
    }

    #[test]
    fn a_message_in_any_frame_is_read_back(message in message(), micros in 0_u64..10_000_000_000, level in 0_u8..8) {
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let word = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"][usize::from(level)];
        let bracket = format!("[{seconds:5}.{fraction:06}]");
        let json = serde_json::to_string(&message).unwrap();
        let told = [
            (format!("{level},7,{micros},-;{}", message.replace('\\', "\\x5c")), Some(level)),
            (format!("{bracket} {message}"), None),
            (format!("<{level}>{bracket} {message}"), Some(level)),
            (format!("kern  :{word:6}: {bracket} {message}"), Some(level)),
            (format!("Nov 20 19:12:34 vm kernel: {bracket} {message}"), None),
            (format!("2026-11-20T19:12:34.252569+00:00 vm kernel: {bracket} {message}"), None),
            (format!("<{level}>1 2026-11-20T19:12:34.252569+00:00 vm kernel - - - {bracket} {message}"), Some(level)),
            (format!("Nov 20 19:01:18 host kern.{word} kernel: {bracket} {message}"), Some(level)),
            (format!("[    0.000000] vm kernel: a\n{bracket} vm kernel: {message}"), None),
            (format!("{{\"dmesg\":[{{\"pri\":{level},\"time\":{seconds:5}.{fraction:06},\"msg\":{json}}}]}}"), Some(level)),
            (format!("{{\"MESSAGE\":{json},\"_TRANSPORT\":\"kernel\",\"PRIORITY\":\"{level}\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\"{micros}\"}}"), Some(level)),
            (format!("__CURSOR=x\nMESSAGE={message}\n_TRANSPORT=kernel\nPRIORITY={level}\n_SOURCE_MONOTONIC_TIMESTAMP={micros}\n\n"), Some(level)),
        ];
        // dmesg(1) does not escape its own escapes: such a message cannot be told from the one it stands for.
        prop_assume!(!message.contains("\\x") && !message.starts_with("vm kernel: "));
        for (text, level) in told {
            let said = records(format!("{text}\n"));
            let last = said.last().unwrap();
            prop_assert_eq!((last.text(), last.level), (message.clone(), level), "{}", text);
            prop_assert_eq!(shown(last.stamp).starts_with(&micros.to_string()), true, "{}", text);
        }
    }

    #[test]
    fn no_words_of_any_locale_cost_a_message_of_dmesg(words in "[\\p{L}][\\p{L}.’'-]{0,9}( [\\p{L}0-9][\\p{L}\\p{M}0-9./-]{0,9}){0,2}", message in message()) {
        let said = records(format!("[{words} 20 19:01:18 2026] {message}\n"));
        prop_assert_eq!(said.len(), 1);
        prop_assert_eq!((said[0].text(), said[0].origin), (message, crate::kernel_log::Origin::Unsaid));
    }

    #[test]
    fn kmsg_and_json_and_export_carry_any_bytes(message in prop::collection::vec(any::<u8>(), 0..60)) {
        let escaped: String = message.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        let mut export = b"__CURSOR=x\nMESSAGE\n".to_vec();
        export.extend_from_slice(&(message.len() as u64).to_le_bytes());
        export.extend_from_slice(&message);
        export.extend_from_slice(b"\n\n");
        let array = format!("{{\"MESSAGE\":{}}}\n", serde_json::to_string(&message).unwrap()).into_bytes();
        for text in [format!("4,1,2,-;{escaped}\n").into_bytes(), array, export] {
            let said = records(&text);
            prop_assert_eq!(said.len(), 1);
            prop_assert_eq!(&said[0].message, &message);
        }
    }

    #[test]
    fn nothing_of_a_framed_log_is_lost(lines in prop::collection::vec("[a-z]{1,12}( [a-z]{1,5}){0,3}", 1..20), bare in prop::collection::vec(any::<bool>(), 20)) {
        let mut text = String::from("[    1.000000] first\n");
        for (line, bare) in lines.iter().zip(bare) {
            text += &if bare { format!("{line}\n") } else { format!("[    1.000001] {line}\n") };
        }
        let read = records(&text).iter().map(|said| said.text()).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(read, format!("first\n{}", lines.join("\n")));
    }
}
