use super::*;
use std::fs;
use tempfile::TempDir;

const PATH: &str = "/fstab";

struct Table {
    place: TempDir,
    root: Root,
    before: FileImage,
    after: FileImage,
    line: Content,
}

impl Table {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open(place.path()).unwrap();
        let before = FileImage::configuration("# table\n/dev/vda1 / ext4 rw 0 1\n");
        let after = before.with_content("# table\n/dev/vda1 / ext4 rw 0 1\ntmpfs /mem tmpfs size=64m 0 0\n");
        let table = Self { place, root, before, after, line: "tmpfs /mem tmpfs size=64m 0 0".into() };
        table.write(&table.before.content.text());
        table
    }

    fn write(&self, text: &str) {
        fs::write(self.place.path().join("fstab"), text).unwrap();
    }

    fn text(&self) -> String {
        let names = fs::read_dir(self.place.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name != "var").count(), 1, "a temporary file is left");
        fs::read_to_string(self.place.path().join("fstab")).unwrap()
    }

    fn added(&self) -> Line<'_> {
        let (before, after) = (Some(&self.before), Some(&self.after));
        Line { path: PATH, before, after, old_line: None, new_line: Some(&self.line) }
    }

    fn undo(&self) -> Line<'_> {
        let (before, after) = (Some(&self.after), Some(&self.before));
        Line { path: PATH, before, after, old_line: Some(&self.line), new_line: None }
    }

    fn standing(&self, line: &Line<'_>) -> Standing {
        standing(&self.root, line).unwrap()
    }
}

#[test]
fn a_line_is_added_and_taken_out_byte_for_byte() {
    let table = Table::new();
    assert_eq!(table.standing(&table.added()), Standing::Before);
    make(&table.root, &table.added(), "1", Care::Respect).unwrap();
    assert_eq!(table.text(), table.after.content.text());
    assert_eq!(table.standing(&table.undo()), Standing::Before);
    make(&table.root, &table.undo(), "1", Care::LineAlone).unwrap();
    assert_eq!(table.text(), table.before.content.text());
}

#[test]
fn lines_that_others_added_since_stay() {
    let table = Table::new();
    let drifted = format!("{}/dev/vdb /srv ext4 rw 0 2\n", table.after.content.text());
    table.write(&drifted);
    assert_eq!(table.standing(&table.undo()), Standing::Drifted);
    assert!(make(&table.root, &table.undo(), "1", Care::Respect).is_err(), "only with LineAlone");
    assert_eq!(table.text(), drifted);
    make(&table.root, &table.undo(), "1", Care::LineAlone).unwrap();
    assert_eq!(table.text(), format!("{}/dev/vdb /srv ext4 rw 0 2\n", table.before.content.text()));
    assert_eq!(table.standing(&table.undo()), Standing::After);
}

#[test]
fn a_line_that_others_have_changed_is_theirs() {
    let table = Table::new();
    let theirs = table.after.content.text().replace("64m", "32m");
    table.write(&theirs);
    let change = Line { new_line: Some(&table.line), ..table.undo() };
    assert!(matches!(table.standing(&change), Standing::Other(_) | Standing::After));
    let twice = format!("{}{}\n", table.after.content.text(), table.line.text());
    table.write(&twice);
    assert!(matches!(table.standing(&table.undo()), Standing::Other(_)));
    assert!(make(&table.root, &table.undo(), "1", Care::LineAlone).is_err());
    assert_eq!(table.text(), twice);
}

/// What a change by force makes of a file.
fn forced(table: &Table, line: &Line<'_>, present: &str) -> String {
    table.write(present);
    make(&table.root, line, "1", Care::Overwrite).unwrap();
    table.text()
}

#[test]
fn by_force_the_line_alone_is_changed_and_never_the_whole_file() {
    let table = Table::new();
    let (ours, undo, theirs) = (table.line.text(), table.undo(), "# theirs\n/dev/vdb /srv ext4 rw 0 2\n");
    for gone in [
        format!("{ours}\n"),
        format!("{ours}\n{ours}\n"),
        "tmpfs /mem tmpfs size=1g 0 0\n".into(),
        "tmpfs\t/mem tmpfs size=1g\ntmpfs\t/mem tmpfs size=1g\n".into(),
        String::new(),
    ] {
        assert_eq!(forced(&table, &undo, &format!("{theirs}{gone}")), theirs, "{gone}");
    }
    assert_eq!(forced(&table, &undo, ""), "");
    fs::remove_file(table.place.path().join("fstab")).unwrap();
    make(&table.root, &undo, "1", Care::Overwrite).unwrap();
    assert!(!table.place.path().join("fstab").exists());
}

#[test]
fn by_force_a_line_that_was_taken_out_is_put_in_the_place_of_its_rival_or_else_at_the_end() {
    let table = Table::new();
    let (ours, theirs) = (table.line.text(), "/dev/vdb /srv ext4 rw 0 2\n");
    // The undo of a change that took `ours` out.
    let undo = table.added();
    assert_eq!(forced(&table, &undo, theirs), format!("{theirs}{ours}\n"));
    assert_eq!(forced(&table, &undo, &format!("tmpfs /mem tmpfs rw 0 0\n{theirs}")), format!("{ours}\n{theirs}"));
    assert_eq!(forced(&table, &undo, &format!("{ours}\n{theirs}{ours}\n")), format!("{ours}\n{theirs}"));
    // And of one that had put `ours` in the place of `old`.
    let old = Content::from("tmpfs /mem tmpfs size=1m 0 0");
    let undo = Line { new_line: Some(&old), ..table.undo() };
    for present in [ours.as_str(), "tmpfs /mem tmpfs size=9m", &old.text(), ""] {
        let changed = forced(&table, &undo, &format!("{theirs}{present}\n"));
        assert_eq!(changed.trim_end().rsplit('\n').next(), Some(old.text().as_str()), "{present}");
        assert!(changed.starts_with(theirs) && changed.matches("/mem").count() == 1, "{changed}");
    }
}

#[test]
fn what_is_changed_by_force_is_kept_as_it_was() {
    let table = Table::new();
    let present = "# theirs\ntmpfs /mem tmpfs size=1g 0 0\n";
    forced(&table, &table.undo(), present);
    let kept = table.place.path().join("var/lib/gtune/backup/1/fstab.forced-1");
    assert_eq!(fs::read_to_string(kept).unwrap(), present);
    forced(&table, &table.undo(), "# theirs\n");
    assert_eq!(fs::read_dir(table.place.path().join("var/lib/gtune/backup/1")).unwrap().count(), 1, "nothing changed");
}

#[test]
fn a_line_whose_place_is_taken_is_not_put_back_beside_the_new_one() {
    let table = Table::new();
    let present = format!("{}tmpfs /mem tmpfs size=1g 0 0\n", table.before.content.text());
    table.write(&present);
    // The change took the line out.
    let change = table.undo();
    let taken = Standing::Other("its place is taken by: tmpfs /mem tmpfs size=1g 0 0".into());
    assert_eq!(table.standing(&change), taken);
    assert!(make(&table.root, &table.added(), "1", Care::LineAlone).is_err());
    assert_eq!(table.text(), present);
}

#[test]
fn a_line_that_is_there_twice_is_nobodys_and_not_taken_for_undone() {
    let table = Table::new();
    table.write(&format!("{}{}\n", table.after.content.text(), table.line.text()));
    assert_eq!(table.standing(&table.added()), Standing::Other("its line is there 2 times".into()));
}

#[test]
fn a_killed_run_that_changed_the_line_alone_is_settled() {
    let table = Table::new();
    let with = format!("{}# theirs\n", table.after.content.text());
    let without = format!("{}# theirs\n", table.before.content.text());
    for line in [table.added(), table.undo()] {
        for (file, temporary) in [(&with, &without), (&without, &with)] {
            for part in [temporary.len(), 9, 0] {
                table.write(file);
                let left = table.place.path().join(".fstab.gtune-1");
                fs::write(&left, &temporary[..part]).unwrap();
                let mode = if part == temporary.len() { 0o644 } else { 0o600 };
                fs::set_permissions(&left, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
                settle(&table.root, &line, "1").unwrap();
                assert_eq!(&table.text(), file);
            }
        }
    }
}
