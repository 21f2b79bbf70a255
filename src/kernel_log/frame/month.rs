//! Names of months in the locales that dmesg(1) and journalctl(1) print dates in.

/// How the names of each month begin, in lower case: long and short names of the usual locales (glibc's `LC_TIME`).
///
/// A few begin with another month's letters (Finnish `marraskuu` is November): the longest beginning counts.
const NAMES: [&[&str]; 12] = [
    &[
        "jan", "jaan", "jän", "ene", "gen", "gin", "sty", "led", "ian", "ιαν", "oca", "tam", "sau", "янв", "яну",
        "сту", "јан", "січ",
    ],
    &["feb", "fév", "fev", "febr", "lut", "úno", "ún", "φεβ", "şub", "hel", "vas", "veebr", "фев", "фев", "лют", "феб"],
    &["mar", "mär", "maa", "mrt", "már", "bře", "bř", "μαρ", "μάρ", "kov", "märts", "мар", "бер", "sak"],
    &["apr", "abr", "avr", "kwi", "dub", "ápr", "απρ", "nis", "huh", "bal", "апр", "кві", "кра"],
    &[
        "mai", "may", "maj", "mag", "mei", "maig", "kvě", "máj", "μαΐ", "μαι", "μάι", "tou", "geg", "мая", "май",
        "мај", "тра",
    ],
    &[
        "jun", "juin", "meith", "giu", "iun", "cze", "čen", "čer", "jún", "ιουν", "haz", "kes", "bir", "juuni", "июн",
        "юни", "јун", "чер",
    ],
    &[
        "jul",
        "juil",
        "lug",
        "iul",
        "lip",
        "čec",
        "červenec",
        "júl",
        "ιουλ",
        "tem",
        "hei",
        "lie",
        "juuli",
        "июл",
        "юли",
        "јул",
        "лип",
    ],
    &["aug", "aoû", "aou", "ag.", "ago", "avg", "sie", "srp", "αυγ", "ağu", "elo", "rgp", "rugp", "авг", "сер"],
    &["sep", "set", "wrz", "zář", "zá", "szept", "σεπ", "eyl", "syy", "rgs", "rugs", "сен", "сеп", "вер"],
    &["oct", "okt", "out", "ott", "paź", "říj", "οκτ", "eki", "lok", "spa", "окт", "жов"],
    &["nov", "noi", "noe", "lis", "νοε", "kas", "marra", "lap", "ноя", "нов", "ное", "лис"],
    &["dec", "det", "dez", "dic", "déc", "des", "gru", "pro", "δεκ", "ara", "jou", "grd", "дек", "дец", "гру", "сне"],
];

/// Names that mean one month in Polish and Czech and the month before that in Croatian.
const SHARED: [&str; 3] = ["lip", "srp", "lis"];

/// Weekdays in Polish, new and old, and Czech, without those that Croatian has too (`pon`).
const POLISH_OR_CZECH: [&str; 20] = [
    "nie", "wto", "śro", "czw", "pią", "sob", "nd", "pn", "wt", "śr", "cz", "pt", "so", "po", "út", "st", "čt", "pá",
    "ne", "niedz",
];

/// The month, 1 to 12, of the three English letters: what nearly every log has.
pub(super) fn english(name: [u8; 3]) -> Option<i8> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// The month, 1 to 12, that a word of any locale names, behind this weekday, which may be empty. A word that is one month
/// here and another there names none, unless the weekday tells: a wrong month is worse than none.
pub(super) fn of_word(word: &[u8], weekday: &[u8]) -> Option<i8> {
    if let [first, second, third] = word
        && let Some(month) = english([*first, *second, *third])
    {
        return Some(month);
    }
    let word = std::str::from_utf8(word).ok()?.to_lowercase();
    // Catalan `d’abr.`.
    let word = word.strip_prefix("d’").unwrap_or(&word);
    let months = NAMES.iter().zip(1_i8..);
    let beginnings = months.flat_map(|(names, month)| names.iter().map(move |name| (*name, month)));
    // Two bytes are compared first, which needs no call.
    let begin = word.as_bytes().first_chunk::<2>();
    let named = beginnings.filter(|(name, _)| name.as_bytes().first_chunk() == begin && word.starts_with(name));
    let (name, month) = named.max_by_key(|(name, _)| name.len())?;
    (!SHARED.contains(&name) || is_polish_or_czech(weekday)).then_some(month)
}

fn is_polish_or_czech(weekday: &[u8]) -> bool {
    let Ok(weekday) = std::str::from_utf8(weekday) else { return false };
    let weekday = weekday.trim_end_matches('.').to_lowercase();
    POLISH_OR_CZECH.contains(&weekday.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_locale_has_its_twelve_months() {
        let years = [
            "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
            "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
            "janv. févr. mars avril mai juin juil. août sept. oct. nov. déc.",
            "ene feb mar abr may jun jul ago sep oct nov dic",
            "gen feb mar apr mag giu lug ago set ott nov dic",
            "jan fev mar abr mai jun jul ago set out nov dez",
            "jan feb mrt apr mei jun jul aug sep okt nov dec",
            "sty lut mar kwi maj cze lip sie wrz paź lis gru",
            "led úno bře dub kvě čen čec srp zář říj lis pro",
            "leden únor březen duben květen červen červenec srpen září říjen listopad prosinec",
            "янв фев мар апр мая июн июл авг сен окт ноя дек",
            "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
            "січ лют бер кві тра чер лип сер вер жов лис гру",
            "jan feb már ápr máj jún júl aug szept okt nov dec",
            "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara",
            "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
            "Ιαν Φεβ Μαρ Απρ Μαΐ Ιουν Ιουλ Αυγ Σεπ Οκτ Νοε Δεκ",
            "ian feb mar apr mai iun iul aug sep oct nov dec",
            "jaan veebr märts apr mai juuni juuli aug sept okt nov dets",
            "яну фев мар апр май юни юли авг сеп окт ное дек",
        ];
        for year in years {
            let months: Vec<_> = year.split(' ').map(|word| of_word(word.as_bytes(), b"so").unwrap_or(0)).collect();
            assert_eq!(months, (1..=12).collect::<Vec<i8>>(), "{year}");
        }
    }

    #[test]
    fn a_word_that_is_two_months_is_believed_only_where_the_weekday_tells() {
        for (word, month) in [("lip", 7), ("srp", 8), ("srpen", 8), ("lis", 11), ("listopad", 11)] {
            for weekday in ["pet", "sub", "ned", "pon", "uto", "sri", "čet", "Sub", ""] {
                assert_eq!(of_word(word.as_bytes(), weekday.as_bytes()), None, "{weekday} {word}");
            }
            for weekday in ["pią", "sob", "pt", "Pá", "niedz."] {
                assert_eq!(of_word(word.as_bytes(), weekday.as_bytes()), Some(month), "{weekday} {word}");
            }
        }
        assert_eq!(of_word("Meith".as_bytes(), b"Sath"), Some(6), "June in Irish");
        assert_eq!(of_word("mei".as_bytes(), b"wo"), Some(5), "May in Dutch");
    }

    #[test]
    fn a_word_that_is_no_month_has_none() {
        for word in ["", "gunicorn", "Пт", "Call", "\u{fffd}"] {
            assert_eq!(of_word(word.as_bytes(), b""), None, "{word}");
        }
        assert_eq!(of_word(b"\xff\xfe", b""), None);
    }
}
