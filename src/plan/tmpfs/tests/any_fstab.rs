//! Whatever `/etc/fstab` holds.

use super::*;
use crate::plan::mount_options::TmpfsOptions;
use proptest::prelude::*;

/// Options that a line may have, good and bad.
fn any_option() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("noauto"),
        Just("nofail"),
        Just("size=8m"),
        Just("size=0"),
        Just("size=x"),
        Just("nr_inodes=1k"),
        Just("user"),
        Just("exec"),
        Just("noexec"),
        Just("nosuid"),
        Just("nodev"),
        Just("ro"),
        Just("comment=for-gunicorn"),
        Just("\\040\\"),
        Just("uid=www"),
        Just("nr_blocks=9"),
        Just("context=\"a,b\""),
        Just("\\377"),
        Just("bind"),
        Just("nr_inodes=0"),
    ]
}

/// Lines of all kinds, many of them for the directory.
fn any_fstab() -> impl Strategy<Value = Vec<u8>> {
    let options = prop::collection::vec(any_option(), 0..6).prop_map(|options| options.join(","));
    let line =
        (options, prop_oneof![Just("tmpfs"), Just("ext4")], prop_oneof![Just(" 0 0"), Just(""), Just("\t1 2 x")]);
    let line = line.prop_map(|(options, kind, rest)| format!("a\t//mem/  {kind} {options}{rest}").into_bytes());
    let line =
        prop_oneof![3 => line, 1 => prop::collection::vec(any::<u8>(), 0..30), 1 => Just(b"b /b ext4 rw".to_vec())];
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r\n")];
    let lines = prop::collection::vec((line, end), 0..4);
    (lines, any::<bool>()).prop_map(|(lines, ended)| {
        let mut bytes: Vec<u8> =
            lines.into_iter().flat_map(|(line, end)| [line, end.as_bytes().to_vec()].concat()).collect();
        if !ended {
            bytes.pop();
        }
        bytes
    })
}

/// The lines of a file, and how many of them a change may touch.
fn untouched(before: &[u8], after: &[u8], number: Option<usize>) -> bool {
    let lines = |bytes: &[u8]| bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    match number {
        None => {
            let ended =
                if before.is_empty() || before.ends_with(b"\n") { before.to_vec() } else { [before, b"\n"].concat() };
            after.starts_with(&ended) && lines(&after[ended.len()..]).len() == 2
        }
        Some(at) => {
            let (mut before, mut after) = (lines(before), lines(after));
            before.len() == after.len() && before.remove(at - 1) != after.remove(at - 1) && before == after
        }
    }
}

proptest! {
    #[test]
    fn whatever_the_file_holds_other_lines_stay_and_a_second_draft_stores_nothing(
        bytes in any_fstab(), adopt: bool, live: bool, size in prop::option::of(1u64..100),
    ) {
        let mut request = size.map_or_else(|| asked("/mem"), |size| sized(&format!("{size}m")));
        request.adopt = adopt;
        let mut ground = ground("");
        ground.files.insert(FSTAB.into(), Place::holding(FSTAB, FileImage::configuration(bytes.clone())));
        let mut facts = fresh_host();
        facts.host.live = live;
        let topic = draft(&facts, &ground, &request);
        prop_assert!(topic.refused.is_empty() || topic.changes.is_empty());
        for change in &topic.changes {
            if let Change::Line { before: Some(before), after: Some(after), old_line, .. } = change {
                let number = Fstab::parse(&bytes).targets("/mem").first().map(|line| line.line);
                prop_assert_eq!(old_line.is_some(), number.is_some());
                prop_assert!(untouched(&before.content.0, &after.content.0, number));
            }
        }
        if topic.refused.is_empty() {
            let again = draft(&facts, &after(&ground, &topic), &request);
            prop_assert!(again.refused.is_empty(), "{:?}", again.refused);
            let stored = again.changes.iter().filter(|change| !change.is_live()).count();
            prop_assert_eq!(stored, 0);
        }
    }

    #[test]
    fn mended_options_lack_nothing_and_need_no_mending(
        options in prop::collection::vec(any_option(), 0..9), size in prop::option::of(1u64..100),
    ) {
        let request = size.map_or_else(|| asked("/mem"), |size| sized(&format!("{size}m")));
        let (facts, ground) = (fresh_host(), Ground::default());
        let wanted = request.tmpfs.as_ref().unwrap();
        let wish = Wish { facts: &facts, ground: &ground, asked: wanted, adopt: true, lowering: Lowering::NotMeant, directory: "/mem" };
        let options: Vec<String> = options.into_iter().map(str::to_owned).collect();
        let caps = wish.caps(None);
        let mended = wish.mended(&options, caps);
        let lacks = wish.lacks(&TmpfsOptions::read(&mended), caps);
        prop_assert!(lacks.is_empty(), "{:?} of {:?}", lacks, mended);
        prop_assert_eq!(wish.mended(&mended, caps), mended);
    }
}
