//! Columns of the table of `doctor`: how wide each is, and text made to fit it.

use super::wrap::fill;
use super::{Page, visible};
use tabled::grid::util::string::get_text_width;

/// Room that the two columns of text need beside each other to be worth it.
const TWO_COLUMNS: usize = 28;

/// Columns of the longest word of a state: `critical`.
const STATE: usize = 8;

/// Widths of the columns of text. Too little room for both leaves out what is wanted: the findings say it below.
pub struct Layout {
    check: usize,
    found: usize,
    wanted: Option<usize>,
}

/// What a column of text asks for.
struct Need {
    /// Columns of its longest cell.
    cell: usize,
    /// Columns of its longest word, below which words are cut.
    word: usize,
}

impl Layout {
    /// State, check and the gaps keep their width; found and wanted share the rest by need.
    pub fn of<'a>(rows: impl Iterator<Item = (&'a str, (String, String))>, page: &Page) -> Self {
        const STATE_AND_GAPS: usize = STATE + 2 + 2 + 2;
        let (ids, texts): (Vec<&str>, Vec<(String, String)>) = rows.unzip();
        let check = widest(ids.iter().map(|id| id.len())).max("CHECK".len()).min(page.width / 2);
        let room = page.width.saturating_sub(STATE_AND_GAPS + check);
        if room < TWO_COLUMNS {
            return Self { check, found: (room + 2).max(8), wanted: None };
        }
        let found = Need::of("FOUND", texts.iter().map(|(found, _)| found.as_str()));
        let wanted = Need::of("WANTED", texts.iter().map(|(_, wanted)| wanted.as_str()));
        let (found, wanted) = shared(room, &found, &wanted);
        Self { check, found, wanted: Some(wanted) }
    }

    /// The cells of a row.
    pub fn cells(&self, state: String, check: &str, found: &str, wanted: &str) -> Vec<String> {
        let cell = |text: &str, width| padded(&fill(&visible(text), width).join("\n"), width);
        let (state, check) = (padded(&state, STATE), cell(check, self.check));
        match self.wanted {
            Some(width) => vec![state, check, cell(found, self.found), cell(wanted, width)],
            None => vec![state, check, cell(found, self.found)],
        }
    }
}

impl Need {
    fn of<'a>(heading: &'a str, texts: impl Iterator<Item = &'a str>) -> Self {
        let texts: Vec<String> = std::iter::once(heading).chain(texts).map(|text| visible(text).into_owned()).collect();
        Self {
            cell: widest(texts.iter().map(|text| get_text_width(text))),
            word: widest(texts.iter().flat_map(|text| text.split_whitespace()).map(get_text_width)),
        }
    }
}

/// Who fits into half the room leaves the rest to the other; else each gets half, and a path that is longer than that
/// gets what the other can spare, up to two thirds, so that it can be copied.
fn shared(room: usize, found: &Need, wanted: &Need) -> (usize, usize) {
    let half = room / 2;
    match (found.cell <= half, wanted.cell <= half) {
        (true, _) => (found.cell, wanted.cell.min(room - found.cell)),
        (false, true) => (found.cell.min(room - wanted.cell), wanted.cell),
        (false, false) => {
            let most = room.saturating_sub(wanted.word).min(room * 2 / 3);
            let width = if found.word <= most { found.word.max(room - half) } else { room - half };
            (width, room - width)
        }
    }
}

/// Text made as wide as its column, so that the tables of all subjects stand below each other. Escapes take no room.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(get_text_width(text))))
}

fn widest(widths: impl Iterator<Item = usize>) -> usize {
    widths.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(cell: usize, word: usize) -> Need {
        Need { cell, word }
    }

    #[test]
    fn a_short_column_leaves_its_room_to_the_other() {
        assert_eq!(shared(60, &need(10, 5), &need(90, 10)), (10, 50));
        assert_eq!(shared(60, &need(90, 5), &need(12, 10)), (48, 12));
        assert_eq!(shared(60, &need(90, 5), &need(90, 10)), (30, 30));
    }

    #[test]
    fn a_path_stays_whole_where_the_other_column_can_spare_the_room() {
        assert_eq!(shared(60, &need(90, 36), &need(90, 10)), (36, 24));
        assert_eq!(shared(60, &need(90, 58), &need(90, 10)), (30, 30));
        assert_eq!(shared(60, &need(90, 58), &need(90, 58)), (30, 30));
    }
}
