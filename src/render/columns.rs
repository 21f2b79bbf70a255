//! A table without lines that fits the page.

use super::Page;
use super::wrap::fill;
use clap::builder::styling::Style as Look;
use tabled::builder::Builder;
use tabled::grid::util::string::get_text_width;
use tabled::settings::{Padding, Style};

/// Columns between two cells.
const GAP: usize = 2;

/// In a narrower column a text is no longer read.
const LEAST: usize = 8;

/// Rows below their headings. The columns of `gives_way` share what the others leave, the widest giving way first, and
/// words are broken only where nothing else is left; the other cells are never broken, but where they hold line ends. None
/// where the page has no room for that.
pub fn columns<const N: usize>(
    headings: &[&str; N],
    rows: &[[String; N]],
    gives_way: &[usize],
    page: &Page,
) -> Option<String> {
    let widths = widths(headings, rows, gives_way, page.width)?;
    let mut builder = Builder::default();
    builder.push_record(headings.map(|word| page.paint.with(Look::new().bold(), word)));
    for row in rows {
        let cells = row.iter().zip(widths);
        builder.push_record(cells.map(|(cell, width)| lines(cell, width).join("\n")));
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, GAP, 0, 0));
    Some(table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect())
}

fn lines(cell: &str, width: usize) -> Vec<String> {
    cell.lines().flat_map(|line| fill(line, width)).collect()
}

fn widths<const N: usize>(
    headings: &[&str; N],
    rows: &[[String; N]],
    gives_way: &[usize],
    page: usize,
) -> Option<[usize; N]> {
    let least = headings.map(|heading| heading.len().max(LEAST));
    let (mut widths, mut words) = (least, least);
    for (at, cell) in rows.iter().flat_map(|row| row.iter().enumerate()) {
        widths[at] = cell.lines().map(get_text_width).fold(widths[at], usize::max);
        words[at] = cell.split_whitespace().map(get_text_width).fold(words[at], usize::max);
    }
    let room = page.saturating_sub(GAP * N.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let widest = |least: [usize; N]| {
            gives_way.iter().copied().filter(|at| widths[*at] > least[*at]).max_by_key(|at| widths[*at])
        };
        widths[widest(words).or_else(|| widest(least))?] -= 1;
    }
    Some(widths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Detail;
    use crate::render::style::Paint;

    fn table(width: usize) -> Option<String> {
        let page = Page { width, paint: Paint::Plain, detail: Detail::Normal };
        let rows = [["2026-11-20T19:14:07Z\nto 19:20:00Z".to_owned(), "one two three four five".to_owned()]];
        columns(&["WHEN", "WHY"], &rows, &[1], &page)
    }

    #[test]
    fn only_what_gives_way_is_filled_and_line_ends_are_kept() {
        let wide = "WHEN                  WHY\n2026-11-20T19:14:07Z  one two three four five\nto 19:20:00Z\n";
        assert_eq!(table(80).unwrap(), wide);
        let narrow = "WHEN                  WHY\n2026-11-20T19:14:07Z  one two\nto 19:20:00Z          three four\n                      five\n";
        assert_eq!(table(32).unwrap(), narrow);
        assert_eq!(table(25), None);
    }
}
