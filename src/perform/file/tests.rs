use super::*;
use crate::plan::{Content, Owner};
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const MARK: &str = "20261121T120000Z-1";
const FSTAB: &str = "/etc/fstab";

/// An image with `/etc/fstab`, and a directory beside it that nothing may lead to.
struct Image {
    place: TempDir,
    root: Root,
}

impl Image {
    fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    fn below(directory: &std::path::Path) -> Self {
        let place = tempfile::tempdir_in(directory).unwrap();
        for made in ["image/etc", "outside"] {
            fs::create_dir_all(place.path().join(made)).unwrap();
        }
        fs::write(place.path().join("image/etc/fstab"), "before\n").unwrap();
        fs::write(place.path().join("outside/fstab"), "outside\n").unwrap();
        let root = Root::open(&place.path().join("image")).unwrap();
        Self { place, root }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.place.path().join("image").join(path.trim_start_matches('/'))
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    fn present(&self, path: &str) -> Option<FileImage> {
        let spot = Spot::open(&self.root, path, Last::Followed, MARK, "look at").unwrap();
        spot.file().unwrap().map(|file| file.image)
    }

    fn spot(&self) -> Spot<'_> {
        Spot::open(&self.root, FSTAB, Last::Followed, MARK, "replace").unwrap()
    }

    fn make(&self, before: Option<&FileImage>, after: Option<&FileImage>) -> Result<(), Trouble> {
        make(&self.root, FSTAB, before, after, MARK, Care::Respect)
    }

    /// Names in `/etc`: a temporary file that is left would be among them.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.at("/etc")).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn seen(spot: &Spot<'_>) -> SeenFile {
    spot.file().unwrap().unwrap()
}

fn ran(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_file_is_replaced_and_restored_with_mode_and_owner() {
    for mode in [0o600, 0o640, 0o644, 0o4755] {
        let image = Image::new();
        fs::set_permissions(image.at(FSTAB), fs::Permissions::from_mode(mode)).unwrap();
        let before = image.present(FSTAB).unwrap();
        let after = before.with_content("after\n");
        image.make(Some(&before), Some(&after)).unwrap();
        assert_eq!(image.present(FSTAB).unwrap(), after);
        assert_eq!(after.mode, mode);
        assert_eq!(standing(&image.root, FSTAB, Some(&before), Some(&after)).unwrap(), Standing::After);
        image.make(Some(&after), Some(&before)).unwrap();
        assert_eq!(image.present(FSTAB).unwrap(), before);
        assert_eq!(image.names(), ["fstab"]);
    }
}

#[test]
fn a_file_of_another_owner_keeps_it() {
    let image = Image::new();
    if std::os::unix::fs::chown(image.at(FSTAB), Some(12), Some(34)).is_err() {
        return eprintln!("not root: that another owner is kept was not tested");
    }
    let before = image.present(FSTAB).unwrap();
    assert_eq!(before.owner, Owner { uid: 12, gid: 34 });
    image.make(Some(&before), Some(&before.with_content("after"))).unwrap();
    let metadata = fs::metadata(image.at(FSTAB)).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (12, 34));
}

#[test]
fn extended_attributes_and_access_lists_stay() {
    let image = Image::new();
    let path = image.at(FSTAB).display().to_string();
    if !ran("setfattr", &["-n", "user.note", "-v", "mine", &path]) {
        return eprintln!("no setfattr, or a file system without attributes: not tested");
    }
    let has_list = ran("setfacl", &["-m", "u:12:r", &path]);
    let before = image.present(FSTAB).unwrap();
    assert_eq!(before.attributes.get("user.note"), Some(&Content::from("mine")));
    assert_eq!(before.attributes.contains_key("system.posix_acl_access"), has_list);
    image.make(Some(&before), Some(&before.with_content("after\n"))).unwrap();
    assert_eq!(image.present(FSTAB).unwrap(), before.with_content("after\n"));
}

#[test]
fn an_attribute_that_the_file_got_meanwhile_goes_along_and_one_that_was_there_before_comes_back() {
    let image = Image::new();
    let path = image.at(FSTAB).display().to_string();
    let set = |name: &str, value: &str| ran("setfattr", &["-n", name, "-v", value, &path]);
    if !set("user.before", "old") {
        return eprintln!("no setfattr, or a file system without attributes: not tested");
    }
    let before = image.present(FSTAB).unwrap();
    let after = before.with_content("after\n");
    image.make(Some(&before), Some(&after)).unwrap();
    assert!(set("user.since", "theirs"));
    image.make(Some(&after), Some(&before)).unwrap();
    let back = image.present(FSTAB).unwrap();
    assert_eq!(back.attributes.get("user.since"), Some(&Content::from("theirs")));
    assert_eq!((back.attributes.get("user.before"), back.content), (Some(&Content::from("old")), before.content));
}

#[test]
fn a_name_as_long_as_a_name_may_be_is_replaced_and_settled() {
    let image = Image::new();
    let path = format!("/etc/{}ü", "n".repeat(253));
    let after = FileImage::configuration("new\n");
    make(&image.root, &path, None, Some(&after), MARK, Care::Respect).unwrap();
    make(&image.root, &path, Some(&after), Some(&after.with_content("newer\n")), MARK, Care::Respect).unwrap();
    settle(&image.root, &path, None, Some(&after), MARK).unwrap();
    make(&image.root, &path, Some(&after.with_content("newer\n")), None, MARK, Care::Respect).unwrap();
    assert_eq!(image.names(), ["fstab"]);
}

#[test]
fn what_is_replaced_by_force_is_kept() {
    let image = Image::new();
    let before = image.present(FSTAB).unwrap();
    for (number, after) in [(1, Some(before.with_content("after\n"))), (2, None)] {
        fs::write(image.at(FSTAB), format!("theirs {number}\n")).unwrap();
        make(&image.root, FSTAB, Some(&before), after.as_ref(), MARK, Care::Overwrite).unwrap();
        let kept = format!("/var/lib/gtune/backup/{MARK}/etc%2Ffstab.forced-{number}");
        assert_eq!(image.text(&kept), format!("theirs {number}\n"));
    }
}

#[test]
fn a_new_file_has_its_own_mode_whatever_the_directory_gives_by_default() {
    let image = Image::new();
    if !ran("setfacl", &["-m", "d:u:12:rwx", &image.at("/etc").display().to_string()]) {
        return eprintln!("no setfacl: not tested");
    }
    let after = FileImage::configuration("new\n");
    let path = "/etc/new.conf";
    make(&image.root, path, None, Some(&after), MARK, Care::Respect).unwrap();
    assert_eq!(image.present(path).unwrap(), after);
}

#[test]
fn a_file_is_made_and_removed_again() {
    let image = Image::new();
    let (path, after) = ("/etc/new.conf", FileImage::configuration("new\n"));
    assert_eq!(standing(&image.root, path, None, Some(&after)).unwrap(), Standing::Before);
    make(&image.root, path, None, Some(&after), MARK, Care::Respect).unwrap();
    assert_eq!(image.present(path).unwrap(), after);
    make(&image.root, path, Some(&after), None, MARK, Care::Respect).unwrap();
    assert_eq!(standing(&image.root, path, Some(&after), None).unwrap(), Standing::After);
    assert_eq!(image.names(), ["fstab"]);
}

#[test]
fn a_link_within_the_image_is_followed_and_stays_a_link() {
    let image = Image::new();
    fs::rename(image.at(FSTAB), image.at("/etc/real")).unwrap();
    symlink("/etc/real", image.at(FSTAB)).unwrap();
    let before = image.present(FSTAB).unwrap();
    image.make(Some(&before), Some(&before.with_content("after\n"))).unwrap();
    assert_eq!(image.text("/etc/real"), "after\n");
    assert_eq!(fs::read_link(image.at(FSTAB)).unwrap().to_str(), Some("/etc/real"));
}

#[test]
fn what_is_no_file_is_never_replaced_even_by_force() {
    let put: [fn(&std::path::Path); 3] = [
        |path| fs::create_dir(path).unwrap(),
        |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        |path| symlink("/nowhere", path).unwrap(),
    ];
    for (put, reason) in put.into_iter().zip(["a directory", "a FIFO", "a link to /nowhere, which is not there"]) {
        let image = Image::new();
        fs::remove_file(image.at(FSTAB)).unwrap();
        put(&image.at(FSTAB));
        for care in [Care::Respect, Care::Overwrite] {
            let after = FileImage::configuration("after\n");
            let trouble = make(&image.root, FSTAB, None, Some(&after), MARK, care).unwrap_err();
            assert_eq!(trouble.reason, format!("{reason} is there"));
        }
        assert!(matches!(standing(&image.root, FSTAB, None, None).unwrap(), Standing::Other(_)));
        assert_eq!(image.names(), ["fstab"]);
    }
}

#[test]
fn a_directory_swapped_for_a_link_leads_nothing_outside() {
    let image = Image::new();
    let spot = image.spot();
    let now = seen(&spot);
    fs::rename(image.at("/etc"), image.at("/moved")).unwrap();
    symlink(image.place.path().join("outside"), image.at("/etc")).unwrap();
    replace(&spot, &now, &now.image.with_content("after\n"), Care::Respect).unwrap();
    assert!(spot.verify(Some(&now.image.with_content("after\n"))).is_err(), "the path does not lead there any more");
    assert_eq!(fs::read_to_string(image.place.path().join("outside/fstab")).unwrap(), "outside\n");
    assert_eq!(image.text("/moved/fstab"), "after\n");
}

#[test]
fn what_was_changed_since_the_plan_is_left() {
    let image = Image::new();
    let before = image.present(FSTAB).unwrap();
    fs::write(image.at(FSTAB), "theirs\n").unwrap();
    let trouble = image.make(Some(&before), Some(&before.with_content("after\n"))).unwrap_err();
    let shown = image.root.shown(FSTAB);
    assert_eq!(trouble.to_string(), format!("cannot replace {shown}: somebody else changed it meanwhile"));
    assert_eq!(image.text(FSTAB), "theirs\n");
    let stands = standing(&image.root, FSTAB, Some(&before), None).unwrap();
    assert_eq!(stands, Standing::Other("its content was changed".into()));
    fs::remove_file(image.at(FSTAB)).unwrap();
    assert!(image.make(Some(&before), Some(&before.with_content("after\n"))).is_err());
    assert!(image.names().is_empty());
}

#[test]
fn what_is_saved_in_the_very_moment_of_the_swap_is_put_back() {
    let image = Image::new();
    let spot = image.spot();
    let now = seen(&spot);
    for save in ["theirs\n", ""] {
        fs::write(image.at(FSTAB), save).unwrap();
        assert!(replace(&spot, &now, &now.image.with_content("after\n"), Care::Respect).is_err());
        assert_eq!(image.text(FSTAB), save);
        assert!(remove(&spot, &now, Care::Respect).is_err());
        assert_eq!(image.text(FSTAB), save);
        assert!(put(&spot, &now.image).is_err());
        assert_eq!(image.text(FSTAB), save);
    }
    fs::write(image.at(FSTAB), "before\n").unwrap();
    fs::set_permissions(image.at(FSTAB), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(replace(&spot, &now, &now.image.with_content("after\n"), Care::Respect).is_err(), "a mode is a change too");
    assert_eq!(image.present(FSTAB).unwrap().mode, 0o600);
    fs::remove_file(image.at(FSTAB)).unwrap();
    assert!(replace(&spot, &now, &now.image.with_content("after\n"), Care::Respect).is_err());
    assert!(image.names().is_empty());
}

#[test]
fn of_two_saves_in_a_row_the_newest_has_the_name_and_none_is_lost() {
    let image = Image::new();
    let spot = image.spot();
    fs::write(image.at(FSTAB), "newest\n").unwrap();
    fs::write(image.at("/etc").join(&spot.temporary), "first\n").unwrap();
    let ours = FileId { device: crate::units::DeviceId(0), inode: 0 };
    let trouble = take_back(&spot, ours);
    assert!(trouble.reason.contains("holds what somebody else had saved"), "{trouble}");
    assert_eq!(image.text(FSTAB), "newest\n");
    assert_eq!(image.names().len(), 2);
}

#[test]
fn whoever_saves_all_the_time_finds_the_last_save_in_the_file() {
    let image = Image::new();
    let (file, beside) = (image.at(FSTAB), image.at("/srv.new"));
    let saver = std::thread::spawn(move || {
        for number in 0..600 {
            fs::write(&beside, format!("save {number}\n")).unwrap();
            fs::rename(&beside, &file).unwrap();
        }
    });
    let (mut done, mut refused) = (0, 0);
    while !saver.is_finished() {
        let Ok(Some(seen)) = image.spot().file() else { continue };
        let ours = format!("ours, of {}", seen.image.content.text());
        match image.make(Some(&seen.image), Some(&seen.image.with_content(ours))) {
            Ok(()) => done += 1,
            Err(_) => refused += 1,
        }
        let left = image.spot().look_at_temporary().unwrap();
        if let Seen::File(left) = left {
            let text = left.image.content.text();
            assert!(text.contains("save"), "what is left is a save: {text}");
            image.spot().discard().unwrap();
        }
    }
    saver.join().unwrap();
    assert!(image.text(FSTAB).ends_with("save 599\n"), "{}", image.text(FSTAB));
    eprintln!("{done} done, {refused} refused");
}

#[test]
fn force_replaces_what_others_have_changed() {
    let image = Image::new();
    let before = image.present(FSTAB).unwrap();
    fs::write(image.at(FSTAB), "theirs\n").unwrap();
    let after = before.with_content("after\n");
    make(&image.root, FSTAB, Some(&before), Some(&after), MARK, Care::Overwrite).unwrap();
    assert_eq!(image.text(FSTAB), "after\n");
    fs::write(image.at(FSTAB), "theirs\n").unwrap();
    make(&image.root, FSTAB, Some(&before), None, MARK, Care::Overwrite).unwrap();
    assert!(image.names().is_empty());
}

#[test]
fn a_second_time_changes_nothing() {
    let image = Image::new();
    let before = image.present(FSTAB).unwrap();
    let after = before.with_content("after\n");
    image.make(Some(&before), Some(&after)).unwrap();
    let inode = fs::metadata(image.at(FSTAB)).unwrap().ino();
    image.make(Some(&before), Some(&after)).unwrap();
    assert_eq!(fs::metadata(image.at(FSTAB)).unwrap().ino(), inode);
}

#[test]
fn a_temporary_file_that_is_there_is_not_written_over() {
    let image = Image::new();
    let before = image.present(FSTAB).unwrap();
    fs::write(image.at("/etc").join(image.spot().temporary), "left").unwrap();
    let trouble = image.make(Some(&before), Some(&before.with_content("after\n"))).unwrap_err();
    assert!(trouble.reason.starts_with("an earlier run left"), "{trouble}");
    assert_eq!(image.text(FSTAB), "before\n");
    assert_eq!(fs::read_to_string(image.at("/etc").join(image.spot().temporary)).unwrap(), "left");
}

#[test]
fn an_immutable_file_is_left_and_the_attribute_named() {
    let image = Image::new();
    let path = image.at(FSTAB).display().to_string();
    if !ran("chattr", &["+i", &path]) {
        return eprintln!("chattr +i does not work here: immutable files were not tested");
    }
    let before = image.present(FSTAB).unwrap();
    let outcome = image.make(Some(&before), Some(&before.with_content("after\n")));
    assert!(ran("chattr", &["-i", &path]));
    let trouble = outcome.unwrap_err();
    assert_eq!(trouble.reason, "operation not permitted");
    assert!(trouble.hint.unwrap().starts_with("lsattr -d"));
    assert_eq!((image.text(FSTAB).as_str(), image.names().len()), ("before\n", 1));
}

#[test]
fn where_rename_cannot_exchange_a_last_look_guards_the_file() {
    let image = Image::new();
    let spot = image.spot();
    let now = seen(&spot);
    temporary::write(&spot, &now.image.with_content("after\n")).unwrap();
    fs::write(image.at(FSTAB), "theirs\n").unwrap();
    assert!(replace_unseen(&spot, &now, Care::Respect).is_err());
    assert_eq!((image.text(FSTAB).as_str(), image.names().len()), ("theirs\n", 1));
    fs::write(image.at(FSTAB), "before\n").unwrap();
    temporary::write(&spot, &now.image.with_content("after\n")).unwrap();
    replace_unseen(&spot, &now, Care::Respect).unwrap();
    assert_eq!((image.text(FSTAB).as_str(), image.names().len()), ("after\n", 1));
}

/// Runs this test program again in namespaces of its own, where a small tmpfs is mounted: `inside` does what is tested.
#[test]
fn a_full_file_system_leaves_the_file_and_nothing_else() {
    const INSIDE: &str = "GTUNE_TEST_FULL";
    if let Ok(directory) = std::env::var(INSIDE) {
        let image = Image::below(std::path::Path::new(&directory));
        let before = image.present(FSTAB).unwrap();
        let trouble = image.make(Some(&before), Some(&before.with_content(vec![b'x'; 1 << 20]))).unwrap_err();
        assert_eq!(trouble.reason, "no space left on device");
        let directory = image.root.shown("/etc");
        assert_eq!(trouble.hint.unwrap(), format!("df -h {directory}; df -i {directory}"));
        assert_eq!((image.text(FSTAB).as_str(), image.names().len()), ("before\n", 1));
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=256k none "$1" && shift && exec "$@""#;
    let program = std::env::current_exe().unwrap();
    let name = "perform::file::tests::a_full_file_system_leaves_the_file_and_nothing_else";
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script, "sh"]).arg(place.path()).arg(program).args(["--exact", name]);
    let Ok(output) = command.env(INSIDE, place.path()).output() else {
        return eprintln!("no unshare(1): a full file system was not tested");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("running 1 test") {
        return eprintln!("no user namespaces: not tested: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn done_and_undone_is_as_before(before: Vec<u8>, after: Vec<u8>, mode in 0o400u32..0o1000, is_new: bool) {
        prop_assume!(before != after);
        let image = Image::new();
        let mode = mode | 0o400;
        fs::write(image.at(FSTAB), &before).unwrap();
        fs::set_permissions(image.at(FSTAB), fs::Permissions::from_mode(mode)).unwrap();
        if is_new {
            fs::remove_file(image.at(FSTAB)).unwrap();
        }
        let first = image.present(FSTAB);
        let after = FileImage { mode, ..FileImage::configuration(after) };
        image.make(first.as_ref(), Some(&after)).unwrap();
        prop_assert_eq!(image.present(FSTAB), Some(after.clone()));
        image.make(Some(&after), first.as_ref()).unwrap();
        prop_assert_eq!(image.present(FSTAB), first);
        prop_assert!(image.names().len() <= 1);
    }
}
