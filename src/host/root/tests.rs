use super::*;
use nix::unistd::mkfifo;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

/// An image with one healthy file, `/etc/fstab`, and a directory beside it that nothing may lead to.
fn image() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("image/etc/deep")).unwrap();
    fs::write(place.path().join("image/etc/fstab"), "inside\n").unwrap();
    fs::create_dir(place.path().join("outside")).unwrap();
    fs::write(place.path().join("outside/fstab"), "outside\n").unwrap();
    place
}

fn in_image(place: &tempfile::TempDir, path: &str) -> std::path::PathBuf {
    place.path().join("image").join(path)
}

/// The image as openat2(2) resolves it, and as the walk does.
fn both_ways(place: &tempfile::TempDir) -> [Root; 2] {
    let open = || Root::open(&place.path().join("image")).unwrap();
    let Root { beneath, shown_as, live } = open();
    [open(), Root { beneath: beneath.walking(), shown_as, live }]
}

#[track_caller]
fn assert_reads(place: &tempfile::TempDir, path: &str, wanted: &Fact<&str>) {
    for root in both_ways(place) {
        let read = root.read(path).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(read.as_ref().map(String::as_str), *wanted, "{path:?} by {root:?}");
    }
}

#[track_caller]
fn assert_refuses(place: &tempfile::TempDir, path: &str, reason: &str) {
    for root in both_ways(place) {
        let Fact::Unreadable(why) = root.read(path) else { panic!("{path:?} was not refused by {root:?}") };
        let named = place.path().join("image").display().to_string();
        assert_eq!(why.to_string().replace(&named, "DIR"), reason);
    }
}

#[test]
fn a_file_is_read_by_any_spelling_of_its_path() {
    let place = image();
    for path in ["/etc/fstab", "etc/fstab", "//etc/./fstab", "/etc/deep/../fstab", "/../../etc/fstab"] {
        assert_reads(&place, path, &Fact::Known("inside\n"));
    }
}

#[test]
fn what_is_not_there_is_absent() {
    let place = image();
    symlink("nowhere", in_image(&place, "dangling")).unwrap();
    for path in ["/etc/nothing", "/nothing/fstab", "/etc/fstab/below", "/etc/fstab/", "/dangling", ""] {
        assert_reads(&place, path, &Fact::Absent);
    }
}

#[test]
fn an_absolute_link_is_followed_beneath_the_root() {
    let place = image();
    symlink("/etc/fstab", in_image(&place, "table")).unwrap();
    symlink("/etc", in_image(&place, "settings")).unwrap();
    assert_reads(&place, "/table", &Fact::Known("inside\n"));
    assert_reads(&place, "/settings/fstab", &Fact::Known("inside\n"));
}

#[test]
fn no_link_leads_outside() {
    let place = image();
    let outside = place.path().join("outside");
    symlink(outside.join("fstab"), in_image(&place, "absolute")).unwrap();
    symlink("../outside/fstab", in_image(&place, "relative")).unwrap();
    symlink("../../../../../../../outside", in_image(&place, "etc/directory")).unwrap();
    for path in ["/absolute", "/relative", "/etc/directory/fstab", "/../outside/fstab"] {
        assert_reads(&place, path, &Fact::Absent);
    }
}

#[test]
fn a_link_out_that_comes_back_in_means_the_root_itself() {
    let place = image();
    symlink("../../image/etc/fstab", in_image(&place, "roundabout")).unwrap();
    assert_reads(&place, "/roundabout", &Fact::Absent);
    symlink("../../etc/fstab", in_image(&place, "clamped")).unwrap();
    assert_reads(&place, "/clamped", &Fact::Known("inside\n"));
}

#[test]
fn a_loop_of_links_ends() {
    let place = image();
    symlink("/two", in_image(&place, "one")).unwrap();
    symlink("one", in_image(&place, "two")).unwrap();
    assert_refuses(&place, "/one", "too many symbolic links: DIR/one");
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let place = image();
    symlink("etc/fstab", in_image(&place, "1")).unwrap();
    for n in 2..=41 {
        symlink((n - 1).to_string(), in_image(&place, &n.to_string())).unwrap();
    }
    assert_reads(&place, "/40", &Fact::Known("inside\n"));
    assert_refuses(&place, "/41", "too many symbolic links: DIR/41");
}

#[test]
fn a_fifo_is_refused_without_waiting_for_a_writer() {
    let place = image();
    mkfifo(&in_image(&place, "etc/pipe"), Mode::S_IRUSR).unwrap();
    assert_refuses(&place, "/etc/pipe", "not a regular file but a FIFO: DIR/etc/pipe");
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    let place = image();
    let _listener = UnixListener::bind(in_image(&place, "socket")).unwrap();
    assert_refuses(&place, "/socket", "not a regular file but a socket: DIR/socket");
    assert_refuses(&place, "/etc", "not a regular file but a directory: DIR/etc");
}

#[test]
fn a_device_is_refused() {
    let live = Root::open(Path::new("/")).unwrap();
    let reason = Fact::unreadable("not a regular file but a device: /dev/null");
    assert_eq!(live.read("/dev/null"), reason);
}

#[test]
fn a_huge_file_is_refused_by_its_size() {
    let place = image();
    fs::File::create(in_image(&place, "etc/huge")).unwrap().set_len(1 << 40).unwrap();
    let reason = "too large for configuration: DIR/etc/huge has 1 TiB, the bound is 4 MiB";
    assert_refuses(&place, "/etc/huge", reason);
    fs::File::create(in_image(&place, "etc/most")).unwrap().set_len(LARGEST_CONFIGURATION).unwrap();
    assert_eq!(both_ways(&place)[0].read("/etc/most").known().map(Vec::len), Some(4 << 20));
}

#[test]
fn a_file_of_proc_is_read_although_it_says_it_is_empty() {
    let live = Root::open(Path::new("/")).unwrap();
    assert!(live.read("/proc/self/maps").known().is_some_and(|content| !content.is_empty()));
}

#[test]
fn a_link_into_proc_is_no_configuration() {
    let live = Root::open(Path::new("/")).unwrap();
    let place = image();
    let link = place.path().join("link");
    symlink("/proc/version", &link).unwrap();
    let shown = link.to_str().unwrap();
    let reason = format!("leads to a file of the kernel, not to configuration: {shown}");
    assert_eq!(live.read(shown), Fact::unreadable(reason));
    assert!(live.read("/proc/version").known().is_some());
}

#[test]
fn the_links_of_proc_that_lead_straight_to_files_are_not_followed() {
    for walking in [false, true] {
        let beneath = Beneath::of(open("/proc", HANDLE, Mode::empty()).unwrap());
        let beneath = if walking { beneath.walking() } else { beneath };
        let magic = beneath.open("/self/exe", Last::Followed, HANDLE);
        assert_eq!(magic.unwrap_err(), Errno::ELOOP);
        assert!(beneath.open("/self/status", Last::Followed, HANDLE).is_ok());
        assert!(beneath.open("/mounts", Last::Followed, HANDLE).is_ok());
    }
}

#[test]
fn a_file_without_permission_is_unreadable_and_not_absent() {
    if nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: root may read every file");
        return;
    }
    let place = image();
    fs::set_permissions(in_image(&place, "etc/fstab"), fs::Permissions::from_mode(0o000)).unwrap();
    assert_refuses(&place, "/etc/fstab", "permission denied: DIR/etc/fstab (needs root)");
}

#[test]
fn a_name_with_a_newline_is_read_and_is_shown_in_one_line() {
    let place = image();
    fs::write(in_image(&place, "etc/a\nb"), "x").unwrap();
    assert_reads(&place, "/etc/a\nb", &Fact::Known("x"));
    fs::create_dir(in_image(&place, "etc/c\u{1b}\nd")).unwrap();
    assert_refuses(&place, "/etc/c\u{1b}\nd", "not a regular file but a directory: DIR/etc/c\\u{1b}\\nd");
}

#[test]
fn a_path_with_a_nul_is_refused_and_harms_nothing() {
    let place = image();
    assert_refuses(&place, "/etc/fs\0tab", "invalid argument: DIR/etc/fs\\u{0}tab");
}

#[test]
fn names_are_listed_in_byte_order_without_those_that_are_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let place = image();
    for name in ["b", "B", "a.conf", ".hidden", "é"] {
        fs::write(in_image(&place, "etc/deep").join(name), "").unwrap();
    }
    fs::write(in_image(&place, "etc/deep").join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    for root in both_ways(&place) {
        let names = root.list("/etc/deep").map(|names| names.join(" "));
        assert_eq!(names, Fact::Known(".hidden B a.conf b é".to_owned()));
        assert_eq!(root.list("/etc/nothing"), Fact::Absent);
        assert_eq!(root.list("/etc/fstab"), Fact::Absent);
        assert_eq!(root.list("/").map(|names| names.join(" ")), Fact::Known("etc".to_owned()));
    }
}

#[test]
fn a_link_is_read_as_text_and_what_is_no_link_has_none() {
    let place = image();
    symlink("/dev/null", in_image(&place, "etc/masked")).unwrap();
    for root in both_ways(&place) {
        assert_eq!(root.link("/etc/masked"), Fact::Known("/dev/null".to_owned()));
        assert_eq!(root.link("/etc/fstab"), Fact::Absent);
        assert_eq!(root.link("/etc/nothing"), Fact::Absent);
    }
}

#[test]
fn a_mask_is_known_by_its_text_where_the_image_has_no_devices() {
    let place = image();
    symlink("/dev/null", in_image(&place, "etc/absolute")).unwrap();
    symlink("../../dev/./null", in_image(&place, "etc/relative")).unwrap();
    symlink("/dev/zero", in_image(&place, "etc/other")).unwrap();
    for root in both_ways(&place) {
        assert!(root.is_null("/etc/absolute"));
        assert!(root.is_null("/etc/relative"));
        assert!(!root.is_null("/etc/other"));
        assert!(!root.is_null("/etc/fstab"));
    }
    assert!(Root::open(Path::new("/")).unwrap().is_null("/dev/null"));
}

#[test]
fn a_root_that_was_named_from_here_is_known_by_its_name_from_anywhere() {
    let here = std::env::current_dir().unwrap();
    let name = |named: &str| Root::open(Path::new(named)).unwrap().name().to_owned();
    assert_eq!(name("src/"), here.join("src").display().to_string());
    assert_eq!(name("./src"), here.join("src").display().to_string());
    assert_eq!(name("."), here.display().to_string());
    assert_eq!((name("/"), name("//")), ("/".to_owned(), "/".to_owned()));
}

#[test]
fn only_the_slash_is_the_live_host() {
    let place = image();
    let live = Root::open(Path::new("/")).unwrap();
    assert!(live.is_live() && Root::open(Path::new("//")).unwrap().is_live());
    assert_eq!((live.name(), live.shown("/etc/fstab").as_str()), ("/", "/etc/fstab"));
    let image = &both_ways(&place)[0];
    assert!(!image.is_live());
    assert_eq!(image.shown("etc/fstab"), in_image(&place, "etc/fstab").display().to_string());
    let me = open("/proc/self", HANDLE, Mode::empty()).unwrap();
    let mine = Root::of_process(me.as_fd(), "/proc/self/root").unwrap();
    assert!(!mine.is_live());
    assert_eq!(mine.shown("/etc"), "/proc/self/root/etc");
}

#[test]
fn a_root_that_is_not_there_says_so() {
    let place = image();
    assert_eq!(Root::open(&place.path().join("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
    let file = place.path().join("outside/fstab");
    assert_eq!(Root::open(&file).unwrap_err().kind(), io::ErrorKind::NotADirectory);
}

proptest::proptest! {
    /// Whatever path is asked for, and whatever links lie on it, both ways of resolving give the same answer.
    #[test]
    fn both_ways_of_resolving_give_the_same_answer(
        path in "(/|\\.|\\.\\.|etc|deep|fstab|x|y|/){0,9}",
        x in "(/|\\.\\.|etc|deep|fstab|y){1,7}",
        y in "(/|\\.\\.|etc|fstab|x){1,7}",
    ) {
        let place = image();
        symlink(&x, in_image(&place, "x")).unwrap();
        symlink(&y, in_image(&place, "etc/y")).unwrap();
        let [kernel, walk] = both_ways(&place);
        proptest::prop_assert_eq!(kernel.read(&path), walk.read(&path));
        proptest::prop_assert_eq!(kernel.list(&path), walk.list(&path));
        proptest::prop_assert_eq!(kernel.link(&path), walk.link(&path));
    }
}

#[test]
fn a_file_of_the_kernel_is_read_for_gtune_and_for_nobody_else() {
    let root = Root::open(Path::new("/")).unwrap();
    assert!(root.read("/proc/version").known().is_some());
    for path in ["/proc/version", "/proc/kmsg", "/./proc/version"] {
        let read = root.read_stored(path);
        assert!(
            matches!(&read, Fact::Unreadable(reason) if reason.to_string().contains("file of the kernel")),
            "{read:?}"
        );
    }
}

#[test]
fn a_site_is_a_plain_path_beneath_the_root_with_all_that_was_passed() {
    let place = image();
    let root = Root::open(&place.path().join("image")).unwrap();
    symlink("../../../../etc/deep", in_image(&place, "etc/link")).unwrap();
    let site = |path| root.site(path, Last::Followed).map(|site| site.path);
    for (path, wanted) in [
        ("/../../etc/fstab", "/etc/fstab"),
        ("/etc/link/new", "/etc/deep/new"),
        ("/etc/link/", "/etc/deep"),
        ("/etc/deep/../fstab", "/etc/fstab"),
        ("/etc/deep/..", "/etc"),
        ("/new", "/new"),
        ("/", "/"),
        ("", "/"),
        ("/..", "/"),
    ] {
        assert_eq!(site(path).as_deref(), Ok(wanted), "{path}");
    }
    assert_eq!(site("/nothing/new"), Err(Errno::ENOENT));
    assert_eq!(site("/etc/fstab/new"), Err(Errno::ENOTDIR));
    assert_eq!(root.site("/etc/link", Last::Itself).unwrap().path, "/etc/link");
    let passed = root.site("/etc/link/new", Last::Followed).unwrap().passed;
    assert_eq!(
        passed.iter().map(|passed| passed.path.as_str()).collect::<Vec<_>>(),
        ["/", "/etc", "/etc", "/etc/deep"]
    );
}
