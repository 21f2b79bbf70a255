use super::*;
use crate::facts::{MountUnit, Unit};
use std::fs;
use std::os::unix::fs::symlink;

/// An image, empty but for what a test puts there.
struct Image(tempfile::TempDir);

impl Image {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, path: &str, text: &str) -> Self {
        let path = self.place(path);
        fs::write(path, text).unwrap();
        self
    }

    fn with_link(self, path: &str, target: &str) -> Self {
        symlink(target, self.place(path)).unwrap();
        self
    }

    fn place(&self, path: &str) -> std::path::PathBuf {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn root(&self) -> Root {
        Root::open(self.0.path()).unwrap()
    }

    fn unit(&self, name: &str) -> Unit {
        unit(&self.root(), name, &Scope::System)
    }
}

fn somaxconn(image: &Image) -> Fact<(String, String)> {
    let store = sysctl_store(&image.root());
    store.keys["net.core.somaxconn"].systemd.clone().map(|winner| (winner.value, winner.file))
}

fn set(value: &str, file: &str) -> Fact<(String, String)> {
    Fact::Known((value.to_owned(), file.to_owned()))
}

#[test]
fn an_empty_image_stores_nothing() {
    let root = Image::new().root();
    assert_eq!(fstab(&root), Fact::Absent);
    assert_eq!(limits_conf(&root), Fact::Absent);
    assert_eq!(mount_units(&root), []);
    assert!(sysctl_store(&root).keys.values().all(|key| key.systemd == Fact::Absent && key.procps == Fact::Absent));
}

#[test]
fn an_fstab_that_leads_outside_is_absent() {
    let image = Image::new().with_link("/etc/fstab", "/../../../../../../etc/hostname");
    assert_eq!(fstab(&image.root()), Fact::Absent);
}

#[test]
fn the_last_sysctl_file_by_name_wins_whatever_its_directory() {
    let image = Image::new()
        .with("/etc/sysctl.d/10-a.conf", "net.core.somaxconn=1\n")
        .with("/usr/lib/sysctl.d/90-b.conf", "net.core.somaxconn=2\n");
    assert_eq!(somaxconn(&image), set("2", "/usr/lib/sysctl.d/90-b.conf"));
}

#[test]
fn a_sysctl_file_is_masked_by_a_link_to_null_also_where_the_image_has_no_devices() {
    let image = Image::new()
        .with("/usr/lib/sysctl.d/90-b.conf", "net.core.somaxconn=2\n")
        .with_link("/etc/sysctl.d/90-b.conf", "/dev/null");
    assert_eq!(somaxconn(&image), Fact::Absent);
}

#[test]
fn a_sysctl_link_to_nowhere_masks_too() {
    let image = Image::new()
        .with("/usr/lib/sysctl.d/90-b.conf", "net.core.somaxconn=2\n")
        .with_link("/etc/sysctl.d/90-b.conf", "nowhere");
    assert_eq!(somaxconn(&image), Fact::Absent);
}

#[test]
fn debian_12_reads_sysctl_conf_by_a_link() {
    let image = Image::new()
        .with("/etc/sysctl.conf", "net.core.somaxconn=7\n")
        .with_link("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
    assert_eq!(somaxconn(&image), set("7", "/etc/sysctl.d/99-sysctl.conf"));
}

#[test]
fn on_a_merged_system_no_sysctl_file_is_read_twice() {
    let image = Image::new().with("/usr/lib/sysctl.d/90-b.conf", "net.core.somaxconn=2\n").with_link("/lib", "usr/lib");
    let directories = conf_files::distinct(&image.root(), &SYSCTL_DIRECTORIES);
    assert_eq!(directories, ["/usr/lib/sysctl.d"]);
}

#[test]
fn a_sysctl_file_that_cannot_be_read_makes_the_prediction_unreadable() {
    let image = Image::new().with("/etc/sysctl.d/10-a.conf", "net.core.somaxconn=1\n");
    let huge = fs::File::create(image.place("/etc/sysctl.d/99-z.conf")).unwrap();
    huge.set_len(1 << 40).unwrap();
    assert!(matches!(somaxconn(&image), Fact::Unreadable(_)));
}

#[test]
fn limits_are_read_in_the_order_pam_applies_them() {
    let image = Image::new()
        .with("/etc/security/limits.d/90-b.conf", "* soft nofile 3\n")
        .with("/etc/security/limits.d/10-a.conf", "* soft nofile 2\n")
        .with("/etc/security/limits.d/note.txt", "* soft nofile 9\n")
        .with("/etc/security/limits.conf", "* soft nofile 1\n");
    let limits = limits_conf(&image.root());
    let files: Vec<_> = limits.known().unwrap().lines.iter().map(|line| line.file.as_str()).collect();
    let wanted = ["/etc/security/limits.conf", "/etc/security/limits.d/10-a.conf", "/etc/security/limits.d/90-b.conf"];
    assert_eq!(files, wanted);
}

#[test]
fn one_limits_file_that_cannot_be_read_hides_the_answer() {
    let image = Image::new().with("/etc/security/limits.conf", "* soft nofile 1\n");
    nix::unistd::mkfifo(&image.place("/etc/security/limits.d/x.conf"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(matches!(limits_conf(&image.root()), Fact::Unreadable(_)));
}

const APP: &str = "[Unit]\nDescription=app\n[Service]\nExecStart=/usr/bin/gunicorn app:app\nLimitNOFILE=1024\n";

fn winning<'a>(unit: &'a Unit, key: &str) -> Option<(&'a str, &'a str)> {
    unit.winner(key).map(|winner| (winner.value.as_str(), winner.file.as_str()))
}

#[test]
fn a_unit_without_files_is_absent() {
    let unit = Image::new().unit("gunicorn.service");
    assert_eq!(unit.fragment, Fact::Absent);
    assert!(unit.drop_ins.is_empty() && unit.stored.is_empty());
    assert!(matches!(unit.loaded, Fact::Unreadable(_)));
}

#[test]
fn the_operators_fragment_hides_the_packages() {
    let image = Image::new()
        .with("/usr/lib/systemd/system/app.service", APP)
        .with("/etc/systemd/system/app.service", "[Service]\nLimitNOFILE=2048\n");
    let unit = image.unit("app.service");
    assert_eq!(unit.fragment, Fact::Known("/etc/systemd/system/app.service".to_owned()));
    assert_eq!(winning(&unit, "Service.LimitNOFILE"), Some(("2048", "/etc/systemd/system/app.service")));
    assert_eq!(winning(&unit, "Service.ExecStart"), None);
}

#[test]
fn drop_ins_are_applied_by_name_over_all_directories() {
    let image = Image::new()
        .with("/etc/systemd/system/app.service", APP)
        .with("/etc/systemd/system/app.service.d/10-a.conf", "[Service]\nLimitNOFILE=1\n")
        .with("/usr/lib/systemd/system/app.service.d/90-b.conf", "[Service]\nLimitNOFILE=2\n")
        .with("/etc/systemd/system/app.service.d/README", "[Service]\nLimitNOFILE=3\n");
    let unit = image.unit("app.service");
    let wanted = ["/etc/systemd/system/app.service.d/10-a.conf", "/usr/lib/systemd/system/app.service.d/90-b.conf"];
    assert_eq!(unit.drop_ins, wanted);
    assert_eq!(winning(&unit, "Service.LimitNOFILE"), Some(("2", wanted[1])));
    assert_eq!(unit.stored["Service.LimitNOFILE"].len(), 3);
}

#[test]
fn of_drop_ins_with_one_name_the_more_specific_counts() {
    let image = Image::new()
        .with("/etc/systemd/system/app-web@.service", APP)
        .with("/etc/systemd/system/service.d/50-x.conf", "[Service]\nLimitNOFILE=1\n")
        .with("/etc/systemd/system/app-.service.d/50-x.conf", "[Service]\nLimitNOFILE=2\n");
    assert_eq!(winning(&image.unit("app-web@1.service"), "Service.LimitNOFILE").unwrap().0, "2");
    let image = image.with("/usr/lib/systemd/system/app-web@.service.d/50-x.conf", "[Service]\nLimitNOFILE=3\n");
    // Directory comes before name: what lies in /etc hides what lies in /usr/lib.
    assert_eq!(winning(&image.unit("app-web@1.service"), "Service.LimitNOFILE").unwrap().0, "2");
    let image = image.with("/etc/systemd/system/app-web@1.service.d/50-x.conf", "[Service]\nLimitNOFILE=4\n");
    assert_eq!(winning(&image.unit("app-web@1.service"), "Service.LimitNOFILE").unwrap().0, "4");
}

#[test]
fn an_instance_takes_its_template_unless_it_has_a_file_of_its_own() {
    let image = Image::new().with("/etc/systemd/system/app@.service", APP);
    let fragment = |image: &Image| image.unit("app@web.service").fragment;
    assert_eq!(fragment(&image), Fact::Known("/etc/systemd/system/app@.service".to_owned()));
    let image = image.with("/usr/lib/systemd/system/app@web.service", APP);
    assert_eq!(fragment(&image), Fact::Known("/usr/lib/systemd/system/app@web.service".to_owned()));
}

#[test]
fn a_drop_in_is_masked_by_one_of_its_name() {
    let image = Image::new()
        .with("/etc/systemd/system/app.service", APP)
        .with("/usr/lib/systemd/system/app.service.d/50-x.conf", "[Service]\nLimitNOFILE=1\n")
        .with_link("/etc/systemd/system/app.service.d/50-x.conf", "/dev/null");
    let unit = image.unit("app.service");
    assert_eq!(winning(&unit, "Service.LimitNOFILE").unwrap().0, "1024");
    assert!(unit.drop_ins.is_empty());
}

#[test]
fn a_masked_unit_has_a_fragment_and_nothing_in_it() {
    let image = Image::new()
        .with("/usr/lib/systemd/system/app.service", APP)
        .with("/etc/systemd/system/app.service.d/x.conf", "[Service]\nLimitNOFILE=1\n")
        .with_link("/etc/systemd/system/app.service", "/dev/null");
    let unit = image.unit("app.service");
    assert_eq!(unit.fragment, Fact::Known("/etc/systemd/system/app.service".to_owned()));
    assert!(unit.stored.is_empty());
}

#[test]
fn drop_ins_of_an_alias_count_for_the_unit() {
    let image = Image::new()
        .with("/usr/lib/systemd/system/app.service", APP)
        .with_link("/etc/systemd/system/web.service", "/usr/lib/systemd/system/app.service")
        .with("/etc/systemd/system/web.service.d/x.conf", "[Service]\nLimitNOFILE=5\n");
    assert_eq!(winning(&image.unit("app.service"), "Service.LimitNOFILE").unwrap().0, "5");
    let by_alias = image.unit("web.service");
    assert_eq!(winning(&by_alias, "Service.LimitNOFILE").unwrap().0, "5");
    assert_eq!(winning(&by_alias, "Unit.Description").unwrap().0, "app");
}

#[test]
fn an_alias_is_known_by_any_spelling_of_its_link() {
    for target in ["/lib/systemd/system/app.service", "../../../usr/lib/systemd/system/app.service"] {
        let image = Image::new()
            .with("/usr/lib/systemd/system/app.service", APP)
            .with_link("/lib", "usr/lib")
            .with_link("/etc/systemd/system/web.service", target)
            .with("/etc/systemd/system/web.service.d/x.conf", "[Service]\nLimitNOFILE=5\n");
        assert_eq!(winning(&image.unit("app.service"), "Service.LimitNOFILE").unwrap().0, "5", "{target}");
    }
}

#[test]
fn a_drop_in_that_cannot_be_read_makes_the_unit_unreadable() {
    let image = Image::new().with("/etc/systemd/system/app.service", APP);
    fs::create_dir_all(image.place("/etc/systemd/system/app.service.d/x.conf/below")).unwrap();
    assert!(matches!(image.unit("app.service").fragment, Fact::Unreadable(_)));
}

#[test]
fn a_name_that_is_none_reaches_no_file() {
    let image = Image::new().with("/etc/app.service", APP);
    assert!(matches!(image.unit("../../app.service").fragment, Fact::Unreadable(_)));
}

#[test]
fn a_user_unit_is_looked_for_at_home_first() {
    let image = Image::new()
        .with("/etc/systemd/user/app.service", "[Service]\nLimitNOFILE=1\n")
        .with("/home/web/.config/systemd/user/app.service", "[Service]\nLimitNOFILE=2\n")
        .with("/run/user/1000/systemd/user/app.service.d/x.conf", "[Service]\nTasksMax=9\n");
    let scope = Scope::User { uid: 1000, home: "/home/web".to_owned() };
    let unit = unit(&image.root(), "app.service", &scope);
    assert!(unit.of_user);
    assert_eq!(winning(&unit, "Service.LimitNOFILE").unwrap().0, "2");
    assert_eq!(winning(&unit, "Service.TasksMax").unwrap().0, "9");
}

const MEM: &str = "[Mount]\nWhat=tmpfs\nWhere=/mem\nType=tmpfs\nOptions=size=64m\n";

fn only_mount(image: &Image) -> MountUnit {
    let mut units = mount_units(&image.root());
    assert_eq!(units.len(), 1, "{units:?}");
    units.remove(0)
}

#[test]
fn a_mount_unit_is_enabled_by_what_wants_it() {
    let image = Image::new().with("/etc/systemd/system/mem.mount", MEM);
    let unit = only_mount(&image);
    assert_eq!((unit.mount_point.as_str(), unit.kind.name(), unit.enabled), ("/mem", "tmpfs", false));
    let image = image.with_link("/etc/systemd/system/multi-user.target.wants/mem.mount", "../mem.mount");
    assert!(only_mount(&image).enabled);
}

#[test]
fn what_only_the_initrd_wants_is_not_enabled() {
    let image = Image::new()
        .with("/etc/systemd/system/mem.mount", MEM)
        .with_link("/etc/systemd/system/initrd.target.wants/mem.mount", "../mem.mount");
    assert!(!only_mount(&image).enabled);
}

#[test]
fn a_mask_at_run_time_does_not_outlive_the_boot() {
    let image = Image::new()
        .with("/etc/systemd/system/mem.mount", MEM)
        .with_link("/etc/systemd/system/local-fs.target.requires/mem.mount", "../mem.mount")
        .with_link("/run/systemd/system/mem.mount", "/dev/null");
    assert!(only_mount(&image).enabled);
}

#[test]
fn a_masked_mount_unit_is_told_as_written_and_not_enabled() {
    let image = Image::new()
        .with("/usr/lib/systemd/system/mem.mount", MEM)
        .with_link("/usr/lib/systemd/system/local-fs.target.wants/mem.mount", "../mem.mount")
        .with_link("/etc/systemd/system/mem.mount", "/dev/null");
    let unit = only_mount(&image);
    assert_eq!((unit.file.as_str(), unit.enabled), ("/usr/lib/systemd/system/mem.mount", false));
}

#[test]
fn a_drop_in_changes_the_options_of_a_mount_unit() {
    let image = Image::new()
        .with("/etc/systemd/system/mem.mount", MEM)
        .with("/etc/systemd/system/mem.mount.d/size.conf", "[Mount]\nOptions=size=1g\n");
    assert_eq!(only_mount(&image).options, ["size=1g"]);
}

#[test]
fn a_doubled_percent_sign_is_one_to_the_kernel() {
    let image = Image::new().with("/etc/systemd/system/mem.mount", &MEM.replace("64m", "50%%"));
    assert_eq!(only_mount(&image).options, ["size=50%"]);
}
