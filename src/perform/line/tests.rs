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
        assert_eq!(fs::read_dir(self.place.path()).unwrap().count(), 1, "a temporary file is left");
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

#[test]
fn by_force_the_line_alone_is_changed_where_it_can_be_told_and_else_the_whole_file() {
    let table = Table::new();
    let drifted = format!("{}# theirs\n", table.after.content.text());
    table.write(&drifted);
    make(&table.root, &table.undo(), "1", Care::Overwrite).unwrap();
    assert_eq!(table.text(), format!("{}# theirs\n", table.before.content.text()));
    table.write(&format!("{0}\n{0}\n", table.line.text()));
    make(&table.root, &table.undo(), "1", Care::Overwrite).unwrap();
    assert_eq!(table.text(), table.before.content.text());
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
