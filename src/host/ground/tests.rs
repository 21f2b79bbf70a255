use super::*;
use crate::checks::healthy;
use crate::plan::{Content, Owner};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A healthy image: `/etc/fstab`, `/etc/systemd/system`, `/srv`; and a directory beside it that nothing may lead to.
struct Image {
    place: TempDir,
    root: Root,
}

impl Image {
    fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    fn below(directory: &Path) -> Self {
        let place = tempfile::tempdir_in(directory).unwrap();
        for made in ["image/etc/systemd/system", "image/srv", "outside"] {
            fs::create_dir_all(place.path().join(made)).unwrap();
        }
        fs::write(place.path().join("image/etc/fstab"), "# table\n").unwrap();
        let root = Root::open(&place.path().join("image")).unwrap();
        Self { place, root }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.place.path().join("image").join(path.trim_start_matches('/'))
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn ground(&self, places: &Places) -> Ground {
        ground(&self.root, &healthy::fresh_host(), places)
    }

    fn file(&self, path: &str) -> Place<FileImage> {
        let places = Places { files: [path.to_owned()].into(), ..Places::default() };
        self.ground(&places).files.remove(path).unwrap()
    }

    fn directory(&self, path: &str) -> Place<DirectoryImage> {
        let places = Places { directories: [path.to_owned()].into(), ..Places::default() };
        self.ground(&places).directories.remove(path).unwrap()
    }

    #[track_caller]
    fn assert_obstacle(&self, path: &str, wanted: &Obstacle) {
        assert_eq!(self.file(path).obstacle.as_ref(), Some(wanted), "{path}");
    }
}

fn ran(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_healthy_file_is_seen_whole_and_nothing_is_in_its_way() {
    let image = Image::new();
    image.mode("/etc/fstab", 0o640);
    let place = image.file("/etc/fstab");
    assert_eq!((place.path.as_str(), &place.obstacle), ("/etc/fstab", &None));
    let file = place.image.known().unwrap();
    assert_eq!((&file.content, file.mode, file.owner), (&Content::from("# table\n"), 0o640, Owner::ROOT));
}

#[test]
fn everything_above_what_was_asked_for_is_looked_at() {
    let image = Image::new();
    let places = Places {
        files: ["/etc/sysctl.d/99.conf".to_owned()].into(),
        directories: ["/mem/deep".to_owned()].into(),
        links: ["/etc/systemd/system/local-fs.target.wants/mem.mount".to_owned()].into(),
    };
    let ground = image.ground(&places);
    let seen: Vec<&str> = ground.directories.keys().map(String::as_str).collect();
    let wants = "/etc/systemd/system/local-fs.target.wants";
    assert_eq!(seen, ["/", "/etc", "/etc/sysctl.d", "/etc/systemd", "/etc/systemd/system", wants, "/mem", "/mem/deep"]);
    assert_eq!(ground.missing_above("/mem/deep"), ["/mem"]);
    assert_eq!(ground.missing_above("/etc/sysctl.d/99.conf"), ["/etc/sysctl.d"]);
    assert!(ground.directories.values().all(|place| place.obstacle.is_none()), "{:?}", ground.directories);
    assert_eq!(ground.not_empty, ["/", "/etc", "/etc/systemd"].map(str::to_owned).into());
}

#[test]
fn what_is_not_there_is_free() {
    let image = Image::new();
    for path in ["/etc/new.conf", "/etc/no/such/directory/new.conf"] {
        assert_eq!(image.file(path), Place::free(path));
    }
    assert_eq!(image.directory("/mem"), Place::free("/mem"));
}

#[test]
fn a_link_is_followed_beneath_the_root_and_where_it_ends_is_said() {
    let image = Image::new();
    fs::rename(image.at("/etc/fstab"), image.at("/etc/real")).unwrap();
    symlink("/etc/./systemd/../real", image.at("/etc/fstab")).unwrap();
    let place = image.file("/etc/fstab");
    assert_eq!((place.path.as_str(), place.obstacle), ("/etc/real", None));
    assert_eq!(place.image.known().unwrap().content, Content::from("# table\n"));
    symlink("/srv", image.at("/mem")).unwrap();
    assert_eq!(image.directory("/mem").path, "/srv");
    assert_eq!(image.file("/mem/new.conf").path, "/srv/new.conf");
    assert_eq!(image.file("/mem/no/new.conf").path, "/srv/no/new.conf");
}

#[test]
fn links_are_seen_by_their_text() {
    let image = Image::new();
    symlink("/nowhere", image.at("/etc/link")).unwrap();
    let links = ["/etc/link", "/etc/fstab", "/etc/nothing"].map(str::to_owned).into();
    let ground = image.ground(&Places { links, ..Places::default() });
    assert_eq!(ground.links["/etc/link"], Fact::Known("/nowhere".into()));
    assert_eq!(ground.links["/etc/fstab"], Fact::Absent);
    assert_eq!(ground.links["/etc/nothing"], Fact::Absent);
}

#[test]
fn a_link_that_leads_nowhere_or_out_of_etc_is_in_the_way() {
    let image = Image::new();
    symlink("../nowhere", image.at("/etc/dangling")).unwrap();
    symlink("/no/such/directory", image.at("/etc/far")).unwrap();
    image.assert_obstacle("/etc/dangling", &Obstacle::DanglingLink("/nowhere".into()));
    image.assert_obstacle("/etc/far", &Obstacle::DanglingLink("/no/such/directory".into()));
    fs::write(image.at("/srv/table"), "theirs").unwrap();
    symlink("/srv/table", image.at("/etc/table")).unwrap();
    symlink("/srv", image.at("/etc/sysctl.d")).unwrap();
    image.assert_obstacle("/etc/table", &Obstacle::LeadsOutside("/srv/table".into()));
    image.assert_obstacle("/etc/sysctl.d/new.conf", &Obstacle::LeadsOutside("/srv/new.conf".into()));
    image.assert_obstacle("/etc/sysctl.d/no/new.conf", &Obstacle::LeadsOutside("/srv/no/new.conf".into()));
    assert_eq!(image.directory("/etc/sysctl.d").obstacle, Some(Obstacle::LeadsOutside("/srv".into())));
    // Beneath the root there is no such place: an image cannot reach out.
    symlink(image.place.path().join("outside"), image.at("/etc/out")).unwrap();
    assert!(matches!(image.file("/etc/out").obstacle, Some(Obstacle::DanglingLink(_))));
}

#[test]
fn an_etc_that_is_a_link_itself_is_still_etc() {
    let image = Image::new();
    fs::create_dir(image.at("/usr")).unwrap();
    fs::rename(image.at("/etc"), image.at("/usr/etc")).unwrap();
    symlink("usr/etc", image.at("/etc")).unwrap();
    let place = image.file("/etc/fstab");
    assert_eq!((place.path.as_str(), place.obstacle), ("/usr/etc/fstab", None));
}

#[test]
fn what_is_no_file_or_no_directory_says_what_it_is() {
    let image = Image::new();
    fs::create_dir(image.at("/etc/directory")).unwrap();
    nix::unistd::mkfifo(&image.at("/etc/fifo"), Mode::S_IRWXU).unwrap();
    image.assert_obstacle("/etc/directory", &Obstacle::NotRegular("a directory".into()));
    image.assert_obstacle("/etc/fifo", &Obstacle::NotRegular("a FIFO".into()));
    assert_eq!(image.directory("/etc/fstab").obstacle, Some(Obstacle::NotRegular("a regular file".into())));
    let below = Obstacle::NotRegular("below /etc/fstab, which is a regular file".into());
    image.assert_obstacle("/etc/fstab/new.conf", &below);
    assert!(matches!(image.file("/etc/fifo").image, Fact::Unreadable(_)));
}

#[test]
fn a_file_with_several_names_is_not_replaced_unasked() {
    let image = Image::new();
    fs::hard_link(image.at("/etc/fstab"), image.at("/srv/second")).unwrap();
    image.assert_obstacle("/etc/fstab", &Obstacle::HardLinks(2));
}

#[test]
fn a_way_that_others_can_change_is_refused_also_where_only_a_link_lies_on_it() {
    let image = Image::new();
    fs::create_dir_all(image.at("/tmp/deep")).unwrap();
    fs::create_dir(image.at("/srv/safe")).unwrap();
    image.mode("/tmp", 0o1777);
    let swap = Obstacle::OthersCanSwap("/tmp".into());
    image.assert_obstacle("/tmp/deep/new.conf", &swap);
    image.assert_obstacle("/tmp/no/such/new.conf", &swap);
    assert_eq!(image.directory("/tmp").obstacle, Some(swap.clone()));
    assert_eq!(image.directory("/tmp/deep").obstacle, Some(swap.clone()));
    assert_eq!(image.directory("/tmp/new").obstacle, Some(swap.clone()));
    symlink("/srv/safe", image.at("/tmp/link")).unwrap();
    assert_eq!(image.directory("/tmp/link").obstacle, Some(swap));
    assert_eq!(image.directory("/srv/safe").obstacle, None);
    if std::os::unix::fs::chown(image.at("/srv"), Some(12), None).is_ok() {
        assert_eq!(image.directory("/srv/safe").obstacle, Some(Obstacle::OthersCanSwap("/srv".into())));
    }
}

#[test]
fn attributes_of_chattr_are_seen() {
    let image = Image::new();
    let path = image.at("/etc/fstab").display().to_string();
    for (flag, obstacle) in [("i", Obstacle::Immutable), ("a", Obstacle::AppendOnly)] {
        if !ran("chattr", &[&format!("+{flag}"), &path]) {
            return eprintln!("chattr does not work here: immutable and append-only files were not tested");
        }
        let seen = image.file("/etc/fstab").obstacle;
        assert!(ran("chattr", &[&format!("-{flag}"), &path]));
        assert_eq!(seen, Some(obstacle));
    }
}

#[test]
fn a_directory_that_may_not_be_written_is_said() {
    let image = Image::new();
    image.mode("/etc", 0o555);
    let wanted = if nix::unistd::geteuid().is_root() { None } else { Some(Obstacle::NotPermitted) };
    assert_eq!(image.file("/etc/fstab").obstacle, wanted);
    assert_eq!(image.file("/etc/no/new.conf").obstacle, wanted);
    image.mode("/etc", 0o755);
}

#[test]
fn a_file_too_large_for_configuration_is_not_read() {
    let image = Image::new();
    fs::File::create(image.at("/etc/large")).unwrap().set_len(1 << 40).unwrap();
    let Fact::Unreadable(reason) = image.file("/etc/large").image else { panic!("it was read") };
    assert!(reason.to_string().starts_with("file too large"), "{reason}");
}

#[test]
fn a_file_of_the_kernel_is_not_even_read() {
    let root = Root::open(Path::new("/")).unwrap();
    let place = file(&root, "/proc/kmsg");
    assert!(place.obstacle.is_some());
    assert_eq!(place.image, Fact::unreadable("is a file of the kernel: /proc/kmsg"));
}

#[test]
fn the_files_of_sysctl_are_all_there() {
    let image = Image::new();
    fs::create_dir(image.at("/etc/sysctl.d")).unwrap();
    fs::write(image.at("/etc/sysctl.d/50.conf"), "a = 1\n").unwrap();
    fs::write(image.at("/etc/sysctl.conf"), "b = 2\n").unwrap();
    let ground = image.ground(&Places::default());
    let wanted = SysctlFile { path: "/etc/sysctl.d/50.conf".into(), content: Fact::Known(b"a = 1\n".to_vec()) };
    assert_eq!((ground.sysctl_files, ground.sysctl_conf), (vec![wanted], Fact::Known(b"b = 2\n".to_vec())));
    assert!(ground.started.is_empty(), "in an image nothing runs");
}

#[test]
fn of_processes_that_run_the_start_is_seen() {
    let own = Pid(std::process::id() as i32);
    let facts = healthy::with_service(|service| {
        service.master.pid = own;
        service.workers.truncate(1);
        service.workers[0].process.pid = Pid(i32::MAX);
        service.dirty.clear();
    });
    let started = started(&facts);
    assert_eq!(started.keys().collect::<Vec<_>>(), [&own]);
    assert!(started[&own] > 0);
}

/// Runs this test program again in namespaces of its own, where it may mount.
#[test]
fn what_is_mounted_read_only_or_is_a_mount_itself_is_seen() {
    const INSIDE: &str = "GTUNE_TEST_MOUNTS";
    if let Ok(directory) = std::env::var(INSIDE) {
        let image = Image::below(Path::new(&directory));
        let at = |path| image.at(path).display().to_string();
        fs::write(image.at("/srv/hosts"), "theirs\n").unwrap();
        fs::write(image.at("/etc/hosts"), "").unwrap();
        assert!(ran("mount", &["--bind", &at("/srv/hosts"), &at("/etc/hosts")]));
        image.assert_obstacle("/etc/hosts", &Obstacle::MountedFile);
        assert_eq!(image.file("/etc/fstab").obstacle, None);
        assert!(ran("mount", &["--bind", &at("/srv"), &at("/srv")]));
        assert!(ran("mount", &["-o", "remount,bind,ro", &at("/srv")]));
        image.assert_obstacle("/srv/hosts", &Obstacle::ReadOnly);
        image.assert_obstacle("/srv/no/new.conf", &Obstacle::ReadOnly);
        assert_eq!(image.directory("/srv/new").obstacle, Some(Obstacle::ReadOnly));
        assert_eq!(image.directory("/srv").obstacle, None);
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o mode=755 none "$1" && shift && exec "$@""#;
    let name = "host::ground::tests::what_is_mounted_read_only_or_is_a_mount_itself_is_seen";
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script, "sh"]).arg(place.path()).arg(std::env::current_exe().unwrap());
    let Ok(output) = command.args(["--exact", name]).env(INSIDE, place.path()).output() else {
        return eprintln!("no unshare(1): mounts were not tested");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("running 1 test") {
        return eprintln!("no user namespaces: not tested: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
